//! The latest entries of a room, kept in memory so that many clients which
//! come back at once cost the broker one read and not one each.

use std::{collections::VecDeque, sync::Arc};

use crate::protocol::{entry::Entry, position::Position, server_frame::Text};

/// The most bytes of frames one ring keeps of what everybody has been told.
const BYTES: usize = 64 * 1024;
/// The most entries one ring keeps of what everybody has been told.
const ENTRIES: usize = 256;
/// How many times as much it keeps of what has yet to be told.
const UNTOLD: usize = 16;

/// An entry and its finished frame.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) entry: Entry,
    pub(super) frame: Text,
    /// Whether members get to see it.
    pub(super) is_shown: bool,
}

/// Holds every entry after its floor, without a hole.
#[derive(Debug, Default)]
pub(super) struct Ring {
    floor: Position,
    recent: VecDeque<Arc<Recent>>,
    bytes: usize,
}

impl Ring {
    /// Forgets everything; from here on the ring covers what follows `floor`.
    pub(super) fn restart(&mut self, floor: Position) {
        self.recent.clear();
        self.bytes = 0;
        self.floor = floor;
    }

    /// Adds the entry that follows the newest one. What lies above `told` has
    /// yet to be given to somebody, and is kept longer.
    pub(super) fn push(&mut self, recent: Arc<Recent>, told: Position) {
        self.bytes += recent.frame.len();
        self.recent.push_back(recent);
        self.trim(told);
    }

    /// Lets go of the oldest entries, as far as there are too many.
    pub(super) fn trim(&mut self, told: Position) {
        while let Some(oldest) = self.recent.front() {
            let is_told = oldest.entry.position <= told;
            let share = if is_told { 1 } else { UNTOLD };
            if self.bytes <= BYTES * share && self.recent.len() <= ENTRIES * share {
                break;
            }
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.bytes -= oldest.frame.len();
            self.floor = oldest.entry.position;
        }
        if self.recent.capacity() > 4 * ENTRIES && self.recent.len() <= ENTRIES {
            // It grew for a burst.
            self.recent.shrink_to(ENTRIES);
        }
    }

    /// The first `limit` entries after a position; `None` if the ring does not
    /// reach back that far.
    pub(super) fn after(
        &self,
        position: Position,
        limit: usize,
    ) -> Option<impl Iterator<Item = &Arc<Recent>>> {
        if position < self.floor {
            return None;
        }
        let start = self
            .recent
            .partition_point(|recent| recent.entry.position <= position);
        Some(self.recent.range(start..).take(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::{Fields, Kind};

    fn recent(seq: u64, bytes: usize) -> Arc<Recent> {
        Arc::new(Recent {
            entry: Entry {
                position: Position::new(1, seq),
                at: 0,
                kind: Kind::Message,
                fields: Fields::default(),
            },
            is_shown: true,
            frame: Text::from("x".repeat(bytes)),
        })
    }

    fn after(ring: &Ring, position: Position) -> Option<Vec<u64>> {
        let found = ring.after(position, 2)?;
        Some(found.map(|recent| recent.entry.position.seq).collect())
    }

    #[test]
    fn a_ring_gives_what_follows_a_position() {
        let mut ring = Ring::default();
        ring.restart(Position::new(1, 3));
        for seq in 4..10 {
            ring.push(recent(seq, 1), Position::new(1, seq));
        }
        assert_eq!(after(&ring, Position::new(1, 3)).unwrap(), [4, 5]);
        assert_eq!(after(&ring, Position::new(1, 7)).unwrap(), [8, 9]);
        assert!(after(&ring, Position::new(1, 9)).unwrap().is_empty());
        assert!(after(&ring, Position::new(1, 2)).is_none());
    }

    #[test]
    fn what_falls_out_raises_the_floor() {
        let mut ring = Ring::default();
        for seq in 1..=3 {
            ring.push(recent(seq, BYTES / 2 - 10), Position::new(1, seq));
        }
        assert!(after(&ring, Position::ZERO).is_none());
        assert_eq!(after(&ring, Position::new(1, 1)).unwrap(), [2, 3]);
    }

    #[test]
    fn what_has_yet_to_be_told_stays_longer_but_not_for_ever() {
        let mut ring = Ring::default();
        let told = Position::new(1, 1);
        for seq in 1..=4 {
            ring.push(recent(seq, BYTES / 2), told);
        }
        assert!(after(&ring, Position::ZERO).is_none());
        assert_eq!(after(&ring, told).unwrap(), [2, 3]);
        for seq in 5..=100 {
            ring.push(recent(seq, BYTES / 2), told);
        }
        assert!(after(&ring, told).is_none());
        assert!(ring.recent.len() > 10);
        // Nothing need come for the rest to be let go of.
        ring.trim(Position::new(1, 100));
        assert_eq!(ring.recent.len(), 1);
    }
}
