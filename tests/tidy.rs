//! Rules of the repository that a compiler does not check: small files that
//! say what they are for, and dependencies that point one way.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// No file of code is longer than this.
const MOST_LINES: usize = 500;

/// What each part of `src` may use of the others. Everything may use
/// `shutdown`, `telemetry` and `turns`.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("protocol", &[]),
    ("client", &["protocol"]),
    ("bench", &["client", "protocol"]),
    ("demo", &["client", "protocol"]),
    ("broker", &["protocol"]),
    ("config", &["broker", "protocol"]),
    ("session", &["config", "protocol"]),
    ("shutdown", &[]),
    ("telemetry", &["config"]),
    ("turns", &[]),
    ("chat", &["broker", "protocol"]),
    ("app", &["chat", "broker", "session", "config", "protocol"]),
    ("transport", &["app", "chat", "broker", "protocol"]),
    (
        "web",
        &[
            "transport",
            "app",
            "chat",
            "broker",
            "session",
            "config",
            "protocol",
        ],
    ),
    (
        "server",
        &[
            "web",
            "transport",
            "app",
            "chat",
            "broker",
            "session",
            "config",
            "protocol",
        ],
    ),
    ("cli", &[]),
];

/// What the heart of the program must not know.
const NOT_IN_CHAT: [&str; 5] = ["axum", "redis::", "hyper", "tungstenite", "tower_sessions"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.ends_with("node_modules") {
            // Not ours.
        } else if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if endings.iter().any(|ending| has_ending(&path, ending)) {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{folder} is there");
    found
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension == ending)
}

fn code() -> Vec<(String, String)> {
    [
        "src",
        "tests",
        "benches",
        "examples",
        "cluster",
        "peers/src",
        "peers/node",
        "static",
        "tools",
    ]
    .iter()
    .flat_map(|folder| {
        files(
            folder,
            &["rs", "js", "mjs", "cjs", "css", "lua", "py", "sh"],
        )
    })
    .collect()
}

#[test]
fn no_file_holds_two_rooms() {
    let long: Vec<_> = code()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > MOST_LINES)
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    let silent: Vec<_> = code()
        .into_iter()
        .filter(|(_, text)| {
            let first = text
                .lines()
                .find(|line| !line.starts_with("#!/"))
                .unwrap_or_default();
            let openings = ["//!", "//", "/*", "--", "# "];
            !openings.iter().any(|opening| first.starts_with(opening))
        })
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (name, text) in files("src", &["rs"]) {
        let part = name
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap();
        if part == "lib" || part == "main" {
            continue;
        }
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(known, _)| *known == part)
            .unwrap_or_else(|| panic!("{name}: say in this test what {part} may use"));
        // Tests may reach further.
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for used in used_parts(own) {
            let free = ["shutdown", "telemetry", "turns", part];
            if !free.contains(&used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The parts that `crate::…` paths name, also inside `use crate::{…}`.
fn used_parts(text: &str) -> Vec<String> {
    let first_word = |path: &str| -> String {
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        path.trim_start().chars().take_while(is_word).collect()
    };
    text.match_indices("crate::")
        .flat_map(|(index, found)| {
            let rest = &text[index + found.len()..];
            match rest.strip_prefix('{') {
                Some(group) => outer_level(group).split(',').map(first_word).collect(),
                None => vec![first_word(rest)],
            }
        })
        .filter(|part| !part.is_empty())
        .collect()
}

/// A group up to its closing brace, without the groups inside it.
fn outer_level(group: &str) -> String {
    let mut depth = 1;
    let mut outer = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 1 => outer.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    outer
}

#[test]
fn the_heart_knows_no_http_no_socket_and_no_redis() {
    for (name, text) in files("src/chat", &["rs"]) {
        for word in NOT_IN_CHAT {
            assert!(!text.contains(word), "{name} names {word}");
        }
    }
}

#[test]
fn groups_of_uses_are_read_whole() {
    let text = "use crate::{\n    app::App,\n    chat::{hub::Hub, room},\n    config,\n};\nuse crate::web::x;";
    assert_eq!(used_parts(text), ["app", "chat", "config", "web"]);
}
