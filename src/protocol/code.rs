//! The two closed lists: errors that answer a frame or a request, and reasons
//! that end a connection.

use serde::Serialize;

/// Why a frame or a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each name is its own explanation; docs/protocol.md lists them"
)]
pub enum ErrorCode {
    BadJson,
    UnknownType,
    BadField,
    BadPosition,
    KeyReused,
    TooBig,
    TextTooLong,
    BadRoomName,
    BadName,
    NameTaken,
    NoSession,
    Forbidden,
    NoSuchRoom,
    NotMember,
    TooManyRooms,
    TooManyConnections,
    RateLimited,
    Unavailable,
    Timeout,
    Internal,
}

impl ErrorCode {
    /// The status an HTTP answer with this error has.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadJson
            | Self::UnknownType
            | Self::BadField
            | Self::BadPosition
            | Self::TextTooLong
            | Self::BadRoomName
            | Self::BadName => 400,
            Self::NoSession => 401,
            Self::Forbidden | Self::NotMember => 403,
            Self::NoSuchRoom => 404,
            Self::KeyReused | Self::NameTaken => 409,
            Self::TooBig => 413,
            Self::TooManyRooms | Self::TooManyConnections | Self::RateLimited => 429,
            Self::Internal => 500,
            // Not 503: the balancer repeats a 503 on every other instance.
            Self::Unavailable | Self::Timeout => 504,
        }
    }
}

/// Why the server ends a connection. The client comes back by itself unless
/// the code lies in 4400–4403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said it is done.
    Done,
    /// A frame was larger than the limit.
    TooBig,
    /// This instance is going away; come back after a random part of `retry_ms`.
    Restart {
        /// Upper end of the random wait, in milliseconds.
        retry_ms: u32,
    },
    /// This instance has no room; come back later.
    Overload,
    /// Three bad frames in a row.
    Protocol,
    /// The session or token ended: sign in again.
    SessionOver,
    /// The user may not be here.
    Forbidden,
    /// Nothing was heard for too long.
    Heartbeat,
    /// The client accepted no byte for too long.
    StuckReader,
    /// The client kept sending after it was told to slow down.
    Rate,
}

impl CloseReason {
    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::TooBig => 1009,
            Self::Restart { .. } => 1012,
            Self::Overload => 1013,
            Self::Protocol => 4400,
            Self::SessionOver => 4401,
            Self::Forbidden => 4403,
            Self::Heartbeat => 4408,
            Self::StuckReader => 4409,
            Self::Rate => 4429,
        }
    }

    /// Whether coming back would end the same way.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Protocol | Self::SessionOver | Self::Forbidden
        )
    }

    /// The text that goes with the code.
    pub fn reason(self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::TooBig => "frame too big".to_owned(),
            Self::Restart { retry_ms } => format!("{{\"retry_ms\":{retry_ms}}}"),
            Self::Overload => "overload, come back later".to_owned(),
            Self::Protocol => "three bad frames in a row".to_owned(),
            Self::SessionOver => "session over, sign in again".to_owned(),
            Self::Forbidden => "forbidden".to_owned(),
            Self::Heartbeat => "nothing heard for too long".to_owned(),
            Self::StuckReader => "no byte accepted for too long".to_owned(),
            Self::Rate => "too many frames".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_in_snake_case() {
        let text = serde_json::to_string(&ErrorCode::TooManyRooms).unwrap();
        assert_eq!(text, "\"too_many_rooms\"");
    }

    #[test]
    fn no_error_has_the_status_that_the_balancer_repeats() {
        for code in [
            ErrorCode::Unavailable,
            ErrorCode::Timeout,
            ErrorCode::Internal,
        ] {
            assert_ne!(code.status(), 503);
        }
    }

    #[test]
    fn whoever_is_cut_for_our_sake_comes_back() {
        assert!(CloseReason::SessionOver.is_final());
        assert!(!CloseReason::Restart { retry_ms: 1 }.is_final());
        assert!(!CloseReason::TooBig.is_final());
    }

    #[test]
    fn close_reasons_fit_into_a_close_frame() {
        let restart = CloseReason::Restart { retry_ms: u32::MAX };
        assert!(restart.reason().len() <= 123);
    }
}
