//! Bodies of requests: JSON, of a bounded size.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use serde::de::DeserializeOwned;

use crate::protocol::code::ErrorCode;

use super::error::ApiError;

/// Reads a JSON body of at most `limit` bytes. Another content type is refused:
/// it is all that a form on another site could send.
pub(super) async fn read_json<T: DeserializeOwned>(
    request: Request<Body>,
    limit: usize,
) -> Result<T, ApiError> {
    check_content_type(request.headers())?;
    let bytes = read(request, limit).await?;
    parse(&bytes)
}

/// Like [`read_json`], where a body may be left out.
pub(super) async fn read_optional_json<T: DeserializeOwned + Default>(
    request: Request<Body>,
    limit: usize,
) -> Result<T, ApiError> {
    let checked = check_content_type(request.headers());
    let bytes = read(request, limit).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    checked?;
    parse(&bytes)
}

async fn read(request: Request<Body>, limit: usize) -> Result<axum::body::Bytes, ApiError> {
    let too_big = || {
        ApiError::new(
            ErrorCode::TooBig,
            format!("a request body has at most {limit} bytes"),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_big());
    }
    to_bytes(request.into_body(), limit)
        .await
        .map_err(|_| too_big())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (code, what) = if error.is_data() {
            (ErrorCode::BadField, "the body does not have the right form")
        } else {
            (ErrorCode::BadJson, "the body is not JSON")
        };
        ApiError::new(code, format!("{what}: {error}"))
    })
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(
            ApiError::new(ErrorCode::BadField, "send the body as application/json")
                .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        )
    }
}
