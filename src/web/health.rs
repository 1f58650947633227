//! `/livez` and `/readyz`: what the balancer and the operator ask.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::app::{App, Readiness};

/// `GET /livez`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 503 until the first probe came back, 404 while draining. The
/// balancer takes 404 to mean "nothing new, leave what is open alone".
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match app.readiness() {
        Readiness::Starting => (
            StatusCode::SERVICE_UNAVAILABLE,
            "starting: no probe came back through the broker yet\n",
        ),
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::Draining => (StatusCode::NOT_FOUND, "draining: takes no new traffic\n"),
    }
}
