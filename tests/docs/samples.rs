//! Each kind of frame as the server writes it, for the examples in the documents
//! to be held against.

use hubbub::protocol::{
    client_frame::FrameId,
    code::ErrorCode,
    entry::{Entry, Fields, Kind, addressed::RoomAdded},
    name::RoomName,
    position::Position,
    server_frame::{HelloLimits, Messages, ServerFrame},
    user::User,
};
use serde_json::{Value, json};

use super::parse;

/// One server frame of each type, as the code writes it: with all that may be
/// left out, or without.
pub(crate) fn samples(all: bool) -> Vec<Value> {
    let mut frames = replies(all);
    frames.extend(private(all));
    frames.extend(unasked(all));
    frames
        .iter()
        .inspect(|frame| is_sampled(frame))
        .map(|frame| parse(frame.text().as_str()))
        .chain(entries(all))
        .collect()
}

fn replies(all: bool) -> Vec<ServerFrame> {
    let id = all.then_some(FrameId::Number(1));
    let room = RoomName::lobby();
    vec![
        ServerFrame::Joined {
            id: id.clone(),
            room: room.clone(),
            title: "".into(),
            head: Position::ZERO,
            recovered: false,
            count: 1,
            messages: Messages::none(),
            more: false,
            older: all.then_some(true),
            read: Position::ZERO,
            people: all.then(Vec::new),
            direct: all.then_some(true),
        },
        ServerFrame::Left {
            id: id.clone(),
            room: room.clone(),
        },
        ServerFrame::Ack {
            id: id.clone(),
            room: room.clone(),
            key: "k1".parse().unwrap(),
            position: Position::ZERO,
            at: 1,
            duplicate: false,
        },
        ServerFrame::History {
            id: id.clone(),
            room: room.clone(),
            messages: Messages::none(),
            more: false,
            before: all.then_some(Position::ZERO),
        },
        ServerFrame::Members {
            id: id.clone(),
            room: room.clone(),
            version: 1,
            members: vec![],
            count: 0,
        },
        ServerFrame::Refreshed {
            id: id.clone(),
            exp: 1,
        },
        ServerFrame::Pong { id: id.clone() },
        ServerFrame::Ok { id: id.clone() },
        ServerFrame::Error {
            id,
            room: all.then_some(room),
            code: ErrorCode::Internal,
            message: String::new(),
            retry_after_ms: all.then_some(1),
        },
    ]
}

fn private(all: bool) -> Vec<ServerFrame> {
    let id = all.then_some(FrameId::Number(1));
    let room = RoomName::private(1);
    let user = User::new("u1", "Ada");
    vec![
        ServerFrame::Created {
            id: id.clone(),
            room: room.clone(),
            title: String::new(),
            direct: all,
            with: all.then(|| user.clone()),
        },
        ServerFrame::Invited {
            id: id.clone(),
            room: room.clone(),
            user,
        },
        ServerFrame::Forgotten {
            id: id.clone(),
            room: room.clone(),
        },
        ServerFrame::Found {
            id,
            room,
            messages: Messages::none(),
            more: false,
            before: all.then_some(Position::ZERO),
        },
    ]
}

fn unasked(all: bool) -> Vec<ServerFrame> {
    let room = RoomName::lobby();
    vec![
        ServerFrame::Hello {
            protocol: 1,
            build: "b".into(),
            instance: "i".into(),
            user: User::new("u1", "Ada"),
            heartbeat_ms: 1,
            limits: HelloLimits {
                frame_bytes: 1,
                text_chars: 1,
                text_bytes: 1,
                rooms: 1,
                sends: 1,
                per_ms: 1,
            },
            connection: all.then(|| "c".into()),
        },
        ServerFrame::Page {
            room: room.clone(),
            messages: Messages::none(),
            more: false,
        },
        ServerFrame::Presence {
            room: room.clone(),
            prev: 0,
            version: 1,
            joined: vec![],
            left: vec![],
            count: 0,
        },
        ServerFrame::Typing {
            room: room.clone(),
            user: User::new("u1", "Ada"),
            on: true,
        },
        ServerFrame::Read {
            room: room.clone(),
            position: Position::ZERO,
        },
        ServerFrame::Gap {
            room: room.clone(),
            from: Position::ZERO,
            to: Position::ZERO,
        },
        ServerFrame::Rollback {
            room,
            after: Position::ZERO,
        },
        ServerFrame::Move { within_ms: 1 },
        ServerFrame::Ping,
    ]
}

