//! The one place where a refusal becomes an HTTP answer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    broker::BrokerError, chat::refusal::Refusal, protocol::code::ErrorCode, session::SessionError,
};

/// A refusal on its way to an HTTP client.
#[derive(Debug)]
pub struct ApiError {
    refusal: Refusal,
    status: StatusCode,
}

impl ApiError {
    /// A refusal with the status of its code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal::new(code, message).into()
    }

    /// The same refusal under another status, where HTTP has a finer one.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Nobody is signed in.
    pub fn no_session() -> Self {
        Self::new(ErrorCode::NoSession, "sign in first")
    }

    /// Whether it says so.
    pub fn is_no_session(&self) -> bool {
        self.refusal.code == ErrorCode::NoSession
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.status());
        Self {
            refusal,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<BrokerError> for ApiError {
    fn from(error: BrokerError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal {
            code,
            message,
            retry_after_ms,
        } = self.refusal;
        let mut error = json!({"code": code, "message": message});
        if let Some(wait) = retry_after_ms {
            error["retry_after_ms"] = wait.into();
        }
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after_ms {
            headers.insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        }
        response
    }
}
