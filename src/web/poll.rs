//! `/api/v1/poll` and `/api/v1/frames`: the chat over plain requests.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tower_sessions::Session;

use crate::{app::App, chat::connection::Pass, transport::long_poll};

use super::{body, caller, caller::Route, error::ApiError, later, origin};

/// How long the body of a poll after signing out may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// `POST /api/v1/poll`.
pub(super) async fn poll(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, rest) = request.into_parts();
    let admitted = admit(&app, &parts).await;
    let request = Request::from_parts(parts, rest);
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refusal) => {
            if refusal.is_no_session() {
                see_off(&app, request).await;
            }
            return Err(refusal);
        }
    };
    let asked = read(&app, request).await?;
    let longest = Duration::from_millis(app.config.timing.poll_hold_ms);
    Ok(later::respond(async move {
        match long_poll::poll(&app.hub, caller, asked, longest, &app.shutdown).await {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => ApiError::from(refusal).into_response(),
        }
    }))
}

/// Looks at what nobody asks: it may come from who has just signed out. Reads no
/// more of it than a poll has.
async fn see_off(app: &Arc<App>, request: Request<Body>) {
    let most = app.config.limits.frame_bytes;
    let size = request.body().size_hint().exact();
    if size.is_some_and(|size| size <= most as u64) {
        let asked = async { timeout(GOODBYE, read(app, request)).await.ok()?.ok() };
        long_poll::see_off(&app.hub, asked, &app.shutdown).await;
    }
}

/// `POST /api/v1/frames`.
pub(super) async fn frames(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, rest) = request.into_parts();
    let caller = admit(&app, &parts).await?;
    let asked = read(&app, Request::from_parts(parts, rest)).await?;
    let answer = long_poll::frames(&app.hub, caller, asked).await?;
    Ok(Json(answer).into_response())
}

/// Who asks, if they may.
async fn admit(app: &Arc<App>, parts: &Parts) -> Result<Pass, ApiError> {
    origin::check(parts, &app.config)?;
    let caller = caller::identify(app, parts, Route::Request).await?;
    if caller.lease.is_some() {
        if !app.hold_name(&caller.user).await {
            return Err(ApiError::no_session());
        }
        if let Some(session) = parts.extensions.get::<Session>() {
            // Polling is being here: the session goes on.
            app.sessions.touch(session).await?;
        }
    }
    Ok(caller)
}

async fn read<T: DeserializeOwned>(app: &App, request: Request<Body>) -> Result<T, ApiError> {
    body::read_json(request, app.config.limits.frame_bytes).await
}
