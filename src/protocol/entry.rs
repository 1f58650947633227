//! An entry of a room's log, and the frame it becomes.
//!
//! The fields of a message are written as JSON once, by the instance that took
//! the send. From there they travel through the log and the other instances as
//! they are; each instance only puts the position in front.

pub mod addressed;

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use super::{
    emoji::Emoji,
    name::{RoomName, SendKey},
    position::Position,
    server_frame::Text,
    user::User,
};

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// When it was given that place, in milliseconds since 1970.
    pub at: u64,
    /// What it is.
    pub kind: Kind,
    /// The rest of its frame: the inside of a JSON object, without braces.
    pub fields: Fields,
}

/// What an entry is; also the `type` of the frame it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens an epoch.
    Epoch {
        /// The last position that exists before the marker.
        prev: Position,
    },
    /// Somebody said something.
    Message,
    /// Somebody wrote an own message anew.
    Edited,
    /// Somebody took an own message back.
    Deleted,
    /// Somebody set or unset a reaction to a message.
    Reacted,
    /// The operator said something to the room.
    Notice,
    /// The operator closed the room.
    RoomClosed,
    /// Somebody was let into a private room.
    Invited,
    /// Somebody left a private room for good.
    Departed,
    /// A session ended (control log only).
    SignedOut,
    /// Some people are in a private room now (control log only, for them).
    RoomAdded,
    /// Somebody left a private room for good (control log only, for them).
    Forgotten,
    /// A kind that a newer release writes; passed on as it is.
    Other(Arc<str>),
}

impl Kind {
    /// The name in the log and in the frame.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Epoch { .. } => "epoch",
            Self::Message => "message",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Reacted => "reacted",
            Self::Notice => "notice",
            Self::RoomClosed => "room_closed",
            Self::Invited => "invited",
            Self::Departed => "departed",
            Self::SignedOut => "signed_out",
            Self::RoomAdded => "room_added",
            Self::Forgotten => "forgotten",
            Self::Other(name) => name,
        }
    }

    /// Whether an entry of this kind only changes a message: history shows what
    /// became of the message, and not the entry.
    pub const fn is_change(&self) -> bool {
        matches!(self, Self::Edited | Self::Deleted | Self::Reacted)
    }

    /// The kind of that name. `prev` is what the entry says of the position
    /// before it; only a marker has one.
    pub fn parse(name: &str, prev: Option<Position>) -> Self {
        match name {
            "epoch" => Self::Epoch {
                prev: prev.unwrap_or(Position::ZERO),
            },
            "message" => Self::Message,
            "edited" => Self::Edited,
            "deleted" => Self::Deleted,
            "reacted" => Self::Reacted,
            "notice" => Self::Notice,
            "room_closed" => Self::RoomClosed,
            "invited" => Self::Invited,
            "departed" => Self::Departed,
            "signed_out" => Self::SignedOut,
            "room_added" => Self::RoomAdded,
            "forgotten" => Self::Forgotten,
            other => Self::Other(other.into()),
        }
    }
}

/// The inside of a JSON object (`"key":"k1","text":"hello"`), without braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Bytes);

impl Fields {
    /// Writes the fields of `value`, which must be a JSON object.
    pub fn of<T: Serialize>(value: &T) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        let inside = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        Self(Bytes::from(inside.unwrap_or_default().to_owned()))
    }

    /// Takes what the log holds. Text that is not UTF-8 becomes no fields.
    pub fn stored(bytes: Bytes) -> Self {
        if std::str::from_utf8(&bytes).is_ok() {
            Self(bytes)
        } else {
            Self::default()
        }
    }

    /// The fields as a JSON object; null if they are not one.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&format!("{{{}}}", self.as_str())).unwrap_or_default()
    }

    /// The fields as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many bytes they are.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

/// What a message says, beside its place.
#[derive(Clone, Debug, Serialize)]
pub struct MessageFields<'a> {
    /// The sender's name for this send.
    pub key: &'a SendKey,
    /// Who said it.
    pub from: &'a User,
    /// What was said.
    pub text: &'a str,
    /// The message this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Position>,
    /// Whom it names, as the server found out.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub mentions: &'a [Arc<str>],
}

