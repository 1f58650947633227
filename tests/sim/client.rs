//! The model of a client: the browser's rules for positions, sends and resume,
//! and a strict eye on what it is told.

use std::collections::{BTreeMap, VecDeque};

use hubbub::protocol::position::Position;

use crate::{
    frames::{self, Frame},
    log::{Fate, Log},
};

/// A client, which knows its own position and nothing of any instance.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a model says plainly what holds at the moment"
)]
pub(crate) struct Client {
    /// Everything up to here was seen, or told to be gone.
    pub(crate) position: Option<Position>,
    /// The connection it has or is opening.
    pub(crate) conn: Option<u64>,
    /// Whether `joined` and its last page came on this connection.
    pub(crate) ready: bool,
    /// A head that counts once the last page is here.
    head: Position,
    /// After a gap, only this may come next.
    expects: Option<Position>,
    /// A fresh join is not whole yet: what it shows begins anywhere.
    loose: bool,
    /// What it wants to say, oldest first; the first may be in flight.
    pub(crate) unsent: VecDeque<String>,
    pub(crate) in_flight: bool,
    pub(crate) sent: u64,
    pub(crate) acked: BTreeMap<String, Position>,
    /// Its history is not whole any more, by the server's own word.
    pub(crate) had_gap: bool,
    pub(crate) received: BTreeMap<Position, String>,
}

impl Client {
    /// The connection is gone.
    pub(crate) fn cut(&mut self) {
        self.conn = None;
        self.ready = false;
        self.in_flight = false;
        self.expects = None;
        self.loose = false;
    }

    /// Takes one frame; an error is a broken promise.
    pub(crate) fn on_frame(&mut self, text: &str, log: &Log) -> Result<(), String> {
        match frames::read(text) {
            Frame::Joined {
                head,
                recovered,
                entries,
                more,
            } => self.on_joined(head, recovered, &entries, more, log),
            Frame::Page { entries, more } => {
                for (position, key) in entries {
                    self.on_message(position, key, log)?;
                }
                if !more {
                    self.arrive(false, log)?;
                }
                Ok(())
            }
            Frame::Message { position, key } => self.on_message(position, key, log),
            Frame::Epoch { position, prev } => self.on_marker(position, prev),
            Frame::Gap { from, to } => self.on_gap(from, to, log),
            Frame::Rollback { after } => self.on_rollback(after, log),
            Frame::Ack { key, position } => {
                self.on_ack(key, position, log);
                Ok(())
            }
        }
    }

    fn on_joined(
        &mut self,
        head: Position,
        recovered: bool,
        entries: &[(Position, &str)],
        more: bool,
        log: &Log,
    ) -> Result<(), String> {
        let fresh = self.position.is_none();
        self.head = head;
        if fresh {
            // What a fresh join shows begins anywhere and leaves out markers.
            for (position, key) in entries {
                self.remember(*position, key, log)?;
                self.position = Some(*position);
            }
            self.loose = more;
        } else {
            for (position, key) in entries {
                self.on_message(*position, key, log)?;
            }
        }
        if !more {
            if !recovered && !fresh {
                return Err("joined without recovery, and nothing follows".to_owned());
            }
            self.arrive(fresh, log)?;
        }
        Ok(())
    }

    /// Everything is here: the head of `joined` counts, unless the whole log has
    /// gone since. Whoever had nothing of it is not told, and misses nothing.
    fn arrive(&mut self, fresh: bool, log: &Log) -> Result<(), String> {
        self.ready = true;
        let fresh = std::mem::take(&mut self.loose) || fresh;
        let position = self.position.unwrap_or_default();
        let fate = log.truth.get(&self.head).map(|record| record.fate);
        if position == Position::ZERO && fate == Some(Fate::Wiped) && !fresh {
            return Ok(());
        }
        if !fresh && self.head > position {
            let head = self.head;
            return Err(format!("I1: caught up at {position}, head said {head}"));
        }
        self.position = Some(position.max(self.head));
        Ok(())
    }

    fn remember(&mut self, position: Position, key: &str, log: &Log) -> Result<(), String> {
        let record = log.truth.get(&position);
        let known = record.and_then(|r| r.key.as_deref());
        if known != Some(key) {
            return Err(format!("I3: {key} at {position}, the log had {known:?}"));
        }
        // Whoever was thrown back to the beginning may hear the old log once more
        // from the memory of an instance that does not know yet that it is gone.
        let is_gone = record.is_some_and(|r| r.fate == Fate::Wiped);
        if self.received.insert(position, key.to_owned()).is_some() && !is_gone {
            return Err(format!("I2: {position} came twice"));
        }
        if self.unsent.front().is_some_and(|first| first == key) {
            self.on_ack(key, position, log);
        }
        Ok(())
    }

