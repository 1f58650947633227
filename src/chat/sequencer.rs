//! The sequencer of one room: who follows it here, and what everybody gets, in
//! order and without a hole.
//!
//! Everybody who follows the room is either *live* (gets each entry as it comes)
//! or *behind* from a position on (refills by pages from the log; see
//! `refill.rs`). Joining, resuming, polling and slow reading are all that one
//! thing: being behind for a while.
//!
//! Taking an entry and giving it to the members are two steps: entries are put
//! in order here as they come, and the walk over the members (`walk.rs`) follows
//! when nothing more is there to take, so that each member gets what came
//! meanwhile in one write.
//!
//! Pure: it knows no clock, no lock, no task and no broker. What it is told are
//! live entries, pages of the log and the log's head; frames go to the members'
//! [`Sink`]s, and what is left to do comes back as an [`Outcome`]. `room.rs` does
//! it in a running instance, `tests/sim` in thousands of simulated ones.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::{
    broker::Page,
    protocol::{
        entry::{Entry, Kind},
        name::RoomName,
        position::Position,
    },
};

use super::{
    ring::{Recent, Ring},
    sequence::{self, Live},
    walk::Walk,
};

pub use super::sink::Sink;

/// Names one connection on this instance.
pub type ConnectionId = u64;

/// Told of every entry of the room once, in order.
pub type Hook<'a> = &'a dyn Fn(&Entry);

/// The sequencer of one room on one instance.
pub struct Sequencer<S> {
    pub(super) room: RoomName,
    phase: Phase,
    /// Everything up to here is in order and told, or about to be told by the
    /// walk, to everybody who is live.
    pub(super) last: Position,
    pub(super) ring: Ring,
    /// In some order that changes little, so that a walk can stop anywhere.
    pub(super) members: IndexMap<ConnectionId, Member<S>>,
    pub(super) walk: Walk,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Not subscribed yet.
    New,
    /// Subscribed, and not yet at its head: nobody may follow it, and the
    /// highest live entry is remembered.
    Opening { seen: Position },
    /// Reading what is missing from the log; live entries are not applied, the
    /// highest one is remembered.
    Repairing { seen: Position },
    /// Applying live entries as they come.
    Live,
    /// Nobody is to follow it any more: whoever wants to needs another one.
    Retired,
}

/// Somebody who follows the room here.
pub(super) struct Member<S> {
    pub(super) sink: S,
    pub(super) mode: Mode,
    /// Whether it refills by `page` frames or frame by frame.
    pub(super) paged: bool,
}

/// How a member gets its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they come. It may be ahead of this instance, when it comes from
    /// another one; and it is a little behind while a walk is on its way.
    Live {
        /// It has everything up to here.
        above: Position,
    },
    /// From the log, from this position on.
    Behind(Position),
}

impl Mode {
    /// Live, from the head of the room on.
    pub const LIVE: Self = Self::Live {
        above: Position::ZERO,
    };

    /// Whether it is to refill from the log.
    pub const fn is_behind(self) -> bool {
        matches!(self, Self::Behind(_))
    }

    /// It has everything up to here.
    const fn reached(self) -> Position {
        match self {
            Self::Live { above } => above,
            Self::Behind(from) => from,
        }
    }
}

/// What is left to do after the sequencer was told something.
#[must_use]
#[derive(Debug)]
pub struct Outcome<S> {
    /// Read the log after this position and hand the page to
    /// [`Sequencer::on_page`]. No second read is asked for before that.
    pub read: Option<Position>,
    /// Call [`Sequencer::walk`] until it does not ask for this any more. It is
    /// asked for once for all that comes before the end of the walk.
    pub walk: bool,
    /// How many frames were delivered.
    pub delivered: u64,
    /// How many members fell behind.
    pub fell_behind: u64,
    /// Members who were let go because the room was closed, or because they left
    /// it for good elsewhere.
    pub let_go: Vec<S>,
}

