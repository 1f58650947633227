//! What a client says. One JSON object per frame, tagged by `type`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    code::ErrorCode,
    emoji::Emoji,
    name::{PEOPLE, Query, RoomName, SendKey, Title, UserName, UserNameError},
    position::Position,
};

/// The most entries one `search` shows.
pub const SEARCH_LIMIT: usize = 50;
/// The most entries one `history` asks for.
pub const HISTORY_LIMIT: usize = 100;
/// The most users a `members` with a limit asks for.
pub const MEMBERS_LIMIT: usize = 10_000;

/// A client's own mark on a frame, echoed in its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FrameId {
    /// A whole number.
    Number(i64),
    /// Any text of at most 64 bytes.
    Text(Box<str>),
}

/// What a client may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Follow a room, from a position on or from its latest entries.
    Join {
        /// Which room.
        room: RoomName,
        /// The last position the client has.
        after: Option<Position>,
    },
    /// Stop following a room.
    Leave {
        /// Which room.
        room: RoomName,
    },
    /// Say something.
    Send {
        /// Where.
        room: RoomName,
        /// The client's name for this send; a retry carries the same one.
        key: SendKey,
        /// What.
        text: String,
        /// The message it answers.
        reply_to: Option<Position>,
    },
    /// Write an own message anew.
    Edit {
        /// Which message, and under which name.
        change: Changing,
        /// What it says from now on.
        text: String,
    },
    /// Take an own message back.
    Delete {
        /// Which message, and under which name.
        change: Changing,
    },
    /// Set or unset a reaction to a message.
    React {
        /// Which message, and under which name.
        change: Changing,
        /// Which reaction.
        emoji: Emoji,
        /// Whether it is set.
        on: bool,
    },
    /// Typing, or not any more.
    Typing {
        /// Where.
        room: RoomName,
        /// Whether.
        on: bool,
    },
    /// Look back.
    History {
        /// Which room.
        room: RoomName,
        /// Only what lies before this position.
        before: Option<Position>,
        /// How many at most.
        limit: usize,
    },
    /// Who is here?
    Members {
        /// Which room.
        room: RoomName,
        /// How many are named at most; none = everybody.
        limit: Option<usize>,
    },
    /// How far somebody has read.
    Read {
        /// Which room.
        room: RoomName,
        /// Up to and with this entry.
        position: Position,
    },
    /// Make a private room.
    Create {
        /// The client's name for this room; a retry carries the same one.
        key: Option<SendKey>,
        /// What it is called.
        title: String,
        /// Who is to be in it beside the one who makes it.
        invite: Vec<UserName>,
    },
    /// Let somebody into a private room.
    Invite {
        /// Which room.
        room: RoomName,
        /// Whom.
        name: UserName,
    },
    /// The room of two people.
    Direct {
        /// Who is the other one.
        whom: Whom,
    },
    /// Leave a private room for good.
    Forget {
        /// Which room.
        room: RoomName,
    },
    /// Look for words.
    Search {
        /// Which room.
        room: RoomName,
        /// The words.
        query: String,
        /// Only what lies before this position.
        before: Option<Position>,
        /// How many at most.
        limit: usize,
    },
    /// A fresh token for a connection that was opened by one.
    Refresh {
        /// The token.
        token: String,
    },
    /// Are you there?
    Ping,
}

/// One person, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    /// What they are called.
    pub name: UserName,
    /// Their id, if nobody else of that name is meant.
    pub user: Option<String>,
}

/// What all frames that change a message say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changing {
    /// Where.
    pub room: RoomName,
    /// The client's name for this change; a retry carries the same one.
    pub key: SendKey,
    /// The message.
    pub target: Position,
}

/// A frame that was refused before it meant anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFrame {
    /// The frame's own mark, if that much could be read.
    pub id: Option<FrameId>,
    /// Why.
    pub code: ErrorCode,
    /// Why, for people.
    pub message: String,
}

