//! One room's log in memory.

use std::collections::{HashMap, VecDeque};

use super::folds::{Fold, Folds};
use crate::{
    broker::{
        Appended, BrokerError, Change, DedupeKey, Draft, Page, digest::digest, look::PAGE_BYTES,
    },
    protocol::{
        entry::{Entry, Fields, Kind},
        position::Position,
    },
};

/// How many entries that only changed a message are passed over at most, beside
/// those that are shown, for one page of the past.
const LOOKED_AT: usize = 2_000;

/// What an append needs to know beside the draft.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The time on the wall, for the entry.
    pub(super) at: u64,
    /// The time on the stopwatch, for deadlines.
    pub(super) now: u64,
    /// How long a send key is remembered, in milliseconds.
    pub(super) dedupe_window: u64,
    /// How many entries are kept.
    pub(super) history: usize,
}

/// The entries of a room, and the send keys it has seen lately.
#[derive(Debug)]
pub(super) struct Log {
    /// What the room calls itself; empty if nobody gave it a title.
    pub(super) title: String,
    /// Whether the operator closed the room.
    pub(super) closed: bool,
    /// When something was last appended, on the wall.
    pub(super) active_at: u64,
    /// The same on the stopwatch.
    pub(super) touched: u64,
    epoch: u64,
    head: Position,
    entries: VecDeque<Entry>,
    folds: Folds,
    seen: HashMap<DedupeKey, Seen>,
    fading: VecDeque<(u64, DedupeKey)>,
}

#[derive(Debug)]
struct Seen {
    position: Position,
    at: u64,
    digest: String,
    until: u64,
}

impl Log {
    /// An empty log, whose first entry will open `epoch`.
    pub(super) fn new(epoch: u64, at: u64, now: u64) -> Self {
        Self {
            title: String::new(),
            closed: false,
            active_at: at,
            touched: now,
            epoch,
            head: Position::ZERO,
            entries: VecDeque::new(),
            folds: Folds::default(),
            seen: HashMap::new(),
            fading: VecDeque::new(),
        }
    }

    /// The position of the last entry, `0-0` if there is none.
    pub(super) fn head(&self) -> Position {
        self.head
    }

    /// Stores a draft and returns its place; what was stored goes to `told`,
    /// in order.
    pub(super) fn append(
        &mut self,
        draft: Draft,
        terms: Terms,
        told: &mut Vec<Entry>,
    ) -> Result<Appended, BrokerError> {
        self.add(draft, None, terms, told)
    }

    /// Stores a change of a message, likewise, and what it makes of the message.
    pub(super) fn change(
        &mut self,
        change: &Change,
        terms: Terms,
        told: &mut Vec<Entry>,
    ) -> Result<Appended, BrokerError> {
        self.add(change.draft(), Some(change), terms, told)
    }

    fn add(
        &mut self,
        draft: Draft,
        change: Option<&Change>,
        terms: Terms,
        told: &mut Vec<Entry>,
    ) -> Result<Appended, BrokerError> {
        self.forget_keys(terms.now);
        let keyed = draft.key.clone().map(|key| (key, digest(&draft)));
        if let Some((key, digest)) = &keyed
            && let Some(seen) = self.seen.get(key)
        {
            if seen.digest != *digest {
                return Err(BrokerError::KeyReused);
            }
            return Ok(Appended {
                position: seen.position,
                at: seen.at,
                duplicate: true,
            });
        }
        if self.closed {
            return Err(BrokerError::NoSuchRoom);
        }
        let fold = match change {
            None => None,
            Some(change) => {
                let Some(fold) = self.fold(change)? else {
                    return Ok(Appended {
                        position: self.head,
                        at: terms.at,
                        duplicate: true,
                    });
                };
                Some((change.target, fold))
            }
        };
        if self.head == Position::ZERO {
            let kind = Kind::Epoch {
                prev: Position::ZERO,
            };
            self.push(
                Position::new(self.epoch, 0),
                kind,
                Fields::default(),
                terms,
                told,
            );
        }
        let position = self.head.next();
        self.push(position, draft.kind, draft.fields, terms, told);
        if let Some((target, fold)) = fold
            && let Some(entry) = self.entries.back()
        {
            self.folds.keep(target, fold, entry);
        }
        if let Some((key, digest)) = keyed {
            let until = terms.now.saturating_add(terms.dedupe_window);
            self.fading.push_back((until, key.clone()));
            let seen = Seen {
                position,
                at: terms.at,
                digest,
                until,
            };
            self.seen.insert(key, seen);
        }
        Ok(Appended {
            position,
            at: terms.at,
            duplicate: false,
        })
    }

    fn push(
        &mut self,
        position: Position,
        kind: Kind,
        fields: Fields,
        terms: Terms,
        told: &mut Vec<Entry>,
    ) {
        let entry = Entry {
            position,
            at: terms.at,
            kind,
            fields,
        };
        self.head = position;
        self.active_at = terms.at;
        self.touched = terms.now;
        self.entries.push_back(entry.clone());
        while self.entries.len() > terms.history.max(1) {
            if let Some(gone) = self.entries.pop_front() {
                self.folds.forget(&gone);
            }
        }
        told.push(entry);
    }

