//! `X-API-Key`: how other programs and operators show that they may.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;

use crate::protocol::code::ErrorCode;

use super::error::ApiError;

/// Refuses a request without the right key. Without a key in the settings no
/// request has the right one.
pub(super) fn check(headers: &HeaderMap, key: Option<&SecretString>) -> Result<(), ApiError> {
    let given = headers.get("x-api-key").map(HeaderValue::as_bytes);
    let right = match (given, key) {
        (Some(given), Some(key)) => bool::from(key.expose_secret().as_bytes().ct_eq(given)),
        _ => false,
    };
    if right {
        Ok(())
    } else {
        Err(ApiError::new(
            ErrorCode::Forbidden,
            "this needs the right X-API-Key header",
        )
        .with_status(StatusCode::UNAUTHORIZED))
    }
}
