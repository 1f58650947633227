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

use crate::{
    config::{Config, HttpSettings},
    protocol::code::ErrorCode,
};

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
    if is_ours(origin, &parts.headers, &parts.extensions, &config.http) {
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

/// Whether it is the origin of one of our pages. Where we know what people type
/// to get here, a page that got here under another name is none of ours.
fn is_ours(
    origin: &str,
    headers: &HeaderMap,
    extensions: &Extensions,
    http: &HttpSettings,
) -> bool {
    let mut listed = http.origins.iter().chain(&http.public_url);
    if listed.any(|known| known.as_str() == origin) {
        return true;
    }
    http.public_url.is_none() && own_origin(headers, extensions, http).as_deref() == Some(origin)
}

/// The origin under which the client sees us.
fn own_origin(headers: &HeaderMap, extensions: &Extensions, http: &HttpSettings) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let forwarded = headers.get("x-forwarded-proto");
    let scheme = match forwarded.and_then(|value| value.to_str().ok()) {
        Some("https") if is_trusted(extensions, http) => "https",
        _ => "http",
    };
    Some(format!("{scheme}://{host}").to_ascii_lowercase())
}

fn is_trusted(extensions: &Extensions, http: &HttpSettings) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|peer| http.trusts(peer.0.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_ours_for(origin: &str, host: &'static str, public_url: Option<&str>) -> bool {
        let http = HttpSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            origins: vec!["https://www.example.org".parse().unwrap()],
            trusted_proxies: Vec::new(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        is_ours(origin, &headers, &Extensions::new(), &http)
    }

    #[test]
    fn a_page_is_ours_if_it_came_from_the_address_that_it_calls() {
        let host = "chat.example.org";
        for (origin, is_it) in [
            ("http://chat.example.org", true),
            ("https://www.example.org", true),
            ("https://chat.example.org", false),
            ("http://evil.example", false),
        ] {
            assert_eq!(is_ours_for(origin, host, None), is_it, "{origin}");
        }
    }

    #[test]
    fn where_our_address_is_known_what_the_request_calls_us_makes_no_difference() {
        let public_url = Some("https://chat.example.org");
        for (origin, host, is_it) in [
            ("https://chat.example.org", "chat.example.org", true),
            ("https://chat.example.org", "10.0.0.1:8080", true),
            ("https://www.example.org", "chat.example.org", true),
            // Another name that leads here, by DNS of somebody else say.
            ("http://evil.example", "evil.example", false),
            ("http://chat.example.org", "chat.example.org", false),
        ] {
            assert_eq!(is_ours_for(origin, host, public_url), is_it, "{origin}");
        }
    }
}
