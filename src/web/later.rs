//! Answers that take their time, such as those of held polls.
//!
//! The route has looked at the request and knows who asks; what is left is to
//! wait. It waits outside all layers, and outside of HTTP's own buffers: a
//! thousand clients that wait cost what they wait for, and little more. The span
//! of the request goes along, so that what is logged meanwhile says whose it is.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::Response,
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Future},
};
use tracing::{Instrument as _, Span};

use crate::telemetry;

/// Stands in a response for the one that will come.
#[derive(Clone)]
struct Later {
    answer: Arc<Mutex<Option<BoxFuture<'static, Response>>>>,
    /// That of the request.
    span: Span,
}

/// The stand-in for an answer that takes its time.
pub(super) fn respond(answer: impl Future<Output = Response> + Send + 'static) -> Response {
    let mut response = Response::new(Body::empty());
    let later = Later {
        answer: Arc::new(Mutex::new(Some(answer.boxed()))),
        span: Span::current(),
    };
    response.extensions_mut().insert(later);
    response
}

/// Whether a response is such a stand-in.
pub(super) fn is_later(response: &Response) -> bool {
    response.extensions().get::<Later>().is_some()
}

/// Takes the answer to wait for out of a response; none if it is no stand-in.
/// What the layers have put into its head goes along.
pub fn take(response: &mut Response) -> Option<BoxFuture<'static, Response>> {
    let Later { answer, span } = response.extensions_mut().remove::<Later>()?;
    let answer = answer
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()?;
    let mut layers = std::mem::take(response.headers_mut());
    layers.remove(header::CONTENT_LENGTH);
    let whole = async move {
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
        let mut answer = answer.unwrap_or_else(|_| super::on_panic());
        if answer.status() == StatusCode::UNAUTHORIZED {
            // The session that was renewed when the wait began is over by now. Its
            // cookie must not take the place of one that the browser got since.
            layers.remove(header::SET_COOKIE);
        }
        answer.headers_mut().extend(layers);
        telemetry::http_request(answer.status().as_u16());
        answer
    };
    Some(whole.instrument(span).boxed())
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::{
        Router,
        http::{HeaderValue, Request},
        routing::get,
    };
    use tower::ServiceExt as _;
    use tower_http::trace::TraceLayer;
    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.0.lock().unwrap();
            lines.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn waits() -> Response {
        respond(async {
            tokio::task::yield_now().await;
            tracing::info!("while it waited");
            Response::new(Body::from("done"))
        })
    }

    #[tokio::test]
    async fn an_answer_that_comes_when_the_session_is_over_renews_no_cookie() {
        for (status, expected) in [(StatusCode::OK, true), (StatusCode::UNAUTHORIZED, false)] {
            let mut response = respond(async move {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = status;
                answer
            });
            let cookie = HeaderValue::from_static("hubbub_session=1");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            let answer = take(&mut response).unwrap().await;
            let is_set = answer.headers().contains_key(header::SET_COOKIE);
            assert_eq!(is_set, expected, "{status}");
        }
    }

    #[tokio::test]
    async fn what_is_logged_while_an_answer_waits_names_its_request() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().with_writer(move || writer.clone());
        let log = tracing_subscriber::registry().with(layer);
        let _log = tracing::subscriber::set_default(log);
        let trace = TraceLayer::new_for_http().make_span_with(telemetry::request_span);
        let routes = Router::new().route("/waits", get(waits)).layer(trace);
        let request = Request::get("/waits?token=sesame");
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await;
        let mut answer = answer.unwrap();
        assert!(is_later(&answer));
        take(&mut answer).unwrap().await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = text.lines().find(|line| line.contains("while it waited"));
        let line = line.unwrap_or_else(|| panic!("it was logged: {text}"));
        assert!(line.contains("\"path\":\"/waits\""), "{line}");
        assert!(!text.contains("sesame"), "{text}");
    }
}
