//! The documents, against the code: every example of the protocol is one, every
//! code, key and metric is described, and every file that is named is there.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

#[path = "docs/samples.rs"]
mod samples;

use std::{collections::BTreeSet, fs, path::Path};

use config::{Config, File, FileFormat};
use hubbub::protocol::{
    client_frame::ClientFrame,
    code::{CloseReason, ErrorCode},
};
use serde_json::Value;

use samples::samples;

/// The documents a reader starts from.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/protocol.md",
    "docs/configuration.md",
    "docs/load-testing.md",
    "docs/operations.md",
    "docs/page.md",
];

#[test]
fn every_example_of_a_client_frame_is_one() {
    let mut shown = BTreeSet::new();
    for text in examples("client") {
        let (_, frame) = ClientFrame::parse(&text).unwrap_or_else(|bad| panic!("{text}\n{bad:?}"));
        shown.insert(client_type(&frame).to_owned());
    }
    assert_eq!(shown, names(&CLIENT_TYPES), "each frame has an example");
}

#[test]
fn every_example_of_a_server_frame_is_one() {
    let with_all = samples(true);
    let with_least = samples(false);
    let mut shown = BTreeSet::new();
    for text in examples("server") {
        check_server_frame(&parse(&text), &with_all, &with_least);
        shown.insert(type_of(&parse(&text)).to_owned());
    }
    let known = with_all.iter().map(|frame| type_of(frame).to_owned());
    assert_eq!(shown, known.collect(), "each frame has an example");
}

#[test]
fn every_example_of_a_request_holds_frames_that_are_some() {
    let (with_all, with_least) = (samples(true), samples(false));
    for text in examples("body") {
        for frame in frames(&parse(&text)) {
            let read = ClientFrame::from_value(frame.clone());
            assert!(read.is_ok(), "{frame}\n{read:?}");
        }
    }
    for text in examples("answer") {
        for frame in frames(&parse(&text)) {
            check_server_frame(&frame, &with_all, &with_least);
        }
    }
}

#[test]
fn every_code_is_described() {
    let protocol = read("docs/protocol.md");
    for code in ERROR_CODES {
        let name = serde_json::to_value(code).unwrap();
        let line = format!("| `{}` | {} |", name.as_str().unwrap(), code.status());
        assert!(protocol.contains(&line), "no row begins with {line}");
    }
    for reason in CLOSE_REASONS {
        let line = format!("\n| {} |", reason.code());
        assert!(protocol.contains(&line), "no row begins with {line}");
    }
}

#[test]
fn every_setting_is_described_with_its_default_and_its_variable() {
    let described = read("docs/configuration.md");
    let defaults = File::from_str(&read("config/default.toml"), FileFormat::Toml);
    let defaults = Config::builder().add_source(defaults).build().unwrap();
    let defaults: Value = defaults.try_deserialize().unwrap();
    for (section, keys) in defaults.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            let shown = match value {
                Value::String(text) if text.is_empty() => "not set".to_owned(),
                Value::String(text) => format!("`{text}`"),
                Value::Array(items) if items.is_empty() => "none".to_owned(),
                other => format!("`{other}`"),
            };
            let variable = format!("HUBBUB__{section}__{key}").to_uppercase();
            let row = format!("| `{section}.{key}` | {shown} | `{variable}` |");
            assert!(described.contains(&row), "no row begins with {row}");
        }
    }
}

