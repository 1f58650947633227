//! The admin listener: on its own port, for operators, by `X-API-Key`. The
//! balancer never routes to it.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::{App, Readiness},
    broker::Health,
    protocol::{code::ErrorCode, name::RoomName},
    telemetry::{self, load::Load},
};

use super::{api_key, body, error::ApiError, rooms::read_name};

/// The longest notice, in bytes.
const NOTICE_BYTES: usize = 4_000;

/// What only the server itself can do for an operator.
#[derive(Clone)]
pub struct Controls {
    /// Begins to drain, then ends the process.
    pub drain: Arc<dyn Fn() + Send + Sync>,
    /// Ends the process without waiting for anybody to move.
    pub shutdown: Arc<dyn Fn() + Send + Sync>,
}

type Next401 = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Every route of the admin listener.
pub fn router(app: &Arc<App>, controls: Controls) -> Router {
    let guarded = Arc::clone(app);
    Router::new()
        .route("/api/v1/", get(about))
        .route("/api/v1/load", get(load))
        .route("/api/v1/rooms", get(rooms))
        .route("/api/v1/rooms/{name}", delete(close_room))
        .route("/api/v1/notice", post(notice))
        .route("/api/v1/accepting", post(accepting))
        .route("/api/v1/drain", post(drain))
        .route("/api/v1/shutdown", post(shutdown))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .layer(Extension(controls))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            guard(Arc::clone(&guarded), request, next)
        }))
        .with_state(Arc::clone(app))
}

/// Nothing is answered without the key, not even that a route is absent.
fn guard(app: Arc<App>, request: Request, next: Next) -> Next401 {
    Box::pin(async move {
        match api_key::check(request.headers(), app.config.admin.key.as_ref()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        }
    })
}

async fn about() -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({"data": {"app": "Admin hubbub", "version": version}}))
}

async fn load(State(app): State<Arc<App>>) -> Json<Value> {
    let hub = &app.hub;
    let load = Load::now(app.started);
    Json(json!({"data": {
        "instance": hub.settings.instance,
        "accepting": hub.is_accepting(),
        "ready": app.readiness() == Readiness::Ready,
        "broker": if hub.broker.health() == Health::Up { "up" } else { "down" },
        "connections": hub.connection_count(),
        "rooms": hub.room_count(),
        "uptime_seconds": load.uptime_seconds,
        "load_average": load.load_average,
        "processors": load.processors,
        "memory_bytes": load.memory_bytes,
        "total_memory_bytes": load.total_memory_bytes,
    }}))
}

async fn rooms(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let rooms = app.hub.broker.rooms(1_000).await?;
    Ok(Json(json!({"rooms": rooms})).into_response())
}

async fn close_room(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let room = read_name(&name)?;
    if room == RoomName::lobby() {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "the lobby is always there; it cannot be closed",
        ));
    }
    if app.hub.broker.close(&room).await? {
        tracing::info!(%room, "a room was closed by the operator");
        Ok(StatusCode::NO_CONTENT)
    } else {
        let message = format!("there is no room {room}");
        Err(ApiError::new(ErrorCode::NoSuchRoom, message))
    }
}

#[derive(Deserialize)]
struct Notice {
    text: String,
    room: Option<String>,
}

async fn notice(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<StatusCode, ApiError> {
    let notice: Notice = body::read_json(request, app.config.limits.frame_bytes).await?;
    let text = notice.text.trim();
    if text.is_empty() || text.len() > NOTICE_BYTES {
        let message = format!("`text` has 1 to {NOTICE_BYTES} bytes");
        return Err(ApiError::new(ErrorCode::BadField, message));
    }
    match notice.room {
        Some(name) => app.hub.notify(&read_name(&name)?, text).await?,
        None => app.hub.notify_all(text).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Accepting {
    on: bool,
}

async fn accepting(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let wanted: Accepting = body::read_json(request, app.config.limits.frame_bytes).await?;
    app.hub.set_accepting(wanted.on);
    tracing::info!(
        accepting = wanted.on,
        "the operator set whether new traffic is taken"
    );
    Ok(Json(json!({"data": {"accepting": wanted.on}})).into_response())
}

async fn drain(Extension(controls): Extension<Controls>) -> StatusCode {
    tracing::info!("the operator asked to drain");
    (controls.drain)();
    StatusCode::ACCEPTED
}

async fn shutdown(Extension(controls): Extension<Controls>) -> StatusCode {
    tracing::info!("the operator asked to shut down");
    (controls.shutdown)();
    StatusCode::ACCEPTED
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    telemetry::broker_up(app.hub.broker.health() == Health::Up);
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], telemetry::render()).into_response()
}

async fn unknown() -> ApiError {
    ApiError::new(ErrorCode::BadField, "there is nothing at this address")
        .with_status(StatusCode::NOT_FOUND)
}
