//! What a poll asks: its body, read and checked.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
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
    rooms: BTreeMap<String, Value>,
    pub(super) control: Option<String>,
    hold_ms: Option<u64>,
    /// Counts the polls of one client, so that one which it gave up, and which
    /// arrives late, changes nothing.
    #[serde(default)]
    turn: u64,
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
        let most = hub.settings.rooms_per_connection;
        if request.rooms.len() > most {
            let message = format!("a connection follows at most {most} rooms");
            return Err(Refusal::new(ErrorCode::TooManyRooms, message));
        }
        let rooms = request
            .rooms
            .iter()
            .map(|(name, from)| Ok((read_room(name)?, read_from(from)?)))
            .collect::<Result<_, Refusal>>()?;
        if request.turn > MOST_TURNS {
            let message = format!("`turn` is at most {MOST_TURNS}");
            return Err(Refusal::new(ErrorCode::BadField, message));
        }
        let control = request.control.as_deref().map(read_position).transpose()?;
        let hold = request.hold_ms.map_or(longest, Duration::from_millis);
        Ok(Self {
            rooms,
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
