//! What one simulated client knows: who it is, where it stands in its rooms,
//! what it said, and which of its connections works.

use std::collections::VecDeque;

use crate::{
    bench::check::{Journal, Mark, RoomNumber, Via},
    protocol::position::Position,
};

use super::{http::Cookies, stats::Nanos};

/// How many positions a client remembers having passed over.
const MISSING: usize = 1_000;

/// One simulated client.
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) via: Via,
    pub(super) token: Option<Box<str>>,
    pub(super) cookies: Cookies,
    pub(super) user: Mark,
    pub(super) journal: Option<Journal>,
    pub(super) places: Vec<Place>,
    pub(super) link: Link,
    pub(super) outgoing: Outgoing,
    pub(super) is_slow: bool,
    /// Whether it may connect: it was its turn, and it was not told to go.
    pub(super) is_wanted: bool,
}

/// The connections of a client.
#[derive(Default)]
pub(super) struct Link {
    /// Up to two WebSockets; a second one only while moving.
    pub(super) sockets: [Option<usize>; 2],
    /// Which of the two is in use.
    pub(super) current: usize,
    pub(super) poll: Option<usize>,
    pub(super) post: Option<usize>,
    pub(super) sign_in: Option<usize>,
    /// The name that the server gave a polling client.
    pub(super) connection: Option<String>,
    pub(super) control: Option<String>,
    /// The instance in use, as a mark.
    pub(super) instance: Mark,
    pub(super) is_up: bool,
    /// Since when no transport works.
    pub(super) down_since: Option<Nanos>,
    /// From when on a return is possible; catching up is timed from here.
    pub(super) back_from: Nanos,
    pub(super) up_since: Nanos,
    pub(super) attempts: u32,
    /// When to connect next.
    pub(super) next_attempt: Option<Nanos>,
    /// The server's own wish for the next wait.
    pub(super) hint: Option<Nanos>,
    pub(super) has_noticed: bool,
    /// Until when the client should have moved elsewhere.
    pub(super) move_until: Option<Nanos>,
    /// When the next poll or post may go out.
    pub(super) poll_at: Nanos,
    pub(super) post_at: Nanos,
}

/// What a client said and has no answer to.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) next_number: u32,
    pub(super) unsent: VecDeque<Send>,
    /// Acknowledged ones, as long as a rollback may take them back.
    pub(super) acked: VecDeque<(Position, Send)>,
    pub(super) retry_at: Nanos,
    pub(super) next_place: usize,
    /// Frames of another kind that a polling client has to post.
    pub(super) asks: Vec<String>,
}

/// One message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Send {
    pub(super) number: u32,
    pub(super) place: usize,
    pub(super) slot: u32,
    pub(super) due: Nanos,
    pub(super) went_out: bool,
    pub(super) is_in_flight: bool,
}

/// Where a client stands in one room.
#[derive(Default)]
pub(super) struct Place {
    pub(super) room: RoomNumber,
    /// The last position, over whichever transport.
    pub(super) last: Position,
    /// The last position over each of two WebSockets.
    pub(super) wire_last: [Position; 2],
    /// Whether there is a position to resume from.
    pub(super) has_begun: bool,
    /// Whether each of two WebSockets has caught up.
    pub(super) is_joined: [bool; 2],
    pub(super) presence: Option<u64>,
    /// After a gap: what comes next, whatever it is.
    skip_to: Option<Position>,
    missing: Vec<Position>,
}

/// What a position is, to somebody who stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next one.
    Next,
    /// Later than the next one: so many were passed over.
    Hole(u64),
    /// One that was passed over before.
    Late,
    /// One that was here before.
    Again,
    /// One that the other of two WebSockets brought, or will bring.
    Overlap,
}

