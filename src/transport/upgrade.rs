//! From an HTTP request to a WebSocket.
//!
//! The handshake is answered here rather than by axum's extractor because we
//! want the plain TCP stream afterwards: its buffers are ours to size, and a
//! socket that is closed for cause can be drained, so that the close code
//! arrives before the reset does.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header},
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{chat::refusal::Refusal, protocol::code::ErrorCode};

use super::stream::Stream;

/// A handshake that may go on.
pub struct Upgrade {
    on_upgrade: hyper::upgrade::OnUpgrade,
    accept: HeaderValue,
}

impl Upgrade {
    /// Checks that the request is a WebSocket handshake.
    pub fn of(request: &mut Request<Body>) -> Result<Self, Refusal> {
        let refuse = |message: &str| Refusal::new(ErrorCode::BadField, message.to_owned());
        if request.method() != Method::GET {
            return Err(refuse("a WebSocket begins with GET"));
        }
        let headers = request.headers();
        if !has_token(headers, &header::CONNECTION, "upgrade")
            || !has_token(headers, &header::UPGRADE, "websocket")
        {
            return Err(refuse(
                "this address speaks WebSocket; connect with a WebSocket client",
            ));
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION) != Some(&HeaderValue::from_static("13")) {
            return Err(refuse("Sec-WebSocket-Version must be 13"));
        }
        let key = headers
            .get(header::SEC_WEBSOCKET_KEY)
            .ok_or_else(|| refuse("Sec-WebSocket-Key is missing"))?;
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
            .map_err(|_| refuse("Sec-WebSocket-Key is not valid"))?;
        let on_upgrade = request
            .extensions_mut()
            .remove::<hyper::upgrade::OnUpgrade>()
            .ok_or_else(|| refuse("this HTTP connection cannot be upgraded"))?;
        Ok(Self { on_upgrade, accept })
    }

    /// The answer that lets the client go on.
    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        response
    }

    /// The stream, once the answer is out, and what the client sent behind its
    /// handshake. `None` if the client went away.
    pub async fn stream(self) -> Option<(TcpStream, Bytes)> {
        let upgraded = self.on_upgrade.await.ok()?;
        let parts = upgraded.downcast::<Stream>().ok()?;
        Some(parts.io.with_ahead(&parts.read_buf).into_parts())
    }
}

/// Whether a comma-separated header names a token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}
