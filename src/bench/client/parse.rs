//! Server frames, read in place. A message, of which there are millions, is
//! read by its known shape without a copy; a frame of another shape goes
//! through serde.

use std::borrow::Cow;

use memchr::memchr2;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::position::Position;

/// A message, pointing into the bytes it was read from where it can.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) room: Cow<'a, [u8]>,
    pub(super) position: Position,
    pub(super) key: Cow<'a, [u8]>,
    pub(super) from: Cow<'a, [u8]>,
    pub(super) text: Cow<'a, [u8]>,
}

#[derive(Deserialize)]
struct Tag {
    r#type: String,
}

/// The `type` of a frame.
pub(super) fn kind(frame: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = frame.strip_prefix(b"{\"type\":\"")
        && let Some(end) = memchr2(b'"', b'\\', rest)
        && rest[end] == b'"'
    {
        return Cow::Borrowed(&rest[..end]);
    }
    serde_json::from_slice::<Tag>(frame).map_or(Cow::Borrowed(b""), |tag| {
        Cow::Owned(tag.r#type.into_bytes())
    })
}

/// Reads a message.
pub(super) fn message(frame: &[u8]) -> Option<Message<'_>> {
    Shape(frame).message().or_else(|| slow_message(frame))
}

/// Walks along the shape in which the server writes.
struct Shape<'a>(&'a [u8]);

impl<'a> Shape<'a> {
    fn message(mut self) -> Option<Message<'a>> {
        self.skip(b"{\"type\":\"message\",\"room\":\"")?;
        let room = self.plain()?;
        self.skip(b",\"position\":\"")?;
        let epoch = self.digits()?;
        self.skip(b"-")?;
        let seq = self.digits()?;
        self.skip(b"\",\"at\":")?;
        self.digits()?;
        self.skip(b",\"key\":\"")?;
        let key = self.plain()?;
        self.skip(b",\"from\":{\"id\":\"")?;
        let from = self.plain()?;
        self.skip(b",\"name\":\"")?;
        self.plain()?;
        self.skip(b"},\"text\":\"")?;
        let text = self.plain()?;
        // What follows is `}` or fields that do not matter here.
        Some(Message {
            room: Cow::Borrowed(room),
            position: Position::new(epoch, seq),
            key: Cow::Borrowed(key),
            from: Cow::Borrowed(from),
            text: Cow::Borrowed(text),
        })
    }

    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// The rest of a string without escapes, and its closing quote.
    fn plain(&mut self) -> Option<&'a [u8]> {
        let end = memchr2(b'"', b'\\', self.0)?;
        if self.0[end] != b'"' {
            return None;
        }
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(text)
    }

    fn digits(&mut self) -> Option<u64> {
        let mut number: u64 = 0;
        let mut count = 0;
        for digit in self.0.iter().take_while(|byte| byte.is_ascii_digit()) {
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            count += 1;
        }
        self.0 = &self.0[count..];
        (count > 0).then_some(number)
    }
}

fn slow_message(frame: &[u8]) -> Option<Message<'static>> {
    #[derive(Deserialize)]
    struct From {
        id: String,
    }
    #[derive(Deserialize)]
    struct Slow {
        room: String,
        position: Position,
        #[serde(default)]
        key: String,
        from: From,
        text: String,
    }
    let slow: Slow = serde_json::from_slice(frame).ok()?;
    let owned = |text: String| Cow::Owned(text.into_bytes());
    Some(Message {
        room: owned(slow.room),
        position: slow.position,
        key: owned(slow.key),
        from: owned(slow.from.id),
        text: owned(slow.text),
    })
}

#[derive(Deserialize)]
pub(super) struct UserId {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Hello {
    pub(super) user: UserId,
    #[serde(default)]
    pub(super) instance: String,
    pub(super) connection: Option<String>,
}

/// `joined` and `page`.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub(super) room: String,
    pub(super) head: Option<Position>,
    #[serde(default)]
    pub(super) recovered: bool,
    #[serde(borrow)]
    pub(super) messages: Vec<&'a RawValue>,
    pub(super) more: bool,
}

#[derive(Deserialize)]
pub(super) struct Ack {
    pub(super) room: String,
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) duplicate: bool,
}

#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) id: Option<i64>,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after_ms: Option<u64>,
}

/// An entry that is not a message.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) room: Option<String>,
    pub(super) position: Option<Position>,
    pub(super) prev: Option<Position>,
}

#[derive(Deserialize)]
pub(super) struct Break {
    pub(super) room: String,
    pub(super) from: Option<Position>,
    pub(super) to: Option<Position>,
    pub(super) after: Option<Position>,
}

/// `members` and `presence`.
#[derive(Deserialize)]
pub(super) struct People {
    pub(super) room: String,
    pub(super) version: u64,
    pub(super) prev: Option<u64>,
    pub(super) count: Option<u64>,
    #[serde(default)]
    pub(super) members: Vec<UserId>,
    #[serde(default)]
    pub(super) joined: Vec<UserId>,
    #[serde(default)]
    pub(super) left: Vec<UserId>,
}

#[derive(Deserialize)]
pub(super) struct PollAnswer<'a> {
    #[serde(borrow)]
    pub(super) frames: Vec<&'a RawValue>,
    #[serde(default)]
    pub(super) control: Option<String>,
    #[serde(default)]
    pub(super) more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        entry::{Entry as LogEntry, Fields, Kind, MessageFields},
        name::RoomName,
        user::User,
    };

    fn frame(text: &str) -> String {
        let entry = LogEntry {
            position: Position::new(1_732_060_800_000, 42),
            at: 1_732_060_800_123,
            kind: Kind::Message,
            fields: Fields::of(&MessageFields {
                key: &"k1".parse().unwrap(),
                from: &User::new("u1", "Ada"),
                text,
                reply_to: Some(Position::new(1, 1)),
                mentions: &[],
            }),
        };
        entry.frame(&RoomName::lobby()).as_str().to_owned()
    }

    #[test]
    fn a_frame_as_the_server_writes_it_is_read_without_a_copy() {
        let frame = frame("hello");
        let found = message(frame.as_bytes()).unwrap();
        assert!(matches!(found.text, Cow::Borrowed(b"hello")));
        assert_eq!(&*found.room, b"lobby");
        assert_eq!(found.position, Position::new(1_732_060_800_000, 42));
        assert_eq!((&*found.key, &*found.from), (&b"k1"[..], &b"u1"[..]));
    }

    #[test]
    fn a_frame_of_another_shape_says_the_same() {
        for (text, frame) in [
            ("a \"b\" \\ c", frame("a \"b\" \\ c")),
            (
                "hi",
                r#"{"at":1,"text":"hi","room":"lobby","new":[1],"type":"message",
                    "from":{"name":"Ada","id":"u1"},"key":"k1","position":"1732060800000-42"}"#
                    .to_owned(),
            ),
        ] {
            let found = message(frame.as_bytes()).unwrap();
            assert!(matches!(found.text, Cow::Owned(_)));
            assert_eq!(&*found.text, text.as_bytes());
            assert_eq!(found.position, Position::new(1_732_060_800_000, 42));
            assert_eq!(&*kind(frame.as_bytes()), b"message");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        let frame = frame("hello");
        for cut in 0..frame.len() - 30 {
            assert_eq!(message(&frame.as_bytes()[..cut]), None);
        }
    }
}
