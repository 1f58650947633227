//! What the server says. Each frame is written once and shared by everybody
//! who gets it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use super::{
    client_frame::FrameId, code::ErrorCode, entry::Entry, name::RoomName, name::SendKey,
    position::Position, user::User,
};

/// A finished frame: JSON text, shared by reference, with the head of a
/// WebSocket frame in front, so that no transport has to touch it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    framed: Bytes,
    head: u8,
}

/// The longest head that a frame of the server has.
const LONGEST_HEAD: usize = 10;

impl Text {
    /// Writes a frame of about `size` bytes: `write` appends its JSON.
    pub fn build(size: usize, write: impl FnOnce(&mut String)) -> Self {
        let mut text = String::with_capacity(LONGEST_HEAD + size);
        // Room for the head, which is known once the text is.
        text.push_str("\0\0\0\0\0\0\0\0\0\0");
        write(&mut text);
        let mut bytes = text.into_bytes();
        let payload = bytes.len() - LONGEST_HEAD;
        let head = write_head(&mut bytes[..LONGEST_HEAD], payload);
        let framed = Bytes::from(bytes).slice(LONGEST_HEAD - usize::from(head)..);
        Self { framed, head }
    }

    /// A frame of another kind, finished already: a ping, a pong.
    pub fn raw(frame: Vec<u8>) -> Self {
        let head = u8::try_from(frame.len()).unwrap_or(u8::MAX);
        Self {
            framed: frame.into(),
            head,
        }
    }

    /// The frame as text.
    pub fn as_str(&self) -> &str {
        // Only ever built from a String.
        let text = self.framed.get(usize::from(self.head)..);
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    /// The frame as a WebSocket carries it.
    pub fn framed(&self) -> &[u8] {
        &self.framed
    }

    /// How many bytes it has on a WebSocket.
    pub fn len(&self) -> usize {
        self.framed.len()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.framed.len() == usize::from(self.head)
    }
}

/// Writes the head of a text frame at the end of `room`; returns its length.
fn write_head(room: &mut [u8], payload: usize) -> u8 {
    const WHOLE_TEXT: u8 = 0x81;
    let end = room.len();
    match payload {
        0..=125 => {
            room[end - 2] = WHOLE_TEXT;
            room[end - 1] = u8::try_from(payload).unwrap_or(0);
            2
        }
        126..=0xFFFF => {
            room[end - 4] = WHOLE_TEXT;
            room[end - 3] = 126;
            let length = u16::try_from(payload).unwrap_or(0);
            room[end - 2..].copy_from_slice(&length.to_be_bytes());
            4
        }
        _ => {
            room[end - 10] = WHOLE_TEXT;
            room[end - 9] = 127;
            room[end - 8..].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::build(text.len(), |frame| frame.push_str(&text))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client needs to know to keep within bounds.
#[derive(Clone, Debug, Serialize)]
pub struct HelloLimits {
    /// The most bytes of one client frame.
    pub frame_bytes: usize,
    /// The most characters of one text.
    pub text_chars: usize,
    /// The most UTF-8 bytes of one text.
    pub text_bytes: usize,
    /// The most rooms per connection.
    pub rooms: usize,
    /// The most sends …
    pub sends: u32,
    /// … in this many milliseconds.
    pub per_ms: u64,
}

/// What the server says, apart from log entries, which write their own frames.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "docs/protocol.md says what each field means, with an example a test parses"
)]
pub enum ServerFrame {
    Hello {
        protocol: u32,
        build: Arc<str>,
        instance: Arc<str>,
        user: User,
        heartbeat_ms: u64,
        limits: HelloLimits,
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<Box<str>>,
    },
    Joined {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        title: Arc<str>,
        head: Position,
        recovered: bool,
        count: u64,
        read: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        people: Option<Vec<User>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        direct: Option<bool>,
        messages: Messages,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        older: Option<bool>,
    },
    Page {
        room: RoomName,
        messages: Messages,
        more: bool,
    },
    Left {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
    },
    Ack {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        key: SendKey,
        position: Position,
        at: u64,
        duplicate: bool,
    },
    History {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        messages: Messages,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Position>,
    },
    Members {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        version: u64,
        members: Vec<User>,
        count: u64,
    },
    Presence {
        room: RoomName,
        prev: u64,
        version: u64,
        joined: Vec<User>,
        left: Vec<User>,
        count: u64,
    },
    Typing {
        room: RoomName,
        user: User,
        on: bool,
    },
    Read {
        room: RoomName,
        position: Position,
    },
    Created {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        title: String,
        #[serde(skip_serializing_if = "is_false")]
        direct: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<User>,
    },
    Invited {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        user: User,
    },
    Forgotten {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
    },
    Found {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        room: RoomName,
        messages: Messages,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Position>,
    },
    Gap {
        room: RoomName,
        from: Position,
        to: Position,
    },
    Rollback {
        room: RoomName,
        after: Position,
    },
    Move {
        within_ms: u64,
    },
    Refreshed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        exp: u64,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
    },
    /// The answer, over HTTP only, to a frame that has none of its own.
    Ok {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
    },
    Ping,
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<FrameId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomName>,
        code: ErrorCode,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl ServerFrame {
    /// Writes the frame.
    pub fn text(&self) -> Text {
        // Structs of strings and numbers always serialise.
        Text::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// The entries of a page: each is the frame it was when it was new.
#[derive(Clone, Debug)]
pub struct Messages(Box<serde_json::value::RawValue>);

impl Messages {
    /// The frames of these entries, as one JSON array.
    pub fn of<'a>(room: &RoomName, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut text = String::from("[");
        for entry in entries {
            if text.len() > 1 {
                text.push(',');
            }
            entry.write_frame(room, &mut text);
        }
        text.push(']');
        // Entries hold only what was JSON when it was stored; if the log was
        // tampered with, an empty page is better than a broken frame.
        let raw = serde_json::value::RawValue::from_string(text);
        Self(raw.unwrap_or_else(|_| Self::none().0))
    }

    /// An empty page.
    pub fn none() -> Self {
        Self(
            serde_json::value::to_raw_value::<[(); 0]>(&[])
                .unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned()),
        )
    }
}

impl Serialize for Messages {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::{Fields, Kind};

    #[test]
    fn a_frame_is_tagged_by_its_type_and_leaves_out_what_is_not_there() {
        let frame = ServerFrame::Left {
            id: None,
            room: RoomName::lobby(),
        };
        assert_eq!(frame.text().as_str(), r#"{"type":"left","room":"lobby"}"#);
    }

    #[test]
    fn a_frame_is_finished_for_a_websocket_whatever_its_length() {
        for (length, head) in [
            (2, vec![0x81, 2]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let frame = Text::from(text.clone());
            assert_eq!(frame.as_str(), text);
            assert_eq!(frame.framed(), [head, text.into_bytes()].concat());
        }
    }

    #[test]
    fn a_page_holds_its_entries_as_frames() {
        let entry = Entry {
            position: Position::new(1, 1),
            at: 2,
            kind: Kind::Message,
            fields: Fields::of(&serde_json::json!({"text": "hi"})),
        };
        let page = ServerFrame::Page {
            room: RoomName::lobby(),
            messages: Messages::of(&RoomName::lobby(), [&entry, &entry]),
            more: false,
        };
        let value: serde_json::Value = serde_json::from_str(page.text().as_str()).unwrap();
        assert_eq!(value["messages"][1]["text"], "hi");
    }
}
