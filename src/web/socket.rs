//! `/ws` and `/primus`: from the handshake to a live connection.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};

use crate::{
    app::App,
    chat::connection::Connection,
    transport::{
        upgrade::Upgrade,
        websocket::{Dialect, Pulse, WebSocket},
    },
};

use super::{caller, caller::Route, error::ApiError, origin};

/// `GET /ws`.
pub(super) async fn websocket(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    accept(app, request, Dialect::Plain).await
}

/// `GET /primus`: the same for load tools that speak Primus.
pub(super) async fn primus(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    accept(app, request, Dialect::Primus).await
}

async fn accept(
    app: Arc<App>,
    request: Request<Body>,
    dialect: Dialect,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    origin::check(&parts, &app.config)?;
    let caller = caller::identify(&app, &parts, Route::Socket).await?;
    if caller.watch.is_some() && !app.hold_name(&caller.pass.user).await {
        return Err(ApiError::no_session());
    }
    let mut request = Request::from_parts(parts, body);
    let upgrade = Upgrade::of(&mut request)?;
    let connection = Connection::open_live(&app.hub, caller.pass)?;
    let response = upgrade.response();
    let timing = &app.config.timing;
    let pulse = Pulse {
        heartbeat: Duration::from_millis(timing.heartbeat_ms),
        silence: Duration::from_millis(timing.silence_ms),
        stuck: timing.stuck_reader,
    };
    let max_message = app.config.limits.frame_bytes;
    let hub = Arc::clone(&app.hub);
    hub.spawn(async move {
        match upgrade.socket(max_message).await {
            Some(socket) => {
                let live = WebSocket::new(socket, connection, caller.watch, pulse, dialect);
                live.run().await;
            }
            None => connection.end().await,
        }
    });
    Ok(response)
}
