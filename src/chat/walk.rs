//! The walk over the members of a room: gives everybody who is live what it has
//! not got yet, some members at a time.
//!
//! Each member remembers up to where it has everything, so the walk may stop
//! anywhere, entries may come while it stands still, and members may come and
//! go. What came since a member's last turn goes to it in one write: the frames
//! are finished and shared, and mostly the same for everybody.
//!
//! Pure, like the sequencer it belongs to.

use std::sync::Arc;

use crate::protocol::{entry::Kind, position::Position, server_frame::Text};

use super::{
    refill::is_old_end,
    ring::Recent,
    sequencer::{ConnectionId, Mode, Outcome, Sequencer, Sink},
};

/// The most frames one member gets at a time.
const FRAMES: usize = 64;
/// The most bytes one member gets at a time, unless a single frame is larger.
const BYTES: usize = 64 * 1024;

/// Where the walk is.
#[derive(Debug, Default)]
pub(super) struct Walk {
    is_on: bool,
    /// Who is next.
    next: usize,
    /// Where the room stood when this round began.
    begun_at: Position,
    /// Everybody who is live has been offered everything up to here.
    told: Position,
    /// Whether somebody got less in this round than the room had when it began.
    is_partial: bool,
    batch: Batch,
}

/// What follows one position, as one member gets it.
#[derive(Debug, Default)]
struct Batch {
    from: Position,
    /// The finished frames.
    frames: Vec<Text>,
    /// Where a member stands that took as many.
    reached: Vec<Position>,
    /// Entries that are for some people only, and not among the frames.
    addressed: Vec<Arc<Recent>>,
    /// Where a member stands that took them all.
    to: Position,
    /// The end of the room, if it ends with that.
    end: Option<Arc<Recent>>,
}

impl Walk {
    /// Everybody who is live has been offered everything up to here.
    pub(super) const fn told(&self) -> Position {
        self.told
    }

    /// Everybody was told something else meanwhile, which ends here.
    pub(super) fn restart(&mut self, told: Position) {
        self.told = told;
        self.begun_at = told;
        self.batch = Batch::default();
    }

    /// A member was removed, and the last one took its place.
    pub(super) fn note_removal(&mut self, index: usize) {
        self.next = self.next.min(index);
    }
}

impl<S: Sink> Sequencer<S> {
    /// Notes that there is something to tell. Returns whether the walk has to be
    /// begun: not if it is on its way.
    pub(super) fn begin_walk(&mut self) -> bool {
        if self.members.is_empty() {
            self.walk.told = self.last;
            return false;
        }
        if std::mem::replace(&mut self.walk.is_on, true) {
            return false;
        }
        self.begin_round();
        true
    }

    fn begin_round(&mut self) {
        let walk = &mut self.walk;
        walk.next = 0;
        walk.begun_at = self.last;
        walk.is_partial = false;
    }

    /// Visits at most so many members. Asks to be called again
    /// ([`Outcome::walk`]) until everybody has been offered everything.
    pub fn walk(&mut self, most: usize) -> Outcome<S> {
        let mut outcome = Outcome::default();
        let mut batch = std::mem::take(&mut self.walk.batch);
        // What is kept of it may lack what came meanwhile.
        batch.from = self.last;
        if self.walk.next == 0 {
            // What came since the walk was asked for is told in this round, too.
            self.begin_round();
        }
        let mut visited = 0;
        while self.walk.next < self.members.len() && visited < most {
            visited += 1;
            if self.visit(self.walk.next, &mut batch, &mut outcome) {
                self.walk.next += 1;
            }
        }
        // The frames are let go of; their place is kept.
        batch.frames.clear();
        batch.reached.clear();
        batch.addressed.clear();
        batch.end = None;
        self.walk.batch = batch;
        if self.walk.next >= self.members.len() {
            if !self.walk.is_partial {
                self.walk.told = self.walk.begun_at;
                self.ring.trim(self.walk.told);
            }
            self.walk.is_on = self.walk.told < self.last && !self.members.is_empty();
            self.begin_round();
        }
        outcome.walk = self.walk.is_on;
        outcome
    }

