//! Who calls: by a token, or by the session's cookie.

use std::sync::Arc;

use axum::http::{Uri, header, request::Parts};
use tower_sessions::Session;

use crate::{app::App, chat::connection::Pass};

use super::{error::ApiError, origin};

/// Which ways of naming oneself a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A request that changes or reads something.
    Request,
    /// A WebSocket: its URL may carry a token, as a browser cannot set headers
    /// there, and a cookie alone is not enough without a page's origin.
    Socket,
}

/// The caller, or the refusal that says to sign in.
pub(super) async fn identify(
    app: &Arc<App>,
    parts: &Parts,
    route: Route,
) -> Result<Pass, ApiError> {
    if let Some(token) = bearer(parts) {
        return Ok(app.pass_by_token(token)?);
    }
    if route == Route::Socket
        && let Some(token) = query_token(&parts.uri)
    {
        return Ok(app.pass_by_token(token)?);
    }
    let session = parts.extensions.get::<Session>();
    let session = session.ok_or_else(ApiError::no_session)?;
    let caller = app.pass_by_session(session).await?;
    let caller = caller.ok_or_else(ApiError::no_session)?;
    if route == Route::Socket && !origin::is_named(&parts.headers) {
        return Err(ApiError::new(
            crate::protocol::code::ErrorCode::Forbidden,
            "a WebSocket by cookie needs an Origin header; programs use a token",
        ));
    }
    Ok(caller)
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Tokens are of characters that no URL escapes, so the query is read as it is.
fn query_token(uri: &Uri) -> Option<&str> {
    uri.query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
}
