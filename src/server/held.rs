//! Waiting for an answer without HTTP's buffers around it.
//!
//! While an answer takes its time, the conversation is over for the library
//! that reads requests: it would keep two buffers of 8 KiB. Here a waiting
//! client has its stream and the answer it waits for. The answer is written
//! whole, and then the stream goes back into a conversation.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    body::{Bytes, to_bytes},
    http::{HeaderMap, Request, Version, header},
    response::Response,
};
use futures_util::future::BoxFuture;
use tokio::{sync::Notify, time::timeout};

use crate::{
    shutdown::{Phase, Shutdown},
    transport::stream::{Flushed, Stream},
};

/// How long a client may take nothing of its answer.
const TAKING: Duration = Duration::from_secs(30);

/// An answer to wait for.
pub(super) type Awaited = BoxFuture<'static, Response>;

/// Where a request of a conversation leaves the answer that it waits for.
pub(super) struct Slot {
    awaited: Mutex<Option<Awaited>>,
    filled: Notify,
    flushed: Flushed,
}

impl Slot {
    /// The slot of a conversation over a stream with this mark.
    pub(super) fn new(flushed: Flushed) -> Self {
        Self {
            awaited: Mutex::default(),
            filled: Notify::new(),
            flushed,
        }
    }

    /// Whether the stream may be taken out of the conversation: all that was
    /// answered before is out.
    pub(super) fn is_open(&self) -> bool {
        self.flushed.get()
    }

    /// Leaves an answer.
    pub(super) fn fill(&self, awaited: Awaited) {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = Some(awaited);
        self.filled.notify_one();
    }

    /// Returns once there is one.
    pub(super) async fn filled(&self) -> Awaited {
        loop {
            self.filled.notified().await;
            let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(awaited) = awaited.take() {
                return awaited;
            }
        }
    }
}

/// Whether a client stays after the answer, in the one version where that goes
/// without saying.
pub(super) fn stays<B>(request: &Request<B>) -> bool {
    let mut said = request.headers().get_all(header::CONNECTION).iter();
    request.version() == Version::HTTP_11
        && said.all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// Waits for the answer and writes it. Returns the stream if it goes on.
pub(super) async fn answer(
    mut stream: Stream,
    awaited: Awaited,
    shutdown: &Shutdown,
) -> Option<Stream> {
    let response = tokio::select! {
        response = awaited => response,
        () = stream.gone() => return None,
    };
    // As it is now: the instance may have begun to end meanwhile.
    let is_last = shutdown.phase() != Phase::Accepting;
    let bytes = Box::pin(render(response, is_last)).await?;
    let mut rest = &*bytes;
    while !rest.is_empty() {
        let taken = timeout(TAKING, stream.write(rest)).await.ok()?.ok()?;
        rest = rest.get(taken..).filter(|_| taken > 0)?;
    }
    (!is_last).then_some(stream)
}

/// The bytes of an answer. `None` if its body breaks off.
async fn render(response: Response, is_last: bool) -> Option<Vec<u8>> {
    let (parts, body) = response.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.ok()?;
    let reason = parts.status.canonical_reason().unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16());
    let date = httpdate::fmt_http_date(SystemTime::now());
    // Writing to a String cannot fail.
    let _ = write!(head, "date: {date}\r\ncontent-length: {}\r\n", body.len());
    if is_last {
        head.push_str("connection: close\r\n");
    }
    let mut bytes = head.into_bytes();
    append_headers(&mut bytes, &parts.headers);
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    Some(bytes)
}

fn append_headers(bytes: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if name == header::CONTENT_LENGTH {
            continue;
        }
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
}