    /// A walk broke off in the middle of a visit. That member gets the rest from
    /// the log, if anything can give it to it; the others are gone on with.
    /// Returns whether a walk has to be begun again.
    pub(super) fn recover_walk(&mut self) -> bool {
        if let Some((_, member)) = self.members.get_index_mut(self.walk.next)
            && let Mode::Live { above } = member.mode
        {
            member.mode = Mode::Behind(above);
        }
        self.walk.is_on = false;
        self.walk.told < self.last && self.begin_walk()
    }

    /// Walks until everybody has been offered everything.
    pub(super) fn walk_to_the_end(&mut self, outcome: &mut Outcome<S>) {
        while self.walk.is_on {
            let round = self.walk(usize::MAX);
            outcome.delivered += round.delivered;
            outcome.fell_behind += round.fell_behind;
            outcome.let_go.extend(round.let_go);
        }
    }

    /// Gives one member what it has not got. Returns whether the next one has
    /// another index: not if this one was let go.
    fn visit(&mut self, index: usize, batch: &mut Batch, outcome: &mut Outcome<S>) -> bool {
        let Some((&id, member)) = self.members.get_index(index) else {
            return true;
        };
        let Mode::Live { above } = member.mode else {
            return true;
        };
        if above >= self.last {
            return true;
        }
        if batch.from != above && !self.fill(batch, above) {
            // It is so far back that only the log can help.
            member.sink.mark_behind();
            outcome.fell_behind += 1;
            self.set_mode(index, Mode::Behind(above));
            return true;
        }
        let mut addressed = batch.addressed.iter();
        let end = batch.end.as_ref();
        if addressed.any(|recent| member.sink.is_addressee(&recent.entry))
            || end.is_some_and(|end| is_old_end(&member.sink, &end.entry))
        {
            // It gets them by a refill, each in its place.
            member.sink.mark_behind();
            self.set_mode(index, Mode::Behind(above));
            return true;
        }
        let taken = member.sink.offer_all(&batch.frames);
        outcome.delivered += taken as u64;
        if taken < batch.frames.len() {
            outcome.fell_behind += 1;
            let reached = taken
                .checked_sub(1)
                .map_or(above, |last| batch.reached[last]);
            self.set_mode(index, Mode::Behind(reached));
            return true;
        }
        self.set_mode(index, Mode::Live { above: batch.to });
        self.walk.is_partial |= batch.to < self.walk.begun_at;
        !(batch.end.is_some() && self.let_go(id, outcome))
    }

    fn set_mode(&mut self, index: usize, mode: Mode) {
        if let Some((_, member)) = self.members.get_index_mut(index) {
            member.mode = mode;
        }
    }

    fn let_go(&mut self, id: ConnectionId, outcome: &mut Outcome<S>) -> bool {
        let removed = self.remove(id);
        outcome.let_go.extend(removed.map(|(sink, _)| sink));
        true
    }

    /// Puts together what follows a position. Returns false if it is not all
    /// remembered here.
    fn fill(&self, batch: &mut Batch, from: Position) -> bool {
        let Some(recent) = self.ring.after(from, usize::MAX) else {
            return false;
        };
        batch.frames.clear();
        batch.reached.clear();
        batch.addressed.clear();
        batch.from = from;
        batch.to = from;
        batch.end = None;
        let mut bytes = 0;
        for recent in recent {
            if recent.is_shown {
                bytes += recent.frame.len();
                if !batch.frames.is_empty() && (bytes > BYTES || batch.frames.len() == FRAMES) {
                    break;
                }
                batch.frames.push(recent.frame.clone());
                batch.reached.push(recent.entry.position);
            } else if recent.entry.is_addressed() {
                batch.addressed.push(Arc::clone(recent));
            }
            batch.to = recent.entry.position;
            if recent.entry.kind == Kind::RoomClosed {
                batch.end = Some(Arc::clone(recent));
                break;
            }
        }
        true
    }
}
