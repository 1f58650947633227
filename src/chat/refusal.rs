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

    /// A refusal for now.
    pub fn later(code: ErrorCode, message: impl Into<String>, retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::new(code, message)
        }
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
        if !matches!(error, BrokerError::KeyReused | BrokerError::NoSuchRoom) {
            telemetry::broker_error();
        }
        match error {
            BrokerError::Unavailable => {
                Self::later(ErrorCode::Unavailable, message, BROKER_RETRY_MS)
            }
            BrokerError::Timeout => Self::later(ErrorCode::Timeout, message, BROKER_RETRY_MS),
            BrokerError::KeyReused => Self::new(ErrorCode::KeyReused, message),
            BrokerError::NoSuchRoom => Self::new(ErrorCode::NoSuchRoom, message),
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
