//! Order without a hole: which entry may follow which.
//!
//! Pure: positions in, a verdict out. The same two questions are asked of a
//! live event (which may be early, late or repeated) and of a page of the log
//! (which is the truth, so that a hole in it is a hole in history).

use crate::protocol::{
    entry::{Entry, Kind},
    position::Position,
};

/// What to do with an entry that came as a live event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// It follows: deliver it.
    Next,
    /// It was delivered before: drop it.
    Old,
    /// Something is missing before it: read the log.
    Hole,
}

/// Judges a live entry for somebody who has everything up to `last`.
pub fn judge(last: Position, entry: &Entry) -> Live {
    if entry.position <= last {
        Live::Old
    } else if follows(last, entry) {
        Live::Next
    } else {
        Live::Hole
    }
}

/// What stands between a position and the entry that the log has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// History between the position and this one (both exclusive) is gone.
    Gap {
        /// The next position that exists.
        to: Position,
    },
    /// Everything of earlier epochs above this position is gone.
    Rollback {
        /// The last position before the loss that still exists.
        after: Position,
    },
}

/// Judges the first entry that the log has after `last`: `None` if nothing is
/// missing between them.
pub fn find_break(last: Position, next: &Entry) -> Option<Break> {
    if follows(last, next) {
        return None;
    }
    match next.kind {
        // A log that began anew says nothing of what was before: that is a gap.
        Kind::Epoch { prev } if prev != Position::ZERO && prev < last => {
            Some(Break::Rollback { after: prev })
        }
        _ => Some(Break::Gap { to: next.position }),
    }
}

/// What is missing for somebody who stands above the head of the whole log.
pub fn break_below(head: Position) -> Break {
    if head == Position::ZERO {
        // It says nothing of what was: that is a gap.
        Break::Gap { to: head }
    } else {
        Break::Rollback { after: head }
    }
}

/// The position that this entry follows: whoever was told what is missing before
/// the entry stands there.
pub fn before(entry: &Entry) -> Position {
    match entry.kind {
        Kind::Epoch { prev } => prev,
        _ => Position::new(entry.position.epoch, entry.position.seq.saturating_sub(1)),
    }
}

fn follows(last: Position, entry: &Entry) -> bool {
    before(entry) == last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::Fields;

    fn entry(epoch: u64, seq: u64) -> Entry {
        Entry {
            position: Position::new(epoch, seq),
            at: 0,
            kind: Kind::Message,
            fields: Fields::default(),
        }
    }

    fn marker(epoch: u64, prev: Position) -> Entry {
        Entry {
            kind: Kind::Epoch { prev },
            ..entry(epoch, 0)
        }
    }

    #[test]
    fn the_next_number_of_an_epoch_follows() {
        assert_eq!(judge(Position::new(5, 1), &entry(5, 2)), Live::Next);
        assert_eq!(judge(Position::new(5, 2), &entry(5, 2)), Live::Old);
        assert_eq!(judge(Position::new(5, 1), &entry(5, 3)), Live::Hole);
    }

    #[test]
    fn a_marker_follows_only_the_position_it_names() {
        let last = Position::new(5, 9);
        assert_eq!(judge(last, &marker(6, last)), Live::Next);
        assert_eq!(judge(last, &marker(6, Position::new(5, 8))), Live::Hole);
        assert_eq!(
            judge(Position::ZERO, &marker(6, Position::ZERO)),
            Live::Next
        );
    }

    #[test]
    fn a_message_of_another_epoch_never_follows() {
        assert_eq!(judge(Position::new(5, 1), &entry(6, 2)), Live::Hole);
    }

    #[test]
    fn a_lost_tail_is_a_rollback_to_what_the_marker_names() {
        let seen = Position::new(5, 9);
        let prev = Position::new(5, 7);
        assert_eq!(
            find_break(seen, &marker(6, prev)),
            Some(Break::Rollback { after: prev })
        );
    }

    #[test]
    fn a_trimmed_beginning_is_a_gap() {
        let next = entry(5, 50);
        assert_eq!(
            find_break(Position::new(5, 3), &next),
            Some(Break::Gap { to: next.position })
        );
        assert_eq!(find_break(Position::new(5, 49), &next), None);
    }

    #[test]
    fn a_log_that_began_anew_is_a_gap() {
        let first = marker(6, Position::ZERO);
        assert_eq!(
            find_break(Position::new(5, 3), &first),
            Some(Break::Gap { to: first.position })
        );
    }
}