/// Does not compile without a new type of frame, which then belongs above.
fn is_sampled(frame: &ServerFrame) {
    match frame {
        ServerFrame::Hello { .. }
        | ServerFrame::Joined { .. }
        | ServerFrame::Page { .. }
        | ServerFrame::Left { .. }
        | ServerFrame::Ack { .. }
        | ServerFrame::History { .. }
        | ServerFrame::Members { .. }
        | ServerFrame::Presence { .. }
        | ServerFrame::Typing { .. }
        | ServerFrame::Read { .. }
        | ServerFrame::Created { .. }
        | ServerFrame::Invited { .. }
        | ServerFrame::Forgotten { .. }
        | ServerFrame::Found { .. }
        | ServerFrame::Gap { .. }
        | ServerFrame::Rollback { .. }
        | ServerFrame::Move { .. }
        | ServerFrame::Refreshed { .. }
        | ServerFrame::Pong { .. }
        | ServerFrame::Ok { .. }
        | ServerFrame::Ping
        | ServerFrame::Error { .. } => {}
    }
}

/// The frames that are entries of a log, as clients see them.
fn entries(all: bool) -> Vec<Value> {
    let ada = User::new("u1", "Ada");
    let mut message = json!({"key": "k1", "from": ada, "text": "hi"});
    let change = json!({"key": "k2", "target": Position::ZERO, "by": ada});
    let (mut edited, mut reacted) = (change.clone(), change.clone());
    edited["text"] = json!("hi");
    reacted["emoji"] = json!("👍");
    reacted["on"] = json!(true);
    if all {
        message["reply_to"] = json!(Position::ZERO);
        message["mentions"] = json!(["u2"]);
        message["edited"] = json!(1);
        message["deleted"] = json!(true);
        message["reactions"] = json!([]);
        edited["mentions"] = json!(["u2"]);
    }
    let marker = Kind::Epoch {
        prev: Position::ZERO,
    };
    let notice_room = if all {
        RoomName::lobby()
    } else {
        RoomName::control()
    };
    [
        (RoomName::lobby(), Kind::Message, message),
        (RoomName::lobby(), Kind::Edited, edited),
        (RoomName::lobby(), Kind::Deleted, change),
        (RoomName::lobby(), Kind::Reacted, reacted),
        (RoomName::lobby(), marker, json!({})),
        (notice_room, Kind::Notice, json!({"text": "hi"})),
        (RoomName::lobby(), Kind::RoomClosed, json!({})),
        (
            RoomName::private(1),
            Kind::Invited,
            json!({"by": User::new("u1", "Ada"), "user": User::new("u2", "Ben")}),
        ),
        (
            RoomName::private(1),
            Kind::Departed,
            json!({"user": User::new("u2", "Ben")}),
        ),
        (RoomName::control(), Kind::RoomAdded, room_added()),
    ]
    .into_iter()
    .map(|(room, kind, fields)| {
        match kind {
            Kind::Epoch { .. }
            | Kind::Message
            | Kind::Edited
            | Kind::Deleted
            | Kind::Reacted
            | Kind::Notice
            | Kind::RoomClosed
            | Kind::Invited
            | Kind::Departed
            | Kind::RoomAdded
            | Kind::Forgotten => {}
            Kind::SignedOut | Kind::Other(_) => panic!("no client sees that"),
        }
        let fields = if kind == Kind::RoomAdded {
            Fields::addressed(&fields, &["u2"])
        } else {
            Fields::of(&fields)
        };
        let entry = Entry {
            position: Position::ZERO,
            at: 1,
            kind,
            fields,
        };
        parse(entry.frame(&room).as_str())
    })
    .collect()
}

fn room_added() -> Value {
    let added = RoomAdded {
        room: &RoomName::private(1),
        title: "",
        by: &User::new("u1", "Ada"),
        direct: false,
    };
    serde_json::to_value(added).unwrap()
}
