//! What a client notes down.

use crate::protocol::position::Position;

use super::mark::{Digest, Mark};

/// Microseconds since the run began, by the one clock that all clients of a
/// run share.
pub type Micros = u64;
/// A room's place in the list of rooms of the run.
pub type RoomNumber = u32;

/// How a message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Over a WebSocket.
    WebSocket,
    /// In the answer to a poll.
    Poll,
}

/// In which part of the conversation a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// When it was new.
    Live,
    /// Missed, and brought after the client's own position.
    Replay,
    /// One of the latest messages that a fresh join shows. It lies before the
    /// position at which the client began to follow.
    Backlog,
}

/// One note of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transport works, and every room is joined over it.
    Up(Via),
    /// No transport works any more. The close code, or 0.
    Down {
        /// The close code of the last transport; 0 = it was cut.
        code: u16,
    },
    /// The client follows a room.
    Joined {
        /// Which.
        room: RoomNumber,
        /// The room's head, as the server said.
        head: Position,
        /// Whether the client asked for what follows its own position.
        resumed: bool,
        /// Whether the server said that nothing is missing.
        recovered: bool,
    },
    /// The client left a room, and meant to.
    Left {
        /// Which.
        room: RoomNumber,
    },
    /// A send went out, for the first time or again.
    Sent {
        /// Where.
        room: RoomNumber,
        /// User and key.
        key: Mark,
        /// Whether it went out before.
        again: bool,
    },
    /// A send was acknowledged.
    Acked {
        /// Where.
        room: RoomNumber,
        /// User and key.
        key: Mark,
        /// The place it was given.
        position: Position,
        /// Whether the server knew the key.
        duplicate: bool,
    },
    /// A send was refused for good.
    Refused {
        /// Where.
        room: RoomNumber,
        /// User and key.
        key: Mark,
    },
    /// The client stopped asking what became of a send.
    Unknown {
        /// Where.
        room: RoomNumber,
        /// User and key.
        key: Mark,
    },
    /// A message came.
    Received {
        /// Where.
        room: RoomNumber,
        /// Its place.
        position: Position,
        /// Its content.
        digest: Digest,
        /// New, or missed before.
        how: How,
        /// Over which transport.
        via: Via,
    },
    /// An entry of another kind came, such as a notice.
    Stepped {
        /// Where.
        room: RoomNumber,
        /// Its place.
        position: Position,
    },
    /// A marker came.
    Epoch {
        /// Where.
        room: RoomNumber,
        /// The marker's own place.
        position: Position,
        /// The last position that exists before it.
        prev: Position,
    },
    /// The server said that history is gone.
    Gap {
        /// Where.
        room: RoomNumber,
        /// The client's own position.
        from: Position,
        /// The next that exists.
        to: Position,
    },
    /// The server said that it lost what it had stored.
    Rollback {
        /// Where.
        room: RoomNumber,
        /// The last position that remains.
        after: Position,
    },
    /// Who is in a room.
    Snapshot {
        /// Where.
        room: RoomNumber,
        /// The version it shows.
        version: u64,
        /// Whether nobody is left out, as in a list of a large room.
        is_whole: bool,
        /// The users.
        members: Box<[Mark]>,
    },
    /// Who came and went.
    Diff {
        /// Where.
        room: RoomNumber,
        /// The version before it.
        prev: u64,
        /// The version after it.
        version: u64,
        /// Who came.
        joined: Box<[Mark]>,
        /// Who went.
        left: Box<[Mark]>,
    },
    /// The browser would now say that there is no connection.
    Notice,
}
