//! `/api/v1/rooms`: the directory, the past of a room, looking for words in it,
//! and creating one.

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
    broker::PrivateRoom,
    chat::commands::{look, search},
    protocol::{
        client_frame::{HISTORY_LIMIT, SEARCH_LIMIT},
        code::ErrorCode,
        name::{Query as Words, QueryError, RoomName, RoomNameError, parse_title},
        position::{Position, PositionError},
        server_frame::Messages,
        user::User,
    },
};

use super::{api_key, body, caller, caller::Route, error::ApiError, origin};

/// The most rooms the directory shows.
const DIRECTORY: usize = 200;
/// How many people it names in all, beside those of direct rooms.
const NAMES: usize = 5_000;

/// A private room, as one of its people sees it in the directory.
#[derive(serde::Serialize)]
struct PrivateLine {
    name: RoomName,
    title: String,
    count: u64,
    private: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
    people: Vec<User>,
}

impl From<PrivateRoom> for PrivateLine {
    fn from(room: PrivateRoom) -> Self {
        Self {
            direct: room.name.is_direct().then_some(true),
            name: room.name,
            title: room.title,
            count: room.count,
            private: true,
            people: room.people,
        }
    }
}

/// `GET /api/v1/rooms`: one's own private rooms, and those open to everybody.
pub(super) async fn directory(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let caller = caller::identify(&app, &parts, Route::Request).await?;
    app.hub.requests.check(&caller.user.id)?;
    let broker = &app.hub.broker;
    let (own, open) = tokio::try_join!(
        broker.private_rooms(&caller.user.id, NAMES),
        broker.rooms(DIRECTORY)
    )?;
    let own = own.into_iter().map(|room| json!(PrivateLine::from(room)));
    let open = open.into_iter().map(|room| json!(room));
    let rooms: Vec<_> = own.chain(open).collect();
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
    let (user, room) = enter(&app, &name, request).await?;
    let before = read_before(query.before)?;
    let limit = read_limit(query.limit.as_deref(), HISTORY_LIMIT)?.unwrap_or(50);
    let found = look::history(&app.hub, &user, &room, before, limit).await?;
    let answer = HistoryAnswer {
        room,
        messages: found.messages,
        more: found.more,
        before: found.before,
    };
    Ok(Json(answer).into_response())
}

/// What `GET …/search` may ask.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    q: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

#[derive(serde::Serialize)]
struct SearchAnswer {
    room: RoomName,
    messages: Messages,
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Position>,
}

/// `GET /api/v1/rooms/{name}/search`.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(query): Query<SearchQuery>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (user, room) = enter(&app, &name, request).await?;
    let words: Words = query
        .q
        .unwrap_or_default()
        .parse()
        .map_err(|error: QueryError| ApiError::new(ErrorCode::BadField, error.to_string()))?;
    let before = read_before(query.before)?;
    let limit = read_limit(query.limit.as_deref(), SEARCH_LIMIT)?.unwrap_or(20);
    let found = search::search(&app.hub, &user, &room, &words.0, before, limit).await?;
    let answer = SearchAnswer {
        room,
        messages: found.messages,
        more: found.before.is_some(),
        before: found.before,
    };
    Ok(Json(answer).into_response())
}

/// Who asks, and the room they ask about, which they may know of. Every route to
/// a room begins with this.
async fn enter(
    app: &Arc<App>,
    name: &str,
    request: Request<Body>,
) -> Result<(User, RoomName), ApiError> {
    let (parts, _) = request.into_parts();
    let caller = caller::identify(app, &parts, Route::Request).await?;
    app.hub.requests.check(&caller.user.id)?;
    let room = read_name(name)?;
    app.hub.check_access(&room, &caller.user).await?;
    Ok((caller.user, room))
}

fn read_before(before: Option<String>) -> Result<Option<Position>, ApiError> {
    let before = before.filter(|text| !text.is_empty());
    before
        .map(|text| text.parse::<Position>())
        .transpose()
        .map_err(|error: PositionError| ApiError::new(ErrorCode::BadPosition, error.to_string()))
}

fn read_limit(limit: Option<&str>, most: usize) -> Result<Option<usize>, ApiError> {
    let Some(text) = limit.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.map(Some).ok_or_else(|| {
        let message = format!("`limit` is a whole number from 1 to {most}");
        ApiError::new(ErrorCode::BadField, message)
    })
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
    if room.is_private() {
        let message =
            "names that begin with p- or d- are those of private rooms, which people make";
        return Err(ApiError::new(ErrorCode::BadRoomName, message));
    }
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
