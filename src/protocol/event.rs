//! Events: what instances tell each other about a room.
//!
//! The first character names the sort of event, the second the format. A
//! release drops what it does not understand: an entry is then repaired from
//! the log, and everything else heals by version or by time.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Entry, Fields, Kind},
    position::Position,
    user::User,
};

/// What one instance tells the others about a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An entry was appended to the room's log.
    Entry(Entry),
    /// Somebody came or went.
    Presence(PresenceChange),
    /// Somebody types, or stopped.
    Typing(Typing),
    /// Somebody has read further.
    Read(ReadMark),
}

/// A change of who is in a room. Versions of one room count up by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceChange {
    /// The version after this change.
    pub version: u64,
    /// Who came.
    #[serde(default)]
    pub joined: Vec<User>,
    /// Who went.
    #[serde(default)]
    pub left: Vec<User>,
    /// How many are there now.
    pub count: u64,
}

/// Somebody types, or stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Who.
    pub user: User,
    /// Typing, or not any more.
    pub on: bool,
}

/// Somebody has read further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMark {
    /// Whose mark.
    pub user: Arc<str>,
    /// Up to and with this entry.
    pub position: Position,
    /// The connection that said so, which need not be told.
    pub origin: String,
}

impl Event {
    /// Writes the event for the room's channel.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Entry(entry) => {
                let prev = match entry.kind {
                    Kind::Epoch { prev } => prev.to_string(),
                    _ => "-".to_owned(),
                };
                let kind = entry.kind.as_str();
                let Entry {
                    position,
                    at,
                    fields,
                    ..
                } = entry;
                format!("e1 {position} {at} {kind} {prev} {}", fields.as_str()).into_bytes()
            }
            Self::Presence(change) => tagged(b"p1 ", change),
            Self::Typing(typing) => tagged(b"t1 ", typing),
            Self::Read(mark) => tagged(b"r1 ", mark),
        }
    }

    /// Reads an event from the room's channel; `None` if it is of a form this
    /// release does not know.
    pub fn decode(payload: &Bytes) -> Option<Self> {
        let rest = payload.get(3..)?;
        match payload.get(..3)? {
            b"e1 " => decode_entry(payload).map(Self::Entry),
            b"p1 " => serde_json::from_slice(rest).ok().map(Self::Presence),
            b"t1 " => serde_json::from_slice(rest).ok().map(Self::Typing),
            b"r1 " => serde_json::from_slice(rest).ok().map(Self::Read),
            _ => None,
        }
    }
}

fn tagged<T: Serialize>(tag: &[u8], value: &T) -> Vec<u8> {
    let mut payload = tag.to_vec();
    // Plain structs of strings and numbers always serialise.
    let _ = serde_json::to_writer(&mut payload, value);
    payload
}

fn decode_entry(payload: &Bytes) -> Option<Entry> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut parts = text.splitn(6, ' ').skip(1);
    let position: Position = parts.next()?.parse().ok()?;
    let at = parts.next()?.parse().ok()?;
    let kind = parts.next()?;
    let prev = parts.next()?.parse().ok();
    let fields = parts.next()?;
    let start = payload.len() - fields.len();
    Some(Entry {
        position,
        at,
        kind: Kind::parse(kind, prev),
        fields: Fields::stored(payload.slice(start..)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(event: &Event) {
        assert_eq!(
            Event::decode(&Bytes::from(event.encode())).as_ref(),
            Some(event)
        );
    }

    #[test]
    fn every_event_reads_back_what_it_wrote() {
        let ada = User::new("u1", "Ada");
        round_trip(&Event::Typing(Typing {
            user: ada.clone(),
            on: true,
        }));
        round_trip(&Event::Read(ReadMark {
            user: "u1".into(),
            position: Position::new(5, 9),
            origin: "app-1.7".to_owned(),
        }));
        round_trip(&Event::Presence(PresenceChange {
            version: 4,
            joined: vec![ada],
            left: vec![],
            count: 9,
        }));
        round_trip(&Event::Entry(Entry {
            position: Position::new(5, 0),
            at: 77,
            kind: Kind::Epoch {
                prev: Position::new(4, 2),
            },
            fields: Fields::default(),
        }));
        round_trip(&Event::Entry(Entry {
            position: Position::new(5, 1),
            at: 78,
            kind: Kind::Message,
            fields: Fields::of(&serde_json::json!({"text": "with  two spaces"})),
        }));
    }

    #[test]
    fn what_is_not_understood_is_dropped() {
        for payload in [
            "",
            "e1",
            "e1 ",
            "e1 x y z",
            "e9 1-1 2 message - ",
            "p1 {",
            "zz nothing",
        ] {
            assert_eq!(Event::decode(&Bytes::from(payload)), None, "{payload:?}");
        }
    }
}
