//! What tower-sessions leaves to do around its layer: the answer when the
//! session could not be written, and a cookie that browsers let go of.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::SET_COOKIE},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{SessionError, Sessions};

/// Marks a response that a route gave.
#[derive(Clone, Copy)]
struct Answered;

/// Inside the session layer: marks what the routes answer.
pub(super) async fn mark_answered(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Answered);
    response
}

/// Outside the session layer: a response without the mark is the layer's own
/// empty 500, which it gives when the session could not be written.
pub(super) async fn finish(
    State(sessions): State<Sessions>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if response.extensions_mut().remove::<Answered>().is_none() {
        return SessionError.into_response();
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        // The layer takes a cookie away that it does not know. The browser may
        // have got another one since this request went out, of the same name.
        response.headers_mut().remove(SET_COOKIE);
    } else if sessions.is_secure {
        secure_removal(&sessions, &mut response);
    }
    response
}

/// A removal names nothing but the path, and browsers ignore a `__Host-` cookie
/// that is not Secure, its removal included.
fn secure_removal(sessions: &Sessions, response: &mut Response) {
    let removal = format!("{}=;", sessions.cookie_name);
    for value in response
        .headers_mut()
        .iter_mut()
        .filter_map(|(name, value)| (name == SET_COOKIE).then_some(value))
    {
        let Some(text) = value
            .to_str()
            .ok()
            .filter(|text| text.starts_with(&removal))
        else {
            continue;
        };
        if let Ok(secure) =
            HeaderValue::from_str(&format!("{text}; HttpOnly; SameSite=Lax; Secure"))
        {
            *value = secure;
        }
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let code = self.code();
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::GATEWAY_TIMEOUT);
        let error = serde_json::json!({ "code": code, "message": self.to_string() });
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}
