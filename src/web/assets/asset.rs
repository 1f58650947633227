//! One file of the app, plain and compressed.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS},
    },
    response::Response,
};
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::items;

/// Takes a tenth of the time of the best one, which is for every start.
const GOOD: i32 = 9;
/// Smaller by a twelfth.
const BEST: i32 = 11;

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    content_type: HeaderValue,
    plain: Bytes,
    /// Compressed, each if that makes it smaller.
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
    /// As small as Brotli makes it, once somebody had the time.
    best: Arc<OnceLock<Bytes>>,
}

impl Asset {
    pub(super) fn new(content_type: &'static str, plain: Bytes) -> Self {
        let is_text = is_text(content_type);
        let compressed = |by: fn(&[u8]) -> Option<Bytes>| {
            let bytes = is_text.then(|| by(&plain)).flatten();
            bytes.filter(|bytes| bytes.len() < plain.len())
        };
        Self {
            content_type: HeaderValue::from_static(content_type),
            gzip: compressed(gzip),
            brotli: compressed(|bytes| brotli(bytes, GOOD)),
            best: Arc::default(),
            plain,
        }
    }

    pub(super) fn response(&self, request: &HeaderMap) -> Response {
        let brotli = self.best.get().or(self.brotli.as_ref());
        let (coding, bytes) = match (brotli, &self.gzip) {
            (Some(bytes), _) if accepts(request, "br") => (Some("br"), bytes),
            (_, Some(bytes)) if accepts(request, "gzip") => (Some("gzip"), bytes),
            _ => (None, &self.plain),
        };
        let mut response = Response::new(Body::from(bytes.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.gzip.is_some() || self.brotli.is_some() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    }

    /// The work that makes this file as small as it can be, for a thread that
    /// has the time; none for one that stays as it is.
    pub(super) fn squeeze(&self) -> Option<impl FnOnce() + Send + 'static> {
        let good = self.brotli.as_ref()?.len();
        let (plain, best) = (self.plain.clone(), Arc::clone(&self.best));
        Some(move || {
            if let Some(bytes) = brotli(&plain, BEST).filter(|bytes| bytes.len() < good) {
                best.get_or_init(|| bytes);
            }
        })
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn brotli(bytes: &[u8], quality: i32) -> Option<Bytes> {
    let parameters = BrotliEncoderParams {
        quality,
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters).ok()?;
    Some(compressed.into())
}

fn is_text(content_type: &str) -> bool {
    ["text/", "application/", "image/svg"]
        .iter()
        .any(|start| content_type.starts_with(start))
}

/// Whether `Accept-Encoding` allows a coding: by name, or by `*` if it is not
/// named and may be expected of everybody.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let mut by_star = false;
    for item in items(request, &ACCEPT_ENCODING) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::trim);
        let is_wanted = weight.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0));
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return is_wanted,
            "*" => by_star = is_wanted && coding == "gzip",
            _ => {}
        }
    }
    by_star
}
