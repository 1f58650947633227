//! Every route of the public listener, and every layer in its order.

pub mod admin;
mod api_key;
pub mod assets;
mod body;
mod caller;
mod client_address;
pub mod error;
mod health;
pub mod later;
mod origin;
mod poll;
mod rooms;
mod session;
mod sign_out;
mod socket;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tower_http::{catch_panic::CatchPanicLayer, trace::TraceLayer};

use crate::{app::App, chat::refusal::Refusal, protocol::code::ErrorCode, telemetry};

use self::{assets::Assets, error::ApiError};

/// The public listener's routes.
///
/// Layers, from the outside in: panics become 500; while the instance takes no
/// traffic everything but the health routes is 503, which the balancer repeats
/// elsewhere; then the session's cookie.
pub fn router(app: &Arc<App>, assets: &Arc<Assets>) -> Router {
    let chat = Router::new()
        .route(
            "/api/v1/session",
            get(session::current)
                .post(session::sign_in)
                .delete(sign_out::sign_out),
        )
        .route("/api/v1/poll", post(poll::poll))
        .route("/api/v1/frames", post(poll::frames))
        .route("/api/v1/rooms", get(rooms::directory))
        .route("/api/v1/rooms/{name}", post(rooms::create))
        .route("/api/v1/rooms/{name}/messages", get(rooms::messages))
        .route("/api/v1/rooms/{name}/search", get(rooms::find))
        .route("/ws", get(socket::websocket))
        .route("/primus", get(socket::primus))
        .route("/primus/", get(socket::primus))
        .with_state(Arc::clone(app));
    let page = Router::new()
        .route("/", get(index))
        // Also what names no room: the page says so.
        .route("/r/", get(index))
        .route("/r/{*room}", get(index))
        .route("/a/{hash}/{*path}", get(asset))
        .route("/sw.js", get(worker))
        .with_state(Arc::clone(assets));
    app.sessions
        .attach(chat)
        .merge(page)
        .route("/api/v1/", get(about))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(app), gate))
        .merge(health_routes(app))
        .layer(middleware::from_fn(count))
        .layer(
            // A 5xx is said where it is caused, once, and not for each request.
            TraceLayer::new_for_http()
                .make_span_with(telemetry::request_span)
                .on_failure(()),
        )
        .layer(CatchPanicLayer::custom(|_| on_panic()))
}

fn health_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(Arc::clone(app))
}

/// Refuses new work while the instance drains or was told to take none. This is
/// the one place of a 503: the balancer repeats it on another instance.
async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.is_accepting() {
        return next.run(request).await;
    }
    let refusal = Refusal::later(
        ErrorCode::Unavailable,
        "this instance takes no new traffic; another one will",
        1_000,
    );
    ApiError::from(refusal)
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
        .into_response()
}

async fn count(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    // One that has yet to come is counted when it is there.
    if !later::is_later(&response) {
        telemetry::http_request(response.status().as_u16());
    }
    response
}

async fn about() -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({"data": {"app": "hubbub", "version": version}}))
}

async fn index(State(assets): State<Arc<Assets>>, headers: HeaderMap) -> Response {
    assets.index(&headers)
}

async fn asset(
    State(assets): State<Arc<Assets>>,
    Path((hash, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    assets.asset(&hash, &path, &headers)
}

async fn worker(State(assets): State<Arc<Assets>>, headers: HeaderMap) -> Response {
    assets.worker(&headers)
}

async fn unknown() -> Response {
    let error = ApiError::new(ErrorCode::BadField, "there is nothing at this address");
    no_store(error.with_status(StatusCode::NOT_FOUND).into_response())
}

async fn method_not_allowed() -> Response {
    let error = ApiError::new(
        ErrorCode::BadField,
        "this address does not take that method",
    );
    no_store(
        error
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .into_response(),
    )
}

fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn on_panic() -> Response {
    tracing::error!("a request ended in a panic");
    ApiError::new(
        ErrorCode::Internal,
        "something went wrong on our side; it has been logged",
    )
    .into_response()
}
