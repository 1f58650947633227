//! An instance with one more route, `/echo`, that sends back what it gets.
//!
//! For `make conformance` alone: suites that test WebSocket servers need an
//! echo. It stands on the handshake, the decoder and the loop of every socket;
//! only its limit for a message is higher, and it asks nobody to sign in.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use hubbub::{
    app::App,
    chat::{
        connection::{Connection, ConnectionKind, Pass},
        outbox::Outbox,
    },
    config::Config,
    protocol::{server_frame::Text, user::User},
    server, telemetry,
    transport::{codec::Message, dialect::Dialect, upgrade::Upgrade, websocket::WebSocket},
};

/// The largest message that the suite sends.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Sends back every message; pings and closes are left to the socket's loop.
struct Echo;

impl Dialect for Echo {
    fn take(&self, message: &Message, outbox: &Outbox) -> bool {
        match message {
            Message::Text(text) => outbox.push(Text::from(text.clone())),
            Message::Binary(bytes) => outbox.push(Text::raw(binary(bytes))),
            Message::Ping(_) | Message::Pong | Message::Close(_) => return false,
        }
        true
    }
}

/// A binary frame, which the chat never sends.
fn binary(payload: &[u8]) -> Vec<u8> {
    // Any length may be written in eight bytes, but the shortest form is asked
    // for.
    let length = payload.len() as u64;
    let bytes = length.to_be_bytes();
    let mut frame = vec![0x82];
    match length {
        0..=125 => frame.push(bytes[7]),
        126..=0xFFFF => frame.extend([126, bytes[6], bytes[7]]),
        _ => {
            frame.push(127);
            frame.extend(bytes);
        }
    }
    frame.extend_from_slice(payload);
    frame
}

async fn echo(State(app): State<Arc<App>>, mut request: Request<Body>) -> Response {
    let Ok(upgrade) = Upgrade::of(&mut request) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let pass = Pass {
        user: User::new("echo", "Echo"),
        session: "echo".into(),
        token: None,
        lease: None,
    };
    // It is in no room and gets no greeting: all it hears is its own.
    let Ok(connection) = Connection::open(&app.hub, pass, ConnectionKind::Live) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let response = upgrade.response();
    tokio::spawn(async move {
        match upgrade.stream().await {
            Some((stream, read)) => {
                let socket = WebSocket::new(stream, &read, connection, MAX_MESSAGE, &Echo);
                socket.run().await;
            }
            None => connection.end().await,
        }
    });
    response
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::read()?;
    telemetry::start_log(&config.log)?;
    let routes = |app: &Arc<App>| {
        Router::new()
            .route("/echo", get(echo))
            .with_state(Arc::clone(app))
    };
    server::run_with_routes(config, routes).await
}
