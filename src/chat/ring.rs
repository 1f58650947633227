//! The latest entries of a room, kept in memory so that many clients which
//! come back at once cost the broker one read and not one each.

use std::{collections::VecDeque, sync::Arc};

use crate::protocol::{entry::Entry, position::Position, server_frame::Text};

/// The most bytes of frames one ring keeps.
const BYTES: usize = 64 * 1024;
/// The most entries one ring keeps.
const ENTRIES: usize = 256;

/// An entry and its finished frame.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) entry: Entry,
    pub(super) frame: Text,
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

    /// Adds the entry that follows the newest one.
    pub(super) fn push(&mut self, recent: Arc<Recent>) {
        self.bytes += recent.frame.len();
        self.recent.push_back(recent);
        while self.bytes > BYTES || self.recent.len() > ENTRIES {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.bytes -= oldest.frame.len();
            self.floor = oldest.entry.position;
        }
    }

    /// The first `limit` entries after a position; `None` if the ring does not
    /// reach back that far.
    pub(super) fn after(&self, position: Position, limit: usize) -> Option<Vec<Arc<Recent>>> {
        if position < self.floor {
            return None;
        }
        let start = self
            .recent
            .partition_point(|recent| recent.entry.position <= position);
        Some(
            self.recent
                .iter()
                .skip(start)
                .take(limit)
                .cloned()
                .collect(),
        )
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
            frame: Text::from("x".repeat(bytes)),
        })
    }

    fn positions(found: &[Arc<Recent>]) -> Vec<u64> {
        found
            .iter()
            .map(|recent| recent.entry.position.seq)
            .collect()
    }

    #[test]
    fn a_ring_gives_what_follows_a_position() {
        let mut ring = Ring::default();
        ring.restart(Position::new(1, 3));
        for seq in 4..10 {
            ring.push(recent(seq, 1));
        }
        let after = |seq, limit| ring.after(Position::new(1, seq), limit);
        assert_eq!(positions(&after(3, 2).unwrap()), [4, 5]);
        assert_eq!(positions(&after(7, 9).unwrap()), [8, 9]);
        assert!(after(9, 9).unwrap().is_empty());
        assert!(after(2, 9).is_none());
    }

    #[test]
    fn what_falls_out_raises_the_floor() {
        let mut ring = Ring::default();
        for seq in 1..=3 {
            ring.push(recent(seq, BYTES / 2 - 10));
        }
        assert!(ring.after(Position::ZERO, 9).is_none());
        assert_eq!(
            positions(&ring.after(Position::new(1, 1), 9).unwrap()),
            [2, 3]
        );
    }
}