impl ClientFrame {
    /// The room it is about, if it is about one that is there already.
    pub const fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Join { room, .. }
            | Self::Leave { room }
            | Self::Send { room, .. }
            | Self::Edit {
                change: Changing { room, .. },
                ..
            }
            | Self::Delete {
                change: Changing { room, .. },
            }
            | Self::React {
                change: Changing { room, .. },
                ..
            }
            | Self::Typing { room, .. }
            | Self::History { room, .. }
            | Self::Members { room, .. }
            | Self::Read { room, .. }
            | Self::Invite { room, .. }
            | Self::Forget { room }
            | Self::Search { room, .. } => Some(room),
            Self::Create { .. } | Self::Direct { .. } | Self::Refresh { .. } | Self::Ping => None,
        }
    }

    /// Whether it is a send that may go out beside others, and still be stored
    /// in its order: not if it may name people, who have to be found first.
    pub fn is_plain_send(&self) -> bool {
        matches!(self, Self::Send { text, .. } if !text.contains('@'))
    }

    /// Reads one frame.
    pub fn parse(text: &str) -> Result<(Option<FrameId>, Self), BadFrame> {
        let value = serde_json::from_str(text).map_err(|error| BadFrame {
            id: None,
            code: ErrorCode::BadJson,
            message: format!("this is not JSON: {error}"),
        })?;
        Self::from_value(value)
    }

    /// Reads one frame that is JSON already.
    pub fn from_value(value: Value) -> Result<(Option<FrameId>, Self), BadFrame> {
        let Value::Object(object) = value else {
            return Err(BadFrame {
                id: None,
                code: ErrorCode::BadJson,
                message: "a frame is a JSON object".to_owned(),
            });
        };
        let mut reader = Reader { object };
        let id = reader
            .id()
            .map_err(|refusal| refusal.into_bad_frame(None))?;
        match reader.frame() {
            Ok(frame) => Ok((id, frame)),
            Err(refusal) => Err(refusal.into_bad_frame(id)),
        }
    }
}

struct Refusal(ErrorCode, String);

impl Refusal {
    fn into_bad_frame(self, id: Option<FrameId>) -> BadFrame {
        BadFrame {
            id,
            code: self.0,
            message: self.1,
        }
    }
}

/// Takes the fields of one frame out of its object, with an error that names
/// the field for each that is missing or of the wrong form.
struct Reader {
    object: Map<String, Value>,
}

