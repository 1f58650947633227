//! How the app is sent: whole, compressed, kept or not.

use std::io::Read as _;

use axum::body::to_bytes;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

use super::*;

const SCRIPT: &str =
    "const words = ['again', 'again', 'again', 'again', 'again', 'again', 'again'];";

fn assets() -> Assets {
    with_script(SCRIPT)
}

fn with_script(script: &str) -> Assets {
    let files = [
        (
            "index.html",
            "<link href=\"%ASSETS%/a.css\"><script src=\"%ASSETS%/js/main.js\">",
        ),
        ("js/main.js", script),
        (
            "sw.js",
            "const FILES = [\"%FILES%\"], BUILD = \"%ASSETS%\";",
        ),
        ("icon.png", "not really"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), Bytes::from(text.to_owned())));
    Assets::new(BTreeMap::from(files)).unwrap()
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

async fn body(response: Response) -> Bytes {
    to_bytes(response.into_body(), 1 << 20).await.unwrap()
}

fn header(response: &Response, name: &HeaderName) -> String {
    let value = response.headers().get(name);
    value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_page_names_the_files_of_its_own_build() {
    let assets = assets();
    let response = assets.index(&HeaderMap::new());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, &CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&response, &CACHE_CONTROL), "no-cache");
    let page = String::from_utf8(body(response).await.to_vec()).unwrap();
    assert!(page.contains(&format!("src=\"/a/{}/js/main.js\"", assets.build())));
    assert!(!page.contains(PLACEHOLDER));
}

#[test]
fn the_page_is_locked_down() {
    let response = assets().index(&HeaderMap::new());
    let policy = header(&response, &CONTENT_SECURITY_POLICY);
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types hubbub-worker",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(header(&response, &X_FRAME_OPTIONS), "DENY");
    assert_eq!(header(&response, &REFERRER_POLICY), "same-origin");
}

