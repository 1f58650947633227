//! `/api/v1/poll` and `/api/v1/frames`: the chat over plain requests.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use tower_sessions::Session;

use crate::{app::App, chat::connection::Pass, transport::long_poll};

use super::{body, caller, caller::Route, error::ApiError, later, origin};

/// `POST /api/v1/poll`.
pub(super) async fn poll(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (caller, asked) = read(&app, request).await?;
    let longest = Duration::from_millis(app.config.timing.poll_hold_ms);
    Ok(later::respond(async move {
        match long_poll::poll(&app.hub, caller, asked, longest, &app.shutdown).await {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => ApiError::from(refusal).into_response(),
        }
    }))
}

/// `POST /api/v1/frames`.
pub(super) async fn frames(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (caller, asked) = read(&app, request).await?;
    let answer = long_poll::frames(&app.hub, caller, asked).await?;
    Ok(Json(answer).into_response())
}

async fn read<T: DeserializeOwned>(
    app: &Arc<App>,
    request: Request<Body>,
) -> Result<(Pass, T), ApiError> {
    let (parts, rest) = request.into_parts();
    origin::check(&parts, &app.config)?;
    let caller = caller::identify(app, &parts, Route::Request).await?;
    if caller.lease.is_some() {
        if !app.hold_name(&caller.user).await {
            return Err(ApiError::no_session());
        }
        if let Some(session) = parts.extensions.get::<Session>() {
            // Polling is being here: the session goes on.
            app.sessions.touch(session).await?;
        }
    }
    let request = Request::from_parts(parts, rest);
    let asked = body::read_json(request, app.config.limits.frame_bytes).await?;
    Ok((caller, asked))
}
