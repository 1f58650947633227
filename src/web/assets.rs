//! The browser app, built into the program.
//!
//! All files but the page lie under one prefix that carries the hash of the
//! whole app, so they can be kept for ever and two builds never mix: a page
//! gets its own build's files or, from another build, a 404 that nobody keeps.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context, bail};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::Response,
};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use self::{asset::Asset, shrink::shrink};

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
    /// Whether the files are being made as small as they can be, or are.
    is_squeezed: AtomicBool,
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
            is_squeezed: AtomicBool::new(false),
        })
    }

    /// The name of this build of the app: 12 hex digits.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// The page, for `GET /` and `GET /r/{room}`.
    pub fn index(&self, request: &HeaderMap) -> Response {
        if !self.is_squeezed.swap(true, Ordering::Relaxed) {
            self.squeeze();
        }
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

    /// Makes the files smaller still, beside everything else: it takes a part of
    /// a second, which a start must not, and an instance that shows nobody the
    /// page need not.
    fn squeeze(&self) {
        let assets = self.by_path.values().chain([&self.index]);
        let work: Vec<_> = assets.filter_map(Asset::squeeze).collect();
        let thread = thread::Builder::new().name("squeeze".to_owned());
        // Without a thread they stay as they are.
        let _ = thread.spawn(move || work.into_iter().for_each(|squeeze| squeeze()));
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

mod asset;
mod pack;
mod shrink;
#[cfg(test)]
mod tests;
