//! The browser app, built into the program.
//!
//! All files but the page lie under one prefix that carries the hash of the
//! whole app, so they can be kept for ever and two builds never mix: a page
//! gets its own build's files or, from another build, a 404 that nobody keeps.

use std::{borrow::Cow, collections::BTreeMap, io::Write as _};

use anyhow::{Context, bail};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    response::Response,
};
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use self::shrink::shrink;

/// What stands in the page for the prefix of all other files.
const PLACEHOLDER: &str = "%ASSETS%";
const INDEX: &str = "index.html";
const WORKER: &str = "sw.js";
/// What stands in the service worker for the names of all other files.
const FILES: &str = "[\"%FILES%\"]";
/// How much of the hash names a build.
const BUILD_DIGITS: usize = 12;

/// Only our own files, no inline script or style, no frame around us, and no
/// text that becomes markup (trusted types). The one policy that may be made
/// is for the service worker's address.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types hubbub-worker",
);
/// The service worker fetches and keeps; it runs nothing beside itself.
const WORKER_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; trusted-types 'none'");
/// The headers of the page beside that.
const PAGE_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    // For browsers that do not know frame-ancestors.
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
/// No page that opened ours gets hold of it. Browsers take this on a secure
/// origin only, and complain elsewhere.
const OPENER_POLICY: (HeaderName, HeaderValue) = (
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderValue::from_static("same-origin"),
);

#[derive(RustEmbed)]
#[folder = "static/"]
#[exclude = ".*"]
#[exclude = "*/.*"]
struct Embedded;

/// The files of the app, ready to be sent.
#[derive(Debug)]
pub struct Assets {
    build: String,
    etag: HeaderValue,
    index: Asset,
    /// Lies at the root, because it may serve only what lies below it.
    worker: Option<Asset>,
    by_path: BTreeMap<String, Asset>,
}

/// One file.
#[derive(Debug)]
struct Asset {
    content_type: HeaderValue,
    plain: Bytes,
    /// Compressed, each if that makes it smaller.
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
}

impl Assets {
    /// The app that was built into this program.
    pub fn embedded() -> anyhow::Result<Self> {
        let files = Embedded::iter().filter_map(|path| {
            let file = Embedded::get(&path)?;
            let bytes = match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Some((path.into_owned(), bytes))
        });
        Self::new(files.collect())
    }

    fn new(files: BTreeMap<String, Bytes>) -> anyhow::Result<Self> {
        let mut files = packed(files)?;
        let build = hash(&files);
        let page = files
            .remove(INDEX)
            .with_context(|| format!("this program was built without static/{INDEX}"))?;
        let page = String::from_utf8(page.into())
            .with_context(|| format!("static/{INDEX} is not UTF-8"))?;
        let page = page.replace(PLACEHOLDER, &format!("/a/{build}"));
        let worker = files.remove(WORKER);
        let mut by_path = BTreeMap::new();
        for (path, bytes) in files {
            let Some(content_type) = content_type(&path) else {
                bail!("static/{path}: its kind has no content type here");
            };
            by_path.insert(path, Asset::new(content_type, bytes));
        }
        let worker = worker
            .map(|text| worker_of(&text, &build, by_path.keys()))
            .transpose()?;
        Ok(Self {
            etag: HeaderValue::try_from(format!("W/\"{build}\""))?,
            build,
            index: Asset::new("text/html; charset=utf-8", page.into()),
            worker,
            by_path,
        })
    }