    fn on_message(&mut self, position: Position, key: &str, log: &Log) -> Result<(), String> {
        let last = self.position.unwrap_or_default();
        if position <= last {
            return Err(format!("I2: {position} came after {last}"));
        }
        match self.expects.take() {
            Some(expected) if expected != position => {
                return Err(format!("I7: gap to {expected}, then {position}"));
            }
            None if position != last.next() && !self.loose => {
                return Err(format!("I1: {position} came after {last}"));
            }
            _ => self.loose = false,
        }
        self.position = Some(position);
        self.remember(position, key, log)
    }

    fn on_marker(&mut self, position: Position, prev: Position) -> Result<(), String> {
        let last = self.position.unwrap_or_default();
        if position <= last {
            return Err(format!("I2: marker {position} came after {last}"));
        }
        match self.expects.take() {
            Some(expected) if expected != position => {
                return Err(format!("I7: gap to {expected}, then {position}"));
            }
            None if prev != last && !self.loose => {
                return Err(format!(
                    "I1: marker {position} after {prev} came after {last}"
                ));
            }
            _ => self.loose = false,
        }
        self.position = Some(position);
        self.send_again(|sent| sent > prev && sent < position);
        Ok(())
    }

    fn on_gap(&mut self, from: Position, to: Position, log: &Log) -> Result<(), String> {
        let last = self.position.unwrap_or_default();
        if from != last {
            return Err(format!("I7: gap from {from}, the client stood at {last}"));
        }
        self.had_gap = true;
        if to < from {
            // The whole log is gone, and begins anew.
            let alive = |r: &crate::log::Record| matches!(r.fate, Fate::Kept | Fate::Trimmed);
            if to != Position::ZERO || log.truth.range(..=from).any(|(_, r)| alive(r)) {
                return Err(format!("I7: gap back to {to}, and {from} is there"));
            }
            self.position = Some(to);
            // What `joined` said of the head was about the log that is gone.
            self.head = to;
            return Ok(());
        }
        let mut between = log.truth.range(from..to).filter(|(p, _)| **p != from);
        let began_anew = log.markers.get(&to) == Some(&Position::ZERO);
        if between.clone().any(|(_, r)| r.fate == Fate::Kept) {
            return Err(format!("I7: gap {from} to {to}, and some of it is there"));
        }
        if !began_anew && !between.any(|(_, r)| matches!(r.fate, Fate::Trimmed | Fate::Wiped)) {
            return Err(format!("I7: gap {from} to {to}, and nothing was trimmed"));
        }
        self.expects = Some(to);
        Ok(())
    }

    fn on_rollback(&mut self, after: Position, log: &Log) -> Result<(), String> {
        let last = self.position.unwrap_or_default();
        // The first marker that follows decides; one that was lost may have
        // decided before it was.
        let mut decides = false;
        for (marker, prev) in log.markers.range(last..).filter(|(p, _)| **p > last) {
            decides |= *prev == after && after < last;
            let fate = log.truth.get(marker).map(|record| record.fate);
            if matches!(fate, Some(Fate::Kept | Fate::Trimmed)) {
                break;
            }
        }
        if !decides {
            return Err(format!(
                "I7: rollback to {after}, the client stood at {last}"
            ));
        }
        self.received.retain(|position, _| *position <= after);
        self.position = Some(after);
        self.head = self.head.min(after);
        Ok(())
    }

    fn on_ack(&mut self, key: &str, position: Position, log: &Log) {
        if self.unsent.front().is_some_and(|first| first == key) {
            self.unsent.pop_front();
            self.in_flight = false;
        }
        self.acked.insert(key.to_owned(), position);
        // The marker may have come before the ack of what it lost.
        let passed = self.position.unwrap_or_default();
        let mut told = log.markers.range(..=passed);
        if told.any(|(marker, prev)| position > *prev && position < *marker) {
            self.send_again(|sent| sent == position);
        }
    }

    /// Sends again, in order and under the old keys, what a rollback took.
    fn send_again(&mut self, is_gone: impl Fn(Position) -> bool) {
        let mut gone: Vec<(Position, String)> = self
            .acked
            .iter()
            .filter(|(_, position)| is_gone(**position))
            .map(|(key, position)| (*position, key.clone()))
            .collect();
        gone.sort();
        let at = usize::from(self.in_flight);
        for (index, (_, key)) in gone.into_iter().enumerate() {
            self.acked.remove(&key);
            self.unsent.insert(at + index, key);
        }
    }
}