#[test]
fn every_variable_of_the_balancer_is_described() {
    let described = read("docs/configuration.md");
    let balancer = read("haproxy.cfg");
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
    let variables: BTreeSet<&str> = balancer
        .split(|c| !is_name(c))
        .filter(|word| word.starts_with("HUBBUB_"))
        // One for each instance; they are described as a row.
        .filter(|word| !word.ends_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert!(variables.contains("HUBBUB_BIND"));
    for name in variables {
        assert!(described.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_metric_is_described() {
    let described = read("docs/operations.md");
    let source = read("src/telemetry/metrics.rs");
    let (source, _) = source.split_once("#[cfg(test)]").unwrap();
    let metrics: BTreeSet<&str> = source
        .split('"')
        .filter(|text| {
            text.strip_prefix("hubbub_")
                .is_some_and(|name| !name.is_empty())
        })
        .collect();
    assert!(metrics.contains("hubbub_connections"));
    for name in metrics {
        assert!(described.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn every_file_that_is_named_is_there() {
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().unwrap();
        let text = read(document);
        for target in links(&text) {
            assert!(
                root().join(folder).join(target).exists(),
                "{document} links to {target}"
            );
        }
        for path in text.split('`').filter(|word| is_path(word)) {
            assert!(root().join(path).exists(), "{document} names {path}");
        }
    }
}

/// Each type of client frame. `client_type` does not compile without a new one,
/// which then belongs here.
const CLIENT_TYPES: [&str; 17] = [
    "join", "leave", "send", "edit", "delete", "react", "typing", "history", "members", "read",
    "create", "invite", "direct", "forget", "search", "refresh", "ping",
];

fn client_type(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Join { .. } => "join",
        ClientFrame::Leave { .. } => "leave",
        ClientFrame::Send { .. } => "send",
        ClientFrame::Edit { .. } => "edit",
        ClientFrame::Delete { .. } => "delete",
        ClientFrame::React { .. } => "react",
        ClientFrame::Typing { .. } => "typing",
        ClientFrame::History { .. } => "history",
        ClientFrame::Members { .. } => "members",
        ClientFrame::Read { .. } => "read",
        ClientFrame::Create { .. } => "create",
        ClientFrame::Invite { .. } => "invite",
        ClientFrame::Direct { .. } => "direct",
        ClientFrame::Forget { .. } => "forget",
        ClientFrame::Search { .. } => "search",
        ClientFrame::Refresh { .. } => "refresh",
        ClientFrame::Ping => "ping",
    }
}

/// A list of all variants, which cannot be had from the enum: the match does not
/// compile without a new one, which then belongs into the list.
macro_rules! closed_list {
    ($list:ident: $of:ident = $($variant:ident)+) => {
        const $list: &[$of] = &[$($of::$variant),+];
        const _: fn($of) = |variant| match variant {
            $($of::$variant)|+ => {}
        };
    };
}

closed_list! {
    ERROR_CODES: ErrorCode =
    BadJson UnknownType BadField BadPosition KeyReused TooBig TextTooLong
    BadRoomName BadName NameTaken NoSession Forbidden NoSuchRoom NotMember
    TooManyRooms TooManyConnections RateLimited Unavailable Timeout Internal
}

/// Each reason to close; the match below does not compile without a new one.
const CLOSE_REASONS: [CloseReason; 10] = [
    CloseReason::Done,
    CloseReason::TooBig,
    CloseReason::Restart { retry_ms: 0 },
    CloseReason::Overload,
    CloseReason::Protocol,
    CloseReason::SessionOver,
    CloseReason::Forbidden,
    CloseReason::Heartbeat,
    CloseReason::StuckReader,
    CloseReason::Rate,
];

const _: fn(CloseReason) = |reason| match reason {
    CloseReason::Done
    | CloseReason::TooBig
    | CloseReason::Restart { .. }
    | CloseReason::Overload
    | CloseReason::Protocol
    | CloseReason::SessionOver
    | CloseReason::Forbidden
    | CloseReason::Heartbeat
    | CloseReason::StuckReader
    | CloseReason::Rate => {}
};

/// A frame has every field that the code always writes, and none that it never
/// does; so have the messages in it. A reply and an entry may share a type.
fn check_server_frame(frame: &Value, with_all: &[Value], with_least: &[Value]) {
    let is_entry = |frame: &Value| frame.get("position").is_some();
    let find = |samples: &[Value]| {
        let of_type: Vec<_> = samples
            .iter()
            .filter(|sample| type_of(sample) == type_of(frame))
            .collect();
        let same = of_type
            .iter()
            .find(|sample| is_entry(sample) == is_entry(frame));
        let found = same.or(of_type.first());
        fields(found.unwrap_or_else(|| panic!("of no known type: {frame}")))
    };
    let shown = fields(frame);
    assert!(shown.is_subset(&find(with_all)), "one too many: {frame}");
    assert!(find(with_least).is_subset(&shown), "one too few: {frame}");
    let inner = frame.get("messages").and_then(Value::as_array);
    for message in inner.into_iter().flatten() {
        assert_eq!(type_of(message), "message");
        check_server_frame(message, with_all, with_least);
    }
}

fn fields(frame: &Value) -> BTreeSet<String> {
    frame.as_object().unwrap().keys().cloned().collect()
}

fn type_of(frame: &Value) -> &str {
    frame["type"].as_str().unwrap()
}

/// The frames in a body or an answer, if it holds any.
fn frames(document: &Value) -> Vec<Value> {
    let frames = document.get("frames").and_then(Value::as_array);
    frames.cloned().unwrap_or_default()
}

/// The examples in docs/protocol.md whose fence says ```` ```json <mark> ````.
fn examples(mark: &str) -> Vec<String> {
    let protocol = read("docs/protocol.md");
    let fences: Vec<&str> = protocol.split("\n```").collect();
    // Every second piece lies inside a fence.
    let inside = fences.iter().skip(1).step_by(2);
    let found: Vec<String> = inside
        .filter_map(|fence| fence.strip_prefix("json"))
        .filter_map(|fence| {
            let (said, text) = fence.split_once('\n')?;
            let said = said.trim();
            let is_known = ["client", "server", "body", "answer"].contains(&said);
            assert!(is_known, "an example is marked {said:?}");
            (said == mark).then(|| text.to_owned())
        })
        .collect();
    assert!(!found.is_empty(), "no example is marked {mark}");
    found
}

/// The files that a document links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

/// Whether a word in code marks is the path of one of our files.
fn is_path(word: &str) -> bool {
    const FOLDERS: [&str; 9] = [
        "src/",
        "static/",
        "config/",
        "cluster/",
        "examples/",
        "benches/",
        "tests/",
        "tools/",
        "docs/",
    ];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    FOLDERS.iter().any(|folder| word.starts_with(folder)) && word.chars().all(is_plain)
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
