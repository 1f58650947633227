//! The latest entries of a room, kept in memory so that many clients which
//! come back at once cost the broker one read and not one each.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use crate::protocol::{
    entry::{Entry, Kind},
    position::Position,
    server_frame::Text,
};

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
    /// What is kept here and does not look like that any more, since the entry
    /// at that position: whoever was away gets it from the log.
    outdated: BTreeMap<Position, Position>,
}

impl Ring {
    /// Forgets everything; from here on the ring covers what follows `floor`.
    pub(super) fn restart(&mut self, floor: Position) {
        self.recent.clear();
        self.outdated.clear();
        self.bytes = 0;
        self.floor = floor;
    }

    /// Adds the entry that follows the newest one. What lies above `told` has
    /// yet to be given to somebody, and is kept longer.
    pub(super) fn push(&mut self, recent: Arc<Recent>, told: Position) {
        if let Some(message) = recent.entry.target() {
            self.note_change(message, &recent.entry);
        }
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
            self.outdated.remove(&self.floor);
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

    /// The same for somebody who was away, to whom everything is to look as it
    /// does now: `None` also if something of it has changed since.
    pub(super) fn after_as_now(
        &self,
        position: Position,
        limit: usize,
    ) -> Option<impl Iterator<Item = &Arc<Recent>>> {
        let above = (Bound::Excluded(position), Bound::Unbounded);
        if let Some((changed, _)) = self.outdated.range(above).next()
            && self
                .after(position, limit)?
                .any(|recent| recent.entry.position == *changed)
        {
            return None;
        }
        self.after(position, limit)
    }

    /// An entry changed a message: what is kept of its text is not what it says
    /// now, also in earlier edits of it.
    fn note_change(&mut self, message: Position, by: &Entry) {
        if self.place(message).is_some() {
            self.outdated.insert(message, by.position);
        }
        if by.kind == Kind::Reacted {
            return;
        }
        let entries = self.recent.iter().map(|recent| &recent.entry);
        let edits = entries.filter(|entry| entry.kind == Kind::Edited);
        for edit in edits.filter(|edit| edit.target() == Some(message)) {
            self.outdated.insert(edit.position, by.position);
        }
    }

    /// Where an entry is kept.
    fn place(&self, position: Position) -> Option<usize> {
        self.recent
            .binary_search_by_key(&position, |recent| recent.entry.position)
            .ok()
    }

    /// Whether an entry is kept that looks otherwise in a log with this head.
    pub(super) fn is_outdated(&self, position: Position, head: Position) -> bool {
        let since = self.outdated.get(&position);
        since.is_some_and(|since| *since <= head)
    }

    /// Keeps an entry as it looks now.
    pub(super) fn renew(&mut self, now: Recent) {
        let position = now.entry.position;
        if let Some(index) = self.place(position) {
            self.bytes = self.bytes + now.frame.len() - self.recent[index].frame.len();
            self.recent[index] = Arc::new(now);
        }
        self.outdated.remove(&position);
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

    /// An entry that changes a message.
    fn change(seq: u64, kind: Kind, message: u64) -> Arc<Recent> {
        let target = Position::new(1, message);
        let mut change = Arc::into_inner(recent(seq, 1)).unwrap();
        change.entry.kind = kind;
        change.entry.fields = Fields::of(&serde_json::json!({ "target": target }));
        Arc::new(change)
    }

    #[test]
    fn what_has_changed_since_comes_from_the_log_until_it_is_renewed() {
        let mut ring = Ring::default();
        let at = |seq| Position::new(1, seq);
        for entry in [recent(1, 1), recent(2, 1), recent(3, 1)] {
            ring.push(entry, at(3));
        }
        let as_now = |ring: &Ring, seq| ring.after_as_now(at(seq), 10).map(Iterator::count);
        ring.push(change(4, Kind::Edited, 2), at(4));
        assert_eq!((as_now(&ring, 0), as_now(&ring, 1)), (None, None));
        assert_eq!(as_now(&ring, 2), Some(2));
        assert_eq!(
            after(&ring, at(0)).unwrap(),
            [1, 2],
            "whoever is here gets it"
        );
        assert!(
            ring.after_as_now(at(0), 1).is_some(),
            "it does not reach it"
        );
        // A log that was read before the change does not know of it.
        assert!(!ring.is_outdated(at(2), at(3)) && ring.is_outdated(at(2), at(4)));
        ring.renew(Arc::into_inner(recent(2, 9)).unwrap());
        assert_eq!(as_now(&ring, 0), Some(4));
        // The text of the edit goes with that of its message; a reaction leaves it.
        ring.push(change(5, Kind::Reacted, 2), at(5));
        assert_eq!((as_now(&ring, 1), as_now(&ring, 2)), (None, Some(3)));
        ring.push(change(6, Kind::Deleted, 2), at(6));
        assert_eq!((as_now(&ring, 2), as_now(&ring, 4)), (None, Some(2)));
        ring.push(change(7, Kind::Deleted, 99), at(7));
        assert_eq!(as_now(&ring, 4), Some(3));
        // What falls out is no longer anybody's business.
        ring.push(recent(8, BYTES), at(8));
        assert!(ring.outdated.is_empty() && ring.bytes <= BYTES + 99);
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
