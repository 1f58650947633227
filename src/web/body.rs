//! Bodies of requests: JSON, of a bounded size.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::protocol::code::ErrorCode;

use super::error::ApiError;

/// How much of a body that is too big is read all the same.
const DROPPED_BYTES: usize = 8 * 1024 * 1024;
/// How long a body may take.
const ARRIVAL: Duration = Duration::from_secs(10);

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

/// Reads a body up to the limit. The rest of a larger one is read and dropped,
/// within bounds: an answer that overtakes the body would be lost in the reset
/// of the connection.
async fn read(request: Request<Body>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut chunks = request.into_body().into_data_stream();
    let mut kept = Vec::new();
    let mut total = 0;
    let reading = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| cut_off())?;
            total += chunk.len();
            if total <= limit {
                kept.extend_from_slice(&chunk);
            } else if total > DROPPED_BYTES {
                break;
            }
        }
        Ok(())
    };
    let whole = timeout(ARRIVAL, reading).await;
    if total > limit {
        let message = format!("a request body has at most {limit} bytes");
        return Err(ApiError::new(ErrorCode::TooBig, message));
    }
    whole.unwrap_or_else(|_| Err(cut_off().with_status(StatusCode::REQUEST_TIMEOUT)))?;
    Ok(kept)
}

fn cut_off() -> ApiError {
    ApiError::new(ErrorCode::BadJson, "the body did not arrive whole")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            // The library speaks of our types; what helps is the place.
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the body does not have the right form, at {place}");
            ApiError::new(ErrorCode::BadField, message)
        } else {
            ApiError::new(ErrorCode::BadJson, format!("the body is not JSON: {error}"))
        }
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