#[test]
fn a_policy_for_secure_origins_is_sent_to_these_alone() {
    let policy = HeaderName::from_static("cross-origin-opener-policy");
    let forwarded = HeaderName::from_static("x-forwarded-proto");
    let host = HeaderName::from_static("host");
    for (name, value, sent) in [
        (&forwarded, "https", "same-origin"),
        (&forwarded, "http", ""),
        (&host, "localhost:8080", "same-origin"),
        (&host, "127.0.0.1:8080", "same-origin"),
        (&host, "chat.example", ""),
    ] {
        let response = assets().index(&headers(&[(name.clone(), value)]));
        assert_eq!(header(&response, &policy), sent, "{value}");
    }
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let assets = assets();
    let etag = header(&assets.index(&HeaderMap::new()), &ETAG);
    for held in [
        etag.clone(),
        etag.replace("W/", ""),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let response = assets.index(&headers(&[(IF_NONE_MATCH, &held)]));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{held}");
        assert_eq!(header(&response, &ETAG), etag);
        assert!(body(response).await.is_empty());
    }
    let response = assets.index(&headers(&[(IF_NONE_MATCH, "W/\"other\"")]));
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_file_of_this_build_is_kept_for_ever() {
    let assets = assets();
    let response = assets.asset(assets.build(), "js/main.js", &HeaderMap::new());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        header(&response, &CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
    let kept = header(&response, &CACHE_CONTROL);
    assert!(kept.contains("immutable") && kept.contains("max-age=31536000"));
    assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(body(response).await, format!("{SCRIPT}\n"));
}

#[tokio::test]
async fn the_service_worker_knows_its_build_and_is_asked_for_each_time() {
    let assets = assets();
    let response = assets.worker(&HeaderMap::new());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, &CACHE_CONTROL), "no-cache");
    assert_eq!(
        header(&response, &CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
    let policy = header(&response, &CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let build = assets.build();
    let text = format!("const FILES = [\"icon.png\",\"js/main.js\"], BUILD = \"/a/{build}\";\n");
    assert_eq!(body(response).await, text);
    let below = assets.asset(build, "sw.js", &HeaderMap::new());
    assert_eq!(below.status(), StatusCode::NOT_FOUND);
}

#[test]
fn a_file_of_another_build_is_not_found_and_the_answer_not_kept() {
    let assets = assets();
    for (build, path) in [
        ("000000000000", "js/main.js"),
        ("", "js/main.js"),
        (assets.build(), "js/none.js"),
        (assets.build(), "../Cargo.toml"),
        (assets.build(), "index.html"),
        (assets.build(), ""),
    ] {
        let response = assets.asset(build, path, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{build} {path}");
        assert_eq!(header(&response, &CACHE_CONTROL), "no-store");
    }
}

#[test]
fn any_change_makes_another_build() {
    let (one, same, other) = (assets(), assets(), with_script("0"));
    assert_eq!(one.build(), same.build());
    assert_ne!(one.build(), other.build());
    assert_eq!(one.build().len(), BUILD_DIGITS);
}

#[tokio::test]
async fn text_is_compressed_for_who_takes_it() {
    let assets = assets();
    let ask = |accepted: &str| {
        let request = headers(&[(ACCEPT_ENCODING, accepted)]);
        assets.asset(assets.build(), "js/main.js", &request)
    };
    for accepted in ["gzip", "br;q=0, GZIP;q=0.5", "*", "deflate, gzip"] {
        let response = ask(accepted);
        assert_eq!(header(&response, &CONTENT_ENCODING), "gzip", "{accepted}");
        assert_eq!(header(&response, &VARY), "accept-encoding");
        let mut text = String::new();
        let bytes = body(response).await;
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, format!("{SCRIPT}\n"));
    }
    for accepted in ["br", "gzip, deflate, br, zstd", "gzip, BR;q=0.1"] {
        let response = ask(accepted);
        assert_eq!(header(&response, &CONTENT_ENCODING), "br", "{accepted}");
        assert_eq!(header(&response, &VARY), "accept-encoding");
        let mut text = Vec::new();
        let bytes = body(response).await;
        brotli::BrotliDecompress(&mut &bytes[..], &mut text).unwrap();
        assert_eq!(text, format!("{SCRIPT}\n").into_bytes());
    }
    for refused in ["", "deflate", "gzip;q=0", "gzip; q=0.0, *", "identity"] {
        let response = ask(refused);
        assert_eq!(header(&response, &CONTENT_ENCODING), "", "{refused}");
        assert_eq!(header(&response, &VARY), "accept-encoding");
    }
}

#[tokio::test]
async fn files_become_as_small_as_they_can_be_once_somebody_saw_the_page() {
    let assets = Assets::embedded().unwrap();
    let request = headers(&[(ACCEPT_ENCODING, "br")]);
    let script = async || body(assets.asset(assets.build(), "js/main.js", &request)).await;
    let first = script().await;
    assets.index(&request);
    let mut best = script().await;
    while best.len() >= first.len() {
        tokio::task::yield_now().await;
        best = script().await;
    }
    let unpacked = |bytes: &[u8]| {
        let mut text = Vec::new();
        brotli::BrotliDecompress(&mut &*bytes, &mut text).unwrap();
        text
    };
    assert_eq!(unpacked(&best), unpacked(&first));
}

#[test]
fn pictures_are_sent_as_they_are() {
    let assets = assets();
    let request = headers(&[(ACCEPT_ENCODING, "gzip")]);
    let response = assets.asset(assets.build(), "icon.png", &request);
    assert_eq!(header(&response, &CONTENT_TYPE), "image/png");
    assert_eq!(header(&response, &CONTENT_ENCODING), "");
    assert_eq!(header(&response, &VARY), "");
}

#[test]
fn a_build_without_a_page_or_with_an_unknown_kind_of_file_is_refused() {
    assert!(Assets::new(BTreeMap::new()).is_err());
    let files = ["index.html", "what.xyz"].map(|path| (path.to_owned(), Bytes::new()));
    let text = Assets::new(BTreeMap::from(files)).unwrap_err().to_string();
    assert!(text.contains("what.xyz"), "{text}");
}

#[test]
fn the_app_built_into_this_program_is_complete() {
    let assets = Assets::embedded().unwrap();
    assert_eq!(assets.index(&HeaderMap::new()).status(), StatusCode::OK);
    assert_eq!(assets.worker(&HeaderMap::new()).status(), StatusCode::OK);
}
