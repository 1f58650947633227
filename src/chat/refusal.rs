//! Why something was not done, as the client is told.

use crate::{
    broker::BrokerError,
    protocol::{
        client_frame::{BadFrame, FrameId},
        code::ErrorCode,
        name::RoomName,
        server_frame::ServerFrame,
    },
    telemetry,
};
use rand::Rng as _;

/// How long a client waits before it asks a broker that was away again.
const BROKER_RETRY_MS: u64 = 1_000;

/// An error that answers a frame or a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong and what to do, for people.
    pub message: String,
    /// When asking again makes sense.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal that asking again does not change.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_ms: None,
        }
    }

    /// A refusal for now: asking again makes sense after about that time. It is
    /// spread by half in both directions, so that those who are refused
    /// together do not come back together.
    pub fn later(code: ErrorCode, message: impl Into<String>, about_ms: u64) -> Self {
        let spread = rand::rng().random_range(0..=about_ms);
        Self::after(code, message, (about_ms / 2 + spread).max(1))
    }

    /// A refusal until a time that is known: it belongs to this caller alone.
    pub fn after(code: ErrorCode, message: impl Into<String>, retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::new(code, message)
        }
    }

    /// There is no such room, or none that this user may know of.
    pub fn no_such_room(room: &RoomName) -> Self {
        Self::new(ErrorCode::NoSuchRoom, format!("there is no room {room}"))
    }

    /// A connection that may follow so many rooms is in as many.
    pub fn too_many_rooms(most: usize) -> Self {
        let message = format!("a connection follows at most {most} rooms; leave one first");
        Self::new(ErrorCode::TooManyRooms, message)
    }

    /// The frame that says so.
    pub fn frame(self, id: Option<FrameId>) -> ServerFrame {
        self.frame_about(id, None)
    }

    /// The frame that says so of a room, where no `id` tells what it is about.
    pub fn frame_about(self, id: Option<FrameId>, room: Option<RoomName>) -> ServerFrame {
        ServerFrame::Error {
            id,
            room,
            code: self.code,
            message: self.message,
            retry_after_ms: self.retry_after_ms,
        }
    }
}

impl From<BadFrame> for Refusal {
    fn from(bad: BadFrame) -> Self {
        Self::new(bad.code, bad.message)
    }
}

impl From<BrokerError> for Refusal {
    fn from(error: BrokerError) -> Self {
        let message = error.to_string();
        if error.is_failure() {
            telemetry::broker_error();
        }
        match error {
            BrokerError::Unavailable => {
                Self::later(ErrorCode::Unavailable, message, BROKER_RETRY_MS)
            }
            BrokerError::Timeout => Self::later(ErrorCode::Timeout, message, BROKER_RETRY_MS),
            BrokerError::KeyReused => Self::new(ErrorCode::KeyReused, message),
            BrokerError::NoSuchRoom => Self::new(ErrorCode::NoSuchRoom, message),
            BrokerError::RoomFull => Self::new(ErrorCode::Forbidden, message),
            BrokerError::TooManyRooms(_) => Self::new(ErrorCode::TooManyRooms, message),
            BrokerError::NoSuchMessage => Self::new(ErrorCode::BadPosition, message),
            BrokerError::NotYours | BrokerError::Deleted | BrokerError::TooManyReactions => {
                Self::new(ErrorCode::Forbidden, message)
            }
            BrokerError::Unexpected(_) => {
                tracing::error!(%error, "the broker answered something unexpected");
                Self::new(
                    ErrorCode::Internal,
                    "something went wrong on our side; it has been logged",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_refused_together_do_not_come_back_together() {
        let wait = |_| {
            let refusal = Refusal::later(ErrorCode::Unavailable, "away", 1_000);
            refusal.retry_after_ms.unwrap()
        };
        let waits: Vec<u64> = (0..1_000).map(wait).collect();
        assert!(waits.iter().all(|wait| (500..=1_500).contains(wait)));
        for (from, to) in [(500, 700), (900, 1_100), (1_300, 1_500)] {
            let near = waits.iter().filter(|wait| (from..to).contains(*wait));
            assert!(near.count() > 100, "{from} to {to}");
        }
    }
}
