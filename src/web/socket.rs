//! `/ws` and `/primus`: from the handshake to a live connection.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};

use crate::{
    app::App,
    chat::connection::Connection,
    transport::{
        dialect::{Dialect, Plain, Primus},
        upgrade::Upgrade,
        websocket::WebSocket,
    },
};

use super::{caller, caller::Route, error::ApiError, origin};

/// `GET /ws`.
pub(super) async fn websocket(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    accept(app, request, &Plain).await
}

/// `GET /primus`: the same for load tools that speak Primus.
pub(super) async fn primus(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    accept(app, request, &Primus).await
}

async fn accept(
    app: Arc<App>,
    request: Request<Body>,
    dialect: &'static dyn Dialect,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    origin::check(&parts, &app.config)?;
    let caller = caller::identify(&app, &parts, Route::Socket).await?;
    if caller.lease.is_some() && !app.hold_name(&caller.user).await {
        return Err(ApiError::no_session());
    }
    let mut request = Request::from_parts(parts, body);
    let upgrade = Upgrade::of(&mut request)?;
    let connection = Connection::open_live(&app.hub, caller)?;
    let response = upgrade.response();
    let max_message = app.config.limits.frame_bytes;
    let hub = Arc::clone(&app.hub);
    app.hub.spawn(async move {
        match upgrade.stream().await {
            Some((stream, read)) => {
                let socket = WebSocket::new(stream, &read, connection, max_message, dialect);
                // A task of its own: this one is as large as the handshake.
                hub.spawn(socket.run());
            }
            None => connection.end().await,
        }
    });
    Ok(response)
}
