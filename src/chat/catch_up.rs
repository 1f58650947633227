//! How a connection catches up in all rooms in which it is behind: until it is
//! level, its outbox is full, or it has had its part.

use super::{connection::Connection, room::Room};

/// How far a connection came that was behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refilled {
    /// As far as there is anything, or as a room's next part fits.
    Level,
    /// It waits for its outbox or for the broker.
    Stuck,
    /// There is more to be read at once.
    Unfinished,
}

impl Connection {
    /// Refills the rooms in which this connection is behind, as far as the
    /// outbox takes it. Returns whether some room is still behind.
    pub async fn refill(&self) -> bool {
        self.refill_by(usize::MAX).await != Refilled::Level
    }

    /// Refills the rooms in which this connection is behind, as far as the
    /// outbox takes it, and by at most so many parts of the log of each.
    pub async fn refill_by(&self, parts: usize) -> Refilled {
        let mut reached = Refilled::Level;
        for room in self.all_rooms() {
            reached = reached.max(self.refill_room(&room, parts).await);
        }
        reached
    }

    async fn refill_room(&self, room: &Room, parts: usize) -> Refilled {
        for _ in 0..parts {
            if self.outbox.is_half_full() || self.outbox.is_closed() {
                let is_behind = room.is_behind(self.id);
                return if is_behind {
                    Refilled::Stuck
                } else {
                    Refilled::Level
                };
            }
            match room.refill(self.id).await {
                Ok(true) => {}
                Ok(false) => return Refilled::Level,
                Err(error) => {
                    tracing::debug!(room = %room.name, %error, "refill waits for the broker");
                    return Refilled::Stuck;
                }
            }
        }
        Refilled::Unfinished
    }
}
