//! Answers that take their time, such as those of held polls.
//!
//! The route has looked at the request and knows who asks; what is left is to
//! wait. It waits outside all layers, and outside of HTTP's own buffers: a
//! thousand clients that wait cost what they wait for, and little more.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{body::Body, http::header, response::Response};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Future},
};

use crate::telemetry;

/// Stands in a response for the one that will come.
#[derive(Clone)]
struct Later(Arc<Mutex<Option<BoxFuture<'static, Response>>>>);

/// The stand-in for an answer that takes its time.
pub(super) fn respond(answer: impl Future<Output = Response> + Send + 'static) -> Response {
    let mut response = Response::new(Body::empty());
    let later = Later(Arc::new(Mutex::new(Some(answer.boxed()))));
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
    let Later(answer) = response.extensions_mut().remove::<Later>()?;
    let answer = answer
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()?;
    let mut layers = std::mem::take(response.headers_mut());
    layers.remove(header::CONTENT_LENGTH);
    let whole = async move {
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
        let mut answer = answer.unwrap_or_else(|_| super::on_panic());
        answer.headers_mut().extend(layers);
        telemetry::http_request(answer.status().as_u16());
        answer
    };
    Some(whole.boxed())
}
