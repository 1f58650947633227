//! What was done, who should hear of it, and who did: the proof that nothing was
//! lost and nothing came twice. Pure: no clock, no socket.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::position::Position;

/// So many deeds that everybody has heard of are remembered, to notice if one
/// comes again, or is taken back.
const REMEMBERED: usize = 2_000;

/// One of the characters, by number.
pub(super) type Who = usize;

/// The book of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    deeds: BTreeMap<u64, Deed>,
    next: u64,
    present: BTreeSet<Who>,
    /// What has been counted of deeds that are not remembered any more.
    counts: Counts,
}

/// One deed: a message, or a change of one.
#[derive(Debug)]
struct Deed {
    expects: BTreeSet<Who>,
    heard: BTreeMap<Who, Position>,
    at: Option<Position>,
}

/// How far a deed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has no acknowledgement, or somebody has not heard of it.
    Underway,
    /// Everybody has.
    Heard(Position),
    /// The server refused it for good.
    Refused,
}

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages and changes of them that were acknowledged.
    pub sent: u64,
    /// How many of them everybody heard who was there.
    pub heard_by_all: u64,
    /// How many of them somebody never heard of.
    pub lost: u64,
    /// How often somebody heard something twice.
    pub doubled: u64,
    /// What was never answered.
    pub unanswered: u64,
    /// What the server refused for good.
    pub refused: u64,
    /// What was not there any more for somebody who came back, as they were
    /// told.
    pub gone: u64,
    /// How often somebody lost the connection and came back.
    pub reconnects: u64,
    /// How often somebody changed the instance without a gap.
    pub moves: u64,
}

impl Counts {
    /// Whether everything was kept that was promised.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unanswered == 0
    }
}

impl Ledger {
    /// Somebody is in the room from now on.
    pub(super) fn comes(&mut self, who: Who) {
        self.present.insert(who);
    }

    /// Somebody leaves, and need not hear what follows.
    pub(super) fn goes(&mut self, who: Who) {
        self.present.remove(&who);
    }

    /// Who is in the room.
    pub(super) fn present(&self) -> &BTreeSet<Who> {
        &self.present
    }

    /// Something is done, of which everybody here is to hear. Returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        let deed = Deed {
            expects: self.present.clone(),
            heard: BTreeMap::new(),
            at: None,
        };
        self.next += 1;
        self.deeds.insert(self.next, deed);
        self.forget_some();
        self.next
    }

    /// It was acknowledged.
    pub(super) fn acknowledged(&mut self, number: u64, position: Position) {
        if let Some(deed) = self.deeds.get_mut(&number) {
            deed.at = Some(position);
        }
    }

    /// It was refused for good: nobody will hear of it.
    pub(super) fn refused(&mut self, number: u64) {
        if self.deeds.remove(&number).is_some() {
            self.counts.refused += 1;
        }
    }

    /// Somebody heard of it.
    pub(super) fn heard(&mut self, who: Who, number: u64, position: Position) {
        if let Some(deed) = self.deeds.get_mut(&number)
            && deed.heard.insert(who, position).is_some()
        {
            self.counts.doubled += 1;
        }
    }

    /// What somebody heard above this position, in epochs before that of the
    /// marker, was taken back.
    pub(super) fn taken_back(&mut self, who: Who, after: Position, marker: Position) {
        for deed in self.deeds.values_mut() {
            deed.heard
                .retain(|other, at| *other != who || *at <= after || *at >= marker);
        }
    }

    /// Somebody was told that what lay between two positions is gone.
    pub(super) fn gap(&mut self, who: Who, from: Position, to: Position) {
        for deed in self.deeds.values_mut() {
            let is_within = deed
                .at
                .is_some_and(|at| at > from && (at < to || to == Position::ZERO));
            if is_within && !deed.heard.contains_key(&who) && deed.expects.remove(&who) {
                self.counts.gone += 1;
            }
        }
    }

    /// Somebody came back after having lost the connection.
    pub(super) fn reconnected(&mut self) {
        self.counts.reconnects += 1;
    }

    /// Somebody changed the instance.
    pub(super) fn moved(&mut self) {
        self.counts.moves += 1;
    }

    /// How far a deed has come.
    pub(super) fn state(&self, number: u64) -> State {
        match self.deeds.get(&number) {
            None => State::Refused,
            Some(deed) => match deed.at {
                Some(at) if deed.is_complete() => State::Heard(at),
                _ => State::Underway,
            },
        }
    }

    /// Where a deed stands, once it was acknowledged.
    pub(super) fn position(&self, number: u64) -> Option<Position> {
        self.deeds.get(&number)?.at
    }

    /// Whether everybody has heard of everything.
    pub(super) fn is_settled(&self) -> bool {
        self.deeds
            .values()
            .all(|deed| deed.at.is_some() && deed.is_complete())
    }

    /// Who has yet to hear of a deed.
    pub(super) fn missing(&self, number: u64) -> Vec<Who> {
        let deed = self.deeds.get(&number);
        deed.map_or_else(Vec::new, |deed| deed.missing().collect())
    }

    /// What has come out so far.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.counts;
        for deed in self.deeds.values() {
            deed.count(&mut counts);
        }
        counts
    }

    /// Lets go of old deeds, those first that everybody has heard of.
    fn forget_some(&mut self) {
        while self.deeds.len() > REMEMBERED {
            let complete = self.deeds.iter().find(|(_, deed)| deed.is_complete());
            let oldest = complete.or_else(|| self.deeds.iter().next());
            let Some(number) = oldest.map(|(number, _)| *number) else {
                return;
            };
            if let Some(deed) = self.deeds.remove(&number) {
                deed.count(&mut self.counts);
            }
        }
    }
}

impl Deed {
    fn missing(&self) -> impl Iterator<Item = Who> {
        let expected = self.expects.iter().copied();
        expected.filter(|who| !self.heard.contains_key(who))
    }

    fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    fn count(&self, counts: &mut Counts) {
        if self.at.is_none() {
            counts.unanswered += 1;
            return;
        }
        counts.sent += 1;
        if self.is_complete() {
            counts.heard_by_all += 1;
        } else {
            counts.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests;
