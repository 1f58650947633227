//! The truth that a run is compared with: what every room's log holds once
//! everything is quiet, read by history.

use crate::protocol::position::Position;

use super::mark::{Digest, Mark};

/// The final logs of all rooms of a run, by room number.
#[derive(Clone, Debug, Default)]
pub struct FinalLogs {
    /// One per room.
    pub rooms: Vec<FinalRoom>,
}

/// What one room's log holds.
#[derive(Clone, Debug, Default)]
pub struct FinalRoom {
    /// What the room is called.
    pub name: String,
    /// All messages, oldest first.
    pub entries: Vec<FinalEntry>,
    /// Whether the oldest is the first that ever was. If not, what lies before
    /// it cannot be judged.
    pub is_whole: bool,
}

/// One message of a final log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalEntry {
    /// Its place.
    pub position: Position,
    /// Its sender and key.
    pub key: Mark,
    /// Its content.
    pub digest: Digest,
}
