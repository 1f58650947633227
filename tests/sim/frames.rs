//! Reads the frames that clients get. Thousands of runs read a lot of them, so
//! this looks for the few fields it needs and trusts the rest; that the frames
//! are sound JSON is tested elsewhere.

use hubbub::protocol::position::Position;

pub(crate) enum Frame<'a> {
    Joined {
        head: Position,
        recovered: bool,
        entries: Vec<(Position, &'a str)>,
        more: bool,
    },
    Page {
        entries: Vec<(Position, &'a str)>,
        more: bool,
    },
    Message {
        position: Position,
        key: &'a str,
    },
    Epoch {
        position: Position,
        prev: Position,
    },
    Gap {
        from: Position,
        to: Position,
    },
    Rollback {
        after: Position,
    },
    Ack {
        key: &'a str,
        position: Position,
    },
}

/// Writes the reply to a send.
pub(crate) fn ack(key: &str, position: Position) -> String {
    format!(r#"{{"type":"ack","key":"{key}","position":"{position}"}}"#)
}

pub(crate) fn read(text: &str) -> Frame<'_> {
    let position = |name| place(text, name);
    match find(text, "\"type\":\"") {
        "joined" => Frame::Joined {
            head: position("\"head\":\""),
            recovered: text.contains("\"recovered\":true"),
            entries: entries(text),
            more: text.ends_with("\"more\":true}"),
        },
        "page" => Frame::Page {
            entries: entries(text),
            more: text.ends_with("\"more\":true}"),
        },
        "message" | "deleted" => Frame::Message {
            position: position("\"position\":\""),
            key: find(text, "\"key\":\""),
        },
        "epoch" => Frame::Epoch {
            position: position("\"position\":\""),
            prev: position("\"prev\":\""),
        },
        "gap" => Frame::Gap {
            from: position("\"from\":\""),
            to: position("\"to\":\""),
        },
        "rollback" => Frame::Rollback {
            after: position("\"after\":\""),
        },
        "ack" => Frame::Ack {
            key: find(text, "\"key\":\""),
            position: position("\"position\":\""),
        },
        other => panic!("no client expects {other}: {text}"),
    }
}

fn entries(text: &str) -> Vec<(Position, &str)> {
    let entry = |part| (place(part, "\"position\":\""), find(part, "\"key\":\""));
    text.split("{\"type\":\"message\"")
        .skip(1)
        .map(entry)
        .collect()
}

/// The messages in a frame, and whether each has its text.
pub(crate) fn texts(frame: &str) -> Vec<(Position, bool)> {
    let message = |part| {
        (
            place(part, "\"position\":\""),
            !find(part, "\"text\":\"").is_empty(),
        )
    };
    frame
        .split("{\"type\":\"message\"")
        .skip(1)
        .map(message)
        .collect()
}

fn place(text: &str, name: &str) -> Position {
    find(text, name).parse().expect("a position")
}

/// What stands between the name of a field and the next quotation mark.
fn find<'a>(text: &'a str, name: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(name) else {
        panic!("no {name} in {text}");
    };
    rest.split_once('"').map_or(rest, |(value, _)| value)
}