    /// What a change makes of its message; none if it changes nothing.
    fn fold(&self, change: &Change) -> Result<Option<Fold>, BrokerError> {
        let index = self
            .entries
            .binary_search_by_key(&change.target, |entry| entry.position);
        let said = index.ok().map(|index| &self.entries[index]);
        let said = said.filter(|entry| entry.is_message());
        self.folds
            .fold(said.ok_or(BrokerError::NoSuchMessage)?, change)
    }

    /// Forgets the send keys whose time is over.
    pub(super) fn forget_keys(&mut self, now: u64) {
        while self.fading.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.fading.pop_front()
                && self.seen.get(&key).is_some_and(|seen| seen.until <= now)
            {
                self.seen.remove(&key);
            }
        }
    }

    /// The entries after a position, oldest first.
    pub(super) fn after(&self, after: Position, limit: usize) -> Page {
        let from = self.entries.partition_point(|e| e.position <= after);
        let mut bytes = 0;
        let fitting = self.entries.range(from..).take(limit).enumerate();
        let fitting = fitting.take_while(|(index, entry)| {
            bytes += entry.fields.size();
            *index == 0 || bytes <= PAGE_BYTES
        });
        let found = self.show(fitting.map(|(_, entry)| entry));
        let more = from + found.len() < self.entries.len();
        self.page(found, more)
    }

    /// The entries before a position, or the latest ones, oldest first; without
    /// those that only changed a message.
    pub(super) fn before(&self, before: Option<Position>, limit: usize) -> Page {
        let to = before.map_or(self.entries.len(), |before| {
            self.entries.partition_point(|e| e.position < before)
        });
        if limit == 0 {
            return self.page(Vec::new(), to > 0);
        }
        let (mut kept, mut first, mut bytes) = (Vec::new(), to, 0);
        for entry in self.entries.range(..to).rev() {
            first -= 1;
            bytes += entry.fields.size();
            if !entry.kind.is_change() {
                kept.push(entry);
            }
            let is_enough = bytes >= PAGE_BYTES || to - first > LOOKED_AT + limit;
            if kept.len() > limit || is_enough {
                break;
            }
        }
        let more = first > 0 || kept.len() > limit;
        kept.truncate(limit);
        if kept.is_empty() && first > 0 {
            // So that whoever reads has a place to go on from.
            kept.extend(self.entries.get(first));
        }
        let wanted = kept.len();
        let mut found = self.show(kept.into_iter());
        found.reverse();
        let more = more || found.len() < wanted;
        self.page(found, more)
    }

    /// Entries as they look now, as many as one page should hold.
    fn show<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Vec<Entry> {
        let mut shown = Vec::new();
        let mut bytes = 0;
        for entry in entries {
            let mut entry = entry.clone();
            if let Some(look) = self.folds.look(&entry) {
                bytes += look.bytes();
                if bytes > PAGE_BYTES && !shown.is_empty() {
                    break;
                }
                look.show(&mut entry);
            }
            shown.push(entry);
        }
        shown
    }

    fn page(&self, entries: Vec<Entry>, more: bool) -> Page {
        Page {
            entries,
            head: self.head,
            more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(now: u64) -> Terms {
        Terms {
            at: 1_000 + now,
            now,
            dedupe_window: 100,
            history: 4,
        }
    }

    fn draft(key: &str, text: &str) -> Draft {
        Draft {
            kind: Kind::Message,
            fields: Fields::of(&serde_json::json!({ "text": text })),
            key: Some(DedupeKey {
                user_id: "u1".into(),
                key: key.parse().unwrap(),
            }),
            may_create: true,
        }
    }

    #[test]
    fn a_key_is_forgotten_when_its_window_is_over() {
        let mut log = Log::new(7, 0, 0);
        let mut told = Vec::new();
        let first = log.append(draft("k", "a"), terms(0), &mut told).unwrap();
        let again = log.append(draft("k", "a"), terms(99), &mut told).unwrap();
        assert!(again.duplicate && again.position == first.position);
        let anew = log.append(draft("k", "b"), terms(100), &mut told).unwrap();
        assert_eq!(anew.position, Position::new(7, 2));
        assert_eq!((log.seen.len(), log.fading.len()), (1, 1));
    }

    #[test]
    fn only_the_latest_entries_are_kept() {
        let mut log = Log::new(7, 0, 0);
        let mut told = Vec::new();
        for n in 0..10 {
            log.append(draft(&format!("k{n}"), "a"), terms(n), &mut told)
                .unwrap();
        }
        let page = log.after(Position::ZERO, 100);
        assert_eq!(page.entries.len(), 4);
        assert_eq!(page.entries[0].position, Position::new(7, 7));
        assert!(!page.more && !log.before(None, 4).more);
        assert!(log.before(None, 3).more && log.after(Position::ZERO, 3).more);
        assert_eq!(told.len(), 11);
    }
}