impl<S> Default for Outcome<S> {
    fn default() -> Self {
        Self {
            read: None,
            walk: false,
            delivered: 0,
            fell_behind: 0,
            let_go: Vec::new(),
        }
    }
}

/// The room cannot be followed here: not any more, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut;

/// Where a member stood when it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// It has everything up to here.
    pub position: Position,
    /// Whether there was more for it.
    pub behind: bool,
}

impl<S: Sink> Sequencer<S> {
    /// The sequencer of a room that is not subscribed yet.
    pub fn new(room: RoomName) -> Self {
        Self {
            room,
            phase: Phase::New,
            last: Position::ZERO,
            ring: Ring::default(),
            members: IndexMap::new(),
            walk: Walk::default(),
        }
    }

    /// Whether the room has been opened and not retired since.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Repairing { .. })
    }

    /// Whether the room was retired.
    pub const fn is_retired(&self) -> bool {
        matches!(self.phase, Phase::Retired)
    }

    /// Whether it waits for a page of the log.
    pub const fn is_repairing(&self) -> bool {
        matches!(self.phase, Phase::Repairing { .. })
    }

    /// What was taken so far ends here.
    pub const fn last(&self) -> Position {
        self.last
    }

    /// Where the room stands here, unless it is being repaired or not open.
    pub fn settled_head(&self) -> Option<Position> {
        matches!(self.phase, Phase::Live).then_some(self.last)
    }

    /// The room is about to be subscribed. This comes first, so that no entry
    /// after the subscription is overlooked.
    pub fn begin_opening(&mut self) {
        self.phase = Phase::Opening {
            seen: Position::ZERO,
        };
    }

    /// The subscription is made, and after that the log had this head.
    pub fn opened(&mut self, head: Position) -> Outcome<S> {
        let seen = match self.phase {
            Phase::Opening { seen } => seen,
            _ => Position::ZERO,
        };
        self.last = head;
        self.ring.restart(head);
        self.phase = Phase::Live;
        let mut outcome = Outcome::default();
        if seen > head {
            outcome.read = Some(self.begin_repair(seen));
        }
        outcome
    }

    /// Nobody is let in any more.
    pub fn retire(&mut self) {
        self.phase = Phase::Retired;
    }

    /// Takes a live entry, which may be early, late or repeated.
    pub fn on_entry(&mut self, entry: Entry, hook: Hook<'_>) -> Outcome<S> {
        let mut outcome = Outcome::default();
        match &mut self.phase {
            Phase::New | Phase::Retired => {}
            Phase::Opening { seen } | Phase::Repairing { seen } => {
                *seen = (*seen).max(entry.position);
            }
            Phase::Live => match sequence::judge(self.last, &entry) {
                Live::Next => self.apply(entry, hook, &mut outcome),
                Live::Old => {}
                Live::Hole => outcome.read = Some(self.begin_repair(entry.position)),
            },
        }
        outcome
    }

    /// The log was asked, while the room was settled here, and had this head.
    pub fn on_head(&mut self, head: Position) -> Outcome<S> {
        let mut outcome = Outcome::default();
        if self.settled_head().is_some_and(|last| last != head) {
            outcome.read = Some(self.begin_repair(head));
        }
        outcome
    }

    /// Takes what the log has after [`Outcome::read`]: the truth, so that a hole
    /// in it is a hole in history.
    pub fn on_page(&mut self, page: Page, hook: Hook<'_>) -> Outcome<S> {
        let mut outcome = Outcome::default();
        let nothing = page.entries.is_empty();
        for entry in page.entries {
            if entry.position > self.last {
                self.apply(entry, hook, &mut outcome);
            }
        }
        let Phase::Repairing { seen } = self.phase else {
            return outcome;
        };
        if nothing && page.head < self.last {
            self.fall_back(page.head, &mut outcome);
        }
        // An entry that was seen and is not in the log went away with the tail
        // the log lost: there is nothing to wait for.
        if nothing || (!page.more && self.last >= seen) {
            self.phase = Phase::Live;
            // A refill may have waited for this; see `refill`.
            for member in self.members.values().filter(|m| m.mode.is_behind()) {
                member.sink.mark_behind();
            }
        } else {
            outcome.read = Some(self.last);
        }
        outcome
    }

    pub(super) fn begin_repair(&mut self, seen: Position) -> Position {
        self.phase = Phase::Repairing { seen };
        self.last
    }

    /// Takes an entry that lies above `last`: the walk gives it to everybody who
    /// is live. If history is missing before it, or if it says so itself, who
    /// has which part of it differs, and everybody is told at once.
    fn apply(&mut self, entry: Entry, hook: Hook<'_>, outcome: &mut Outcome<S>) {
        hook(&entry);
        if entry.kind == Kind::Departed {
            self.let_go_of(&entry, outcome);
        }
        let before = sequence::before(&entry);
        let recent = Arc::new(Recent {
            frame: entry.frame(&self.room),
            is_shown: is_for_members(&self.room, &entry),
            entry,
        });
        if before == self.last && !recent.entry.position.is_marker() {
            self.last = recent.entry.position;
            self.ring.push(recent, self.walk.told());
            outcome.walk |= self.begin_walk();
            return;
        }
        self.walk_to_the_end(outcome);
        if before != self.last {
            // Positions below the break are not covered by what is kept here.
            self.ring.restart(before);
        }
        self.ring.push(Arc::clone(&recent), before);
        self.tell_of_break(&recent, outcome);
        self.walk.restart(self.last);
    }

    /// Lets go of whoever left for good, before anything more is told. Who is
    /// further than that, or came in when the log was, was let in again since.
    fn let_go_of(&mut self, entry: &Entry, outcome: &mut Outcome<S>) {
        let gone = self.members.iter().filter(|(_, member)| {
            let was_in = member.mode.reached() < entry.position;
            was_in && !member.sink.came_after(entry.position) && member.sink.departs_by(entry)
        });
        let gone: Vec<ConnectionId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            outcome.let_go.extend(self.remove(id).map(|(sink, _)| sink));
        }
    }

    /// Adds a member that needs no greeting: one that goes on from a position,
    /// or one that wants only what comes from now on. Returns the one it
    /// replaces.
    pub fn follow(&mut self, id: ConnectionId, sink: S, mode: Mode) -> Result<Option<S>, Shut> {
        self.put(id, sink, mode, false)
    }

    pub(super) fn put(
        &mut self,
        id: ConnectionId,
        sink: S,
        mode: Mode,
        paged: bool,
    ) -> Result<Option<S>, Shut> {
        if !self.is_open() {
            return Err(Shut);
        }
        let mode = match mode {
            Mode::Live { above } => Mode::Live {
                above: above.max(self.last),
            },
            Mode::Behind(_) => {
                sink.mark_behind();
                mode
            }
        };
        let member = Member { sink, mode, paged };
        let before = self.members.insert(id, member);
        Ok(before.map(|member| member.sink))
    }

    /// Removes a member, and says where it stood.
    pub fn remove(&mut self, id: ConnectionId) -> Option<(S, Left)> {
        let (index, _, member) = self.members.swap_remove_full(&id)?;
        self.walk.note_removal(index);
        let position = member.mode.reached();
        let left = Left {
            position,
            behind: member.mode.is_behind() || position < self.last,
        };
        Some((member.sink, left))
    }

    /// How this member gets its entries.
    pub fn mode(&self, id: ConnectionId) -> Option<Mode> {
        self.members.get(&id).map(|member| member.mode)
    }

    /// Everybody who follows the room here.
    pub fn members(&self) -> impl Iterator<Item = &S> {
        self.members.values().map(|member| &member.sink)
    }

    /// Whether nobody follows the room here.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Of the control log, clients see only what is said to them.
pub(super) fn is_for_members(room: &RoomName, entry: &Entry) -> bool {
    !room.is_control() || entry.kind == Kind::Notice
}

#[cfg(test)]
mod tests;
