//! Who may call from a browser: pages of this site, and of those listed.
//!
//! A browser names the page's origin with every WebSocket, POST and DELETE. One
//! that is named must be ours. Programs name none; they pass with a token or a
//! key, or when they sign in, but not on a WebSocket by a cookie alone.

use std::net::SocketAddr;

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, header, request::Parts},
};

use crate::{config::Config, protocol::code::ErrorCode};

use super::error::ApiError;

/// Refuses a page of another site.
pub(super) fn check(parts: &Parts, config: &Config) -> Result<(), ApiError> {
    let several = |name| parts.headers.get_all(name).iter().count() > 1;
    if several(header::ORIGIN) || several(header::HOST) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "a request names one Origin and one Host",
        ));
    }
    let Some(origin) = parts.headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let http = &config.http;
    let listed = http.origins.iter().chain(&http.public_url);
    let own = own_origin(&parts.headers, &parts.extensions, config);
    if own.as_deref() == Some(origin) || listed.into_iter().any(|known| known.as_str() == origin) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::Forbidden,
        "pages of another site may not do this; list the site in http.origins to allow it",
    ))
}

/// Whether a page is named at all.
pub(super) fn is_named(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
}

/// The origin under which the client sees us.
fn own_origin(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let forwarded = headers.get("x-forwarded-proto");
    let scheme = match forwarded.and_then(|value| value.to_str().ok()) {
        Some("https") if is_trusted(extensions, config) => "https",
        _ => "http",
    };
    Some(format!("{scheme}://{host}").to_ascii_lowercase())
}

fn is_trusted(extensions: &Extensions, config: &Config) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|peer| config.http.trusts(peer.0.ip()))
}
