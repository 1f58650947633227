//! What a poll asks: its body, read and checked.

use std::{collections::HashSet, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    chat::{hub::Hub, refusal::Refusal},
    protocol::{code::ErrorCode, name::RoomName, position::Position},
};

/// The most polls one client counts: Redis counts in doubles.
const MOST_TURNS: u64 = 1 << 53;

/// The body of `POST /api/v1/poll`.
#[derive(Debug, Deserialize)]
pub struct PollRequest {
    pub(super) connection: Option<String>,
    #[serde(default)]
    rooms: Asked,
    pub(super) control: Option<String>,
    hold_ms: Option<u64>,
    /// Counts the polls of one client, so that one which it gave up, and which
    /// arrives late, changes nothing.
    #[serde(default)]
    turn: u64,
}

/// The rooms a body names, in its order: if they are too many, it counts.
#[derive(Debug, Default)]
struct Asked(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AskedVisitor)
    }
}

struct AskedVisitor;

impl<'de> Visitor<'de> for AskedVisitor {
    type Value = Asked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rooms and positions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asked, A::Error> {
        let (mut rooms, mut seen) = (Vec::new(), HashSet::new());
        while let Some((name, from)) = map.next_entry::<String, Value>()? {
            if seen.insert(name.clone()) {
                rooms.push((name, from));
            }
        }
        Ok(Asked(rooms))
    }
}

/// From where a poll follows a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Fresh,
    After(Position, Option<u64>),
}

/// A poll that has been read.
pub(super) struct Poll {
    pub(super) rooms: Vec<(RoomName, From)>,
    /// Those beyond what one connection follows.
    pub(super) too_many: Vec<RoomName>,
    pub(super) control: Option<Position>,
    pub(super) hold: Duration,
    pub(super) turn: u64,
}

impl Poll {
    pub(super) fn read(
        request: &PollRequest,
        hub: &Hub,
        longest: Duration,
    ) -> Result<Self, Refusal> {
        let rooms = request.rooms.0.iter();
        let mut rooms = rooms
            .map(|(name, from)| Ok((read_room(name)?, read_from(from)?)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let most = hub.settings.rooms_per_connection;
        if rooms.len() > most {
            // Whoever is let into many rooms by others keeps those they were in.
            rooms.sort_by_key(|(_, from)| *from == From::Fresh);
        }
        let too_many = rooms.split_off(most.min(rooms.len()));
        if request.turn > MOST_TURNS {
            let message = format!("`turn` is at most {MOST_TURNS}");
            return Err(Refusal::new(ErrorCode::BadField, message));
        }
        let control = request.control.as_deref().map(read_position).transpose()?;
        let hold = request.hold_ms.map_or(longest, Duration::from_millis);
        Ok(Self {
            rooms,
            too_many: too_many.into_iter().map(|(room, _)| room).collect(),
            control,
            hold: hold.min(longest),
            turn: request.turn,
        })
    }
}

fn read_room(name: &str) -> Result<RoomName, Refusal> {
    name.parse()
        .map_err(|error: crate::protocol::name::RoomNameError| {
            Refusal::new(ErrorCode::BadRoomName, error.to_string())
        })
}

fn read_position(text: &str) -> Result<Position, Refusal> {
    text.parse()
        .map_err(|error: crate::protocol::position::PositionError| {
            Refusal::new(ErrorCode::BadPosition, error.to_string())
        })
}

fn read_from(value: &Value) -> Result<From, Refusal> {
    match value {
        Value::Null => Ok(From::Fresh),
        Value::String(text) => Ok(From::After(read_position(text)?, None)),
        Value::Object(object) => {
            let version = object.get("presence_version").and_then(Value::as_u64);
            match object.get("after") {
                None | Some(Value::Null) => Ok(From::Fresh),
                Some(Value::String(text)) => Ok(From::After(read_position(text)?, version)),
                Some(_) => Err(bad_from()),
            }
        }
        _ => Err(bad_from()),
    }
}

fn bad_from() -> Refusal {
    Refusal::new(
        ErrorCode::BadPosition,
        "a room is followed from a position (a string), from {after, presence_version}, or from null",
    )
}