impl Reader {
    fn id(&mut self) -> Result<Option<FrameId>, Refusal> {
        match self.object.remove("id") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= 64 => Ok(Some(FrameId::Text(text.into()))),
            Some(Value::Number(number)) if number.is_i64() => {
                Ok(number.as_i64().map(FrameId::Number))
            }
            Some(_) => Err(bad_field(
                "`id` is a whole number or a string of at most 64 bytes",
            )),
        }
    }

    fn frame(&mut self) -> Result<ClientFrame, Refusal> {
        let Some(Value::String(kind)) = self.object.remove("type") else {
            return Err(Refusal(
                ErrorCode::UnknownType,
                "a frame has a `type`, a string".to_owned(),
            ));
        };
        Ok(match kind.as_str() {
            "join" => ClientFrame::Join {
                room: self.room()?,
                after: self.position("after")?,
            },
            "leave" => ClientFrame::Leave { room: self.room()? },
            "send" => ClientFrame::Send {
                room: self.room()?,
                key: self.key()?,
                text: self.text("text")?,
                reply_to: self.position("reply_to")?,
            },
            "edit" => ClientFrame::Edit {
                change: self.changing()?,
                text: self.text("text")?,
            },
            "delete" => ClientFrame::Delete {
                change: self.changing()?,
            },
            "react" => ClientFrame::React {
                change: self.changing()?,
                emoji: self.parsed("emoji", ErrorCode::BadField)?,
                on: self.flag("on")?,
            },
            "typing" => ClientFrame::Typing {
                room: self.room()?,
                on: self.flag("on")?,
            },
            "history" => ClientFrame::History {
                room: self.room()?,
                before: self.position("before")?,
                limit: self.limit(HISTORY_LIMIT)?.unwrap_or(50),
            },
            "members" => ClientFrame::Members {
                room: self.room()?,
                limit: self.limit(MEMBERS_LIMIT)?,
            },
            "read" => ClientFrame::Read {
                room: self.room()?,
                position: self
                    .position("position")?
                    .ok_or_else(|| bad_field("`position` is missing"))?,
            },
            "create" => ClientFrame::Create {
                key: self.key_if_any()?,
                title: self.parsed::<Title>("title", ErrorCode::BadField)?.0,
                invite: self.names("invite")?,
            },
            "invite" => ClientFrame::Invite {
                room: self.room()?,
                name: self.parsed("name", ErrorCode::BadName)?,
            },
            "direct" => ClientFrame::Direct { whom: self.whom()? },
            "forget" => ClientFrame::Forget { room: self.room()? },
            "search" => ClientFrame::Search {
                room: self.room()?,
                query: self.parsed::<Query>("query", ErrorCode::BadField)?.0,
                before: self.position("before")?,
                limit: self.limit(SEARCH_LIMIT)?.unwrap_or(20),
            },
            "refresh" => ClientFrame::Refresh {
                token: self.text("token")?,
            },
            "ping" => ClientFrame::Ping,
            other => {
                let shown: String = other.chars().take(32).collect();
                return Err(Refusal(
                    ErrorCode::UnknownType,
                    format!("there is no frame of type {shown:?}"),
                ));
            }
        })
    }

    fn text(&mut self, field: &str) -> Result<String, Refusal> {
        match self.object.remove(field) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(bad_field(format!("`{field}` must be a string"))),
        }
    }

    fn whom(&mut self) -> Result<Whom, Refusal> {
        let name = self.parsed("name", ErrorCode::BadName)?;
        let user = match self.object.get("user") {
            None | Some(Value::Null) => None,
            Some(_) => Some(self.text("user")?),
        };
        Ok(Whom { name, user })
    }

    fn parsed<T: FromStr>(&mut self, field: &str, code: ErrorCode) -> Result<T, Refusal>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(field)?;
        text.parse()
            .map_err(|error: T::Err| Refusal(code, error.to_string()))
    }

    fn room(&mut self) -> Result<RoomName, Refusal> {
        self.parsed("room", ErrorCode::BadRoomName)
    }

    fn key(&mut self) -> Result<SendKey, Refusal> {
        self.parsed("key", ErrorCode::BadField)
    }

    fn key_if_any(&mut self) -> Result<Option<SendKey>, Refusal> {
        match self.object.get("key") {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.key().map(Some),
        }
    }

    fn changing(&mut self) -> Result<Changing, Refusal> {
        let (room, key) = (self.room()?, self.key()?);
        let target = self.position("target")?.ok_or_else(|| {
            let why = "`target` is the position of the message: a string <epoch>-<seq>";
            Refusal(ErrorCode::BadPosition, why.to_owned())
        })?;
        Ok(Changing { room, key, target })
    }

    fn position(&mut self, field: &str) -> Result<Option<Position>, Refusal> {
        match self.object.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                text.parse()
                    .map(Some)
                    .map_err(|error: super::position::PositionError| {
                        Refusal(ErrorCode::BadPosition, format!("`{field}`: {error}"))
                    })
            }
            Some(_) => Err(Refusal(
                ErrorCode::BadPosition,
                format!("`{field}` is a string <epoch>-<seq>"),
            )),
        }
    }

    fn names(&mut self, field: &str) -> Result<Vec<UserName>, Refusal> {
        let names = match self.object.remove(field) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(names)) if names.len() < PEOPLE => names,
            Some(_) => {
                return Err(bad_field(format!(
                    "`{field}` is a list of fewer than {PEOPLE} names"
                )));
            }
        };
        let parse = |name: Value| match name {
            Value::String(name) => name
                .parse()
                .map_err(|error: UserNameError| Refusal(ErrorCode::BadName, error.to_string())),
            _ => Err(bad_field(format!("`{field}` is a list of names"))),
        };
        names.into_iter().map(parse).collect()
    }

    fn flag(&mut self, field: &str) -> Result<bool, Refusal> {
        match self.object.remove(field) {
            Some(Value::Bool(on)) => Ok(on),
            _ => Err(bad_field(format!("`{field}` must be true or false"))),
        }
    }

    fn limit(&mut self, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.object.remove("limit") else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=most).contains(limit))
            .map(Some)
            .ok_or_else(|| bad_field(format!("`limit` is a whole number from 1 to {most}")))
    }
}

fn bad_field(message: impl Into<String>) -> Refusal {
    Refusal(ErrorCode::BadField, message.into())
}

#[cfg(test)]
mod tests;