impl Place {
    /// A room that the client is to join.
    pub(super) fn of(room: RoomNumber) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Whether this position is new to the client, and moves there if it is.
    pub(super) fn advance(&mut self, slot: usize, position: Position) -> Step {
        let on_wire = self.wire_last[slot];
        if position > on_wire {
            self.wire_last[slot] = position;
            if position <= self.last {
                return Step::Overlap;
            }
        } else if let Some(index) = self.missing.iter().position(|at| *at == position) {
            self.missing.swap_remove(index);
            return Step::Late;
        } else {
            return Step::Again;
        }
        let is_next = position == self.last.next() || self.skip_to == Some(position);
        let last = std::mem::replace(&mut self.last, position);
        self.skip_to = None;
        if is_next {
            return Step::Next;
        }
        if last.epoch != position.epoch {
            return Step::Hole(1);
        }
        let hole = last.seq + 1..position.seq;
        let count = hole.end - hole.start;
        let space = MISSING.saturating_sub(self.missing.len());
        let noted = hole.take(space).map(|seq| Position::new(last.epoch, seq));
        self.missing.extend(noted);
        Step::Hole(count)
    }

    /// Follows a marker, and says whether it is new.
    pub(super) fn follow_marker(&mut self, slot: usize, position: Position) -> bool {
        let is_new_here = position > self.wire_last[slot];
        let is_new = position > self.last;
        self.wire_last[slot] = self.wire_last[slot].max(position);
        self.last = self.last.max(position);
        self.skip_to = None;
        // On the same wire again it is a fault that the checker shall see.
        is_new || !is_new_here
    }

    /// Begins at a position, as a fresh join does.
    pub(super) fn begin(&mut self, slot: usize, position: Position) {
        self.last = position;
        self.wire_last[slot] = position;
        self.has_begun = true;
        self.skip_to = None;
        self.missing.clear();
    }

    /// A new connection goes on from here.
    pub(super) fn resume(&mut self, slot: usize) {
        self.wire_last[slot] = self.last;
        self.is_joined[slot] = false;
    }

    /// History before this position is gone.
    pub(super) fn skip_to(&mut self, slot: usize, to: Position) {
        self.skip_to = Some(to);
        if to == Position::ZERO {
            self.begin(slot, to);
        }
    }

    /// Everything above this position is gone.
    pub(super) fn roll_back(&mut self, slot: usize, after: Position) {
        self.last = self.last.min(after);
        self.wire_last[slot] = self.wire_last[slot].min(after);
        self.missing.retain(|position| *position <= after);
    }

    /// How many were passed over and never came.
    #[cfg(test)]
    fn missing(&self) -> usize {
        self.missing.len()
    }
}

impl Person {
    /// Notes an event, if notes are kept.
    pub(super) fn note(&mut self, now: Nanos, event: &crate::bench::check::Event) {
        if let Some(journal) = &mut self.journal {
            journal.push(now / 1_000, event);
        }
    }

    pub(super) fn place_of(&self, room: RoomNumber) -> Option<usize> {
        self.places.iter().position(|place| place.room == room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Position {
        Position::new(1, seq)
    }

    #[test]
    fn holes_latecomers_and_repetitions_are_told_apart() {
        let mut place = Place::default();
        place.begin(0, at(0));
        assert_eq!(place.advance(0, at(1)), Step::Next);
        assert_eq!(place.advance(0, at(4)), Step::Hole(2));
        assert_eq!(place.advance(0, at(3)), Step::Late);
        assert_eq!(place.advance(0, at(3)), Step::Again);
        assert_eq!(place.advance(0, at(5)), Step::Next);
        assert_eq!(place.missing(), 1);
    }

    #[test]
    fn what_two_sockets_both_bring_is_counted_once() {
        let mut place = Place::default();
        place.begin(0, at(0));
        place.resume(1);
        assert_eq!(place.advance(0, at(1)), Step::Next);
        assert_eq!(place.advance(1, at(1)), Step::Overlap);
        assert_eq!(place.advance(1, at(2)), Step::Next);
        assert_eq!(place.advance(0, at(2)), Step::Overlap);
        // The same socket twice is a repetition even then.
        assert_eq!(place.advance(1, at(2)), Step::Again);
    }

    #[test]
    fn a_gap_and_a_rollback_move_the_place() {
        let mut place = Place::default();
        place.begin(0, at(3));
        place.skip_to(0, at(9));
        assert_eq!(place.advance(0, at(9)), Step::Next);
        place.roll_back(0, at(5));
        assert!(place.follow_marker(0, Position::new(2, 0)));
        assert_eq!(place.advance(0, Position::new(2, 1)), Step::Next);
    }
}
