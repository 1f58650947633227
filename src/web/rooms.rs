//! `/api/v1/rooms`: the directory, the past of a room, and creating one.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    chat::commands::look,
    protocol::{
        client_frame::HISTORY_LIMIT,
        code::ErrorCode,
        name::{RoomName, RoomNameError, parse_title},
        position::{Position, PositionError},
        server_frame::Messages,
    },
};

use super::{api_key, body, caller, caller::Route, error::ApiError, origin};

/// The most rooms the directory shows.
const DIRECTORY: usize = 200;

/// `GET /api/v1/rooms`.
pub(super) async fn directory(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    caller::identify(&app, &parts, Route::Request).await?;
    let rooms = app.hub.broker.rooms(DIRECTORY).await?;
    Ok(Json(json!({"rooms": rooms})).into_response())
}

/// What `GET …/messages` may ask.
#[derive(Deserialize)]
pub(super) struct HistoryQuery {
    before: Option<String>,
    limit: Option<String>,
}

#[derive(serde::Serialize)]
struct HistoryAnswer {
    room: RoomName,
    messages: Messages,
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Position>,
}

/// `GET /api/v1/rooms/{name}/messages`.
pub(super) async fn messages(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(query): Query<HistoryQuery>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    caller::identify(&app, &parts, Route::Request).await?;
    let room = read_name(&name)?;
    let before = query
        .before
        .filter(|text| !text.is_empty())
        .map(|text| text.parse::<Position>())
        .transpose()
        .map_err(|error: PositionError| ApiError::new(ErrorCode::BadPosition, error.to_string()))?;
    let limit = match query.limit.as_deref() {
        None | Some("") => 50,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=HISTORY_LIMIT).contains(limit))
            .ok_or_else(|| {
                let message = format!("`limit` is a whole number from 1 to {HISTORY_LIMIT}");
                ApiError::new(ErrorCode::BadField, message)
            })?,
    };
    let found = look::history(&app.hub, &room, before, limit).await?;
    let answer = HistoryAnswer {
        room,
        messages: found.messages,
        more: found.more,
        before: found.before,
    };
    Ok(Json(answer).into_response())
}

#[derive(Default, Deserialize)]
struct NewRoom {
    title: Option<String>,
}

/// `POST /api/v1/rooms/{name}`: another program creates a room.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, rest) = request.into_parts();
    origin::check(&parts, &app.config)?;
    api_key::check(&parts.headers, app.config.api.key.as_ref())?;
    let request = Request::from_parts(parts, rest);
    let room = read_name(&name)?;
    let new: NewRoom = body::read_optional_json(request, app.config.limits.frame_bytes).await?;
    let title = parse_title(new.title.as_deref().unwrap_or_default())
        .map_err(|error| ApiError::new(ErrorCode::BadField, error.to_string()))?;
    let message = if app.hub.broker.open(&room, &title).await? {
        "created"
    } else {
        "it was there already"
    };
    let answer = json!({"data": {"name": room, "message": message}});
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

pub(super) fn read_name(name: &str) -> Result<RoomName, ApiError> {
    name.parse()
        .map_err(|error: RoomNameError| ApiError::new(ErrorCode::BadRoomName, error.to_string()))
}