    /// The name of this build of the app: 12 hex digits.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// The page, for `GET /` and `GET /r/{room}`.
    pub fn index(&self, request: &HeaderMap) -> Response {
        let mut response = if holds_etag(request, &self.etag) {
            let mut unchanged = Response::new(Body::empty());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            self.index.response(request)
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.extend(PAGE_HEADERS);
        if is_secure(request) {
            headers.extend([OPENER_POLICY]);
        }
        response
    }

    /// The service worker of this build, for `GET /sw.js`.
    pub fn worker(&self, request: &HeaderMap) -> Response {
        let mut response = match &self.worker {
            Some(worker) => worker.response(request),
            None => not_found(),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, WORKER_POLICY);
        response
    }

    /// The file that a page of the given build asks for, for
    /// `GET /a/{build}/{*path}`.
    pub fn asset(&self, build: &str, path: &str, request: &HeaderMap) -> Response {
        let asset = (build == self.build)
            .then(|| self.by_path.get(path))
            .flatten();
        let (mut response, kept) = match asset {
            Some(asset) => (
                asset.response(request),
                "public, max-age=31536000, immutable",
            ),
            None => (not_found(), "no-store"),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        );
        response
    }
}

impl Asset {
    fn new(content_type: &'static str, plain: Bytes) -> Self {
        let is_text = is_text(content_type);
        let compressed = |by: fn(&[u8]) -> Option<Bytes>| {
            let bytes = is_text.then(|| by(&plain)).flatten();
            bytes.filter(|bytes| bytes.len() < plain.len())
        };
        Self {
            content_type: HeaderValue::from_static(content_type),
            gzip: compressed(gzip),
            brotli: compressed(brotli),
            plain,
        }
    }

    fn response(&self, request: &HeaderMap) -> Response {
        let (coding, bytes) = match (&self.brotli, &self.gzip) {
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
}

/// Whether the browser counts our origin as secure: https, which the proxy in
/// front tells, or this very machine. Whoever makes that up only gets another
/// header back.
fn is_secure(request: &HeaderMap) -> bool {
    let is = |name: &str, test: fn(&str) -> bool| {
        let value = request.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(test)
    };
    is("x-forwarded-proto", |proto| proto == "https")
        || is("host", |host| {
            ["localhost", "127.", "[::1]"]
                .iter()
                .any(|own| host.starts_with(own))
        })
}

/// All files as they are sent: scripts and styles in few pieces, the others as
/// they are.
fn packed(files: BTreeMap<String, Bytes>) -> anyhow::Result<BTreeMap<String, Bytes>> {
    let (mut scripts, mut styles) = (BTreeMap::new(), BTreeMap::new());
    let mut packed = BTreeMap::new();
    for (path, bytes) in files {
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) if path != WORKER => &mut scripts,
            Some((_, "css")) => &mut styles,
            _ => {
                packed.insert(path, bytes);
                continue;
            }
        };
        let text = String::from_utf8(bytes.into())
            .with_context(|| format!("static/{path} is not UTF-8"))?;
        kind.insert(path, text);
    }
    let code = pack::scripts(&scripts)?.into_iter();
    let code = code.chain(pack::styles(&styles)?);
    packed.extend(code.map(|(path, text)| (path, text.into())));
    Ok(packed)
}

/// The service worker, told which build it belongs to and what that consists
/// of.
fn worker_of<'a>(
    text: &[u8],
    build: &str,
    paths: impl Iterator<Item = &'a String>,
) -> anyhow::Result<Asset> {
    let text = str::from_utf8(text).with_context(|| format!("static/{WORKER} is not UTF-8"))?;
    let paths = serde_json::to_string(&paths.collect::<Vec<_>>())?;
    let text = shrink(text)
        .replace(PLACEHOLDER, &format!("/a/{build}"))
        .replace(FILES, &paths);
    Ok(Asset::new("text/javascript; charset=utf-8", text.into()))
}

fn not_found() -> Response {
    let text = "There is no such file in this build of the app. Load the page again.\n";
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// One hash over all names and contents.
fn hash(files: &BTreeMap<String, Bytes>) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            // The length first, so that no two sets of files read the same.
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    let mut digits = format!("{:x}", hasher.finalize());
    digits.truncate(BUILD_DIGITS);
    digits
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Smaller by a seventh. The highest quality would take ten times as long, at
/// every start.
fn brotli(bytes: &[u8]) -> Option<Bytes> {
    let parameters = BrotliEncoderParams {
        quality: 9,
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters).ok()?;
    Some(compressed.into())
}

fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => return None,
    })
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

/// Whether the browser holds this very page. Weak comparison: the same page in
/// another encoding counts.
fn holds_etag(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let ours = etag.to_str().map(opaque).ok();
    items(request, &IF_NONE_MATCH).any(|tag| tag == "*" || ours == Some(opaque(tag)))
}

/// The items of a header that is a comma-separated list.
fn items<'a>(request: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = request.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

mod pack;
mod shrink;
#[cfg(test)]
mod tests;