/// What an entry says that changes a message, beside its place.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeFields<'a> {
    /// The sender's name for this change.
    pub key: &'a SendKey,
    /// The message that is changed.
    pub target: Position,
    /// Who changed it.
    pub by: &'a User,
    /// For an edit: what the message says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// For a reaction: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<&'a Emoji>,
    /// For a reaction: whether it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// For an edit: whom the message names now.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub mentions: &'a [Arc<str>],
}

impl Entry {
    /// The finished frame of this entry, as every member gets it.
    pub fn frame(&self, room: &RoomName) -> Text {
        let size = 96 + room.as_str().len() + self.fields.0.len();
        Text::build(size, |text| self.write_frame(room, text))
    }

    /// Writes the frame of this entry at the end of `text`.
    pub fn write_frame(&self, room: &RoomName, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(text, r#"{{"type":"{}""#, self.kind.as_str());
        if self.is_addressed() {
            // Its place is one in the control log, and none in the room it names.
            return addressed::write_rest(&self.fields, text);
        }
        if !room.is_control() {
            let _ = write!(text, r#","room":"{room}""#);
        }
        let _ = write!(text, r#","position":"{}""#, self.position);
        if let Kind::Epoch { prev } = self.kind {
            let _ = write!(text, r#","prev":"{prev}""#);
        }
        let _ = write!(text, r#","at":{}"#, self.at);
        let fields = self.fields.as_str();
        if !fields.is_empty() {
            text.push(',');
            text.push_str(fields);
        }
        text.push('}');
    }

    /// Whether history shows it: markers and news of the room are for those
    /// who follow it, not for those who look back.
    pub fn is_message(&self) -> bool {
        self.kind == Kind::Message
    }

    /// The message that this entry changed, if it is one that does.
    pub fn target(&self) -> Option<Position> {
        if !self.kind.is_change() {
            return None;
        }
        let (_, rest) = self.fields.as_str().split_once(r#""target":""#)?;
        rest.split_once('"')?.0.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message() -> Entry {
        Entry {
            position: Position::new(7, 3),
            at: 1000,
            kind: Kind::Message,
            fields: Fields::of(&MessageFields {
                key: &"k1".parse().unwrap(),
                from: &User::new("u1", "Ada"),
                text: "a \"quoted\" {thing}",
                reply_to: None,
                mentions: &[],
            }),
        }
    }

    #[test]
    fn a_message_becomes_one_whole_frame() {
        let frame: Value =
            serde_json::from_str(message().frame(&RoomName::lobby()).as_str()).unwrap();
        assert_eq!(
            frame,
            json!({"type": "message", "room": "lobby", "position": "7-3", "at": 1000, "key": "k1",
                   "from": {"id": "u1", "name": "Ada"}, "text": "a \"quoted\" {thing}"})
        );
    }

    #[test]
    fn a_marker_says_what_came_before_it() {
        let marker = Entry {
            position: Position::new(9, 0),
            at: 5,
            kind: Kind::Epoch {
                prev: Position::new(7, 3),
            },
            fields: Fields::default(),
        };
        let frame: Value = serde_json::from_str(marker.frame(&RoomName::lobby()).as_str()).unwrap();
        assert_eq!(
            frame,
            json!({"type": "epoch", "room": "lobby", "position": "9-0", "prev": "7-3", "at": 5})
        );
    }

    #[test]
    fn a_change_says_what_it_changes() {
        let change = Entry {
            kind: Kind::Reacted,
            fields: Fields::of(&ChangeFields {
                key: &"k1".parse().unwrap(),
                target: Position::new(7, 1),
                by: &User::new("u1", r#""target":"1-1""#),
                text: None,
                emoji: Some(&"👍".parse().unwrap()),
                on: Some(true),
                mentions: &[],
            }),
            ..message()
        };
        assert_eq!(change.target(), Some(Position::new(7, 1)));
        assert_eq!(message().target(), None);
    }

    #[test]
    fn a_kind_of_a_newer_release_is_passed_on() {
        assert_eq!(Kind::parse("pinned", None).as_str(), "pinned");
    }
}
