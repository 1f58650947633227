//! The model of a room's log: the broker's contract in a few lines, with what a
//! real server may do to it: trim it, lose its tail, lose it all.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hubbub::{
    broker::Page,
    protocol::{
        entry::{Entry, Fields, Kind},
        position::Position,
    },
};

/// The log as the server has it, and beside it the truth of everything that
/// ever was in it.
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    head: Position,
    keys: BTreeMap<String, Position>,
    /// The server lost something since the head was written.
    unsettled: bool,
    keeps: usize,
    dedupes: bool,
    /// Everything that was ever stored, by position.
    pub(crate) truth: BTreeMap<Position, Record>,
    /// All markers with what they say came before them.
    pub(crate) markers: BTreeMap<Position, Position>,
    /// All entries that took a message back, and which one.
    pub(crate) deletes: BTreeMap<Position, Position>,
}

/// What became of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The send key; none for a marker.
    pub(crate) key: Option<String>,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    /// Old history that was let go.
    Trimmed,
    /// Gone with a tail that the server lost.
    Lost,
    /// Gone with everything there was.
    Wiped,
}

impl Log {
    pub(crate) fn new(keeps: usize, dedupes: bool) -> Self {
        Self {
            entries: VecDeque::new(),
            head: Position::ZERO,
            keys: BTreeMap::new(),
            unsettled: false,
            keeps,
            dedupes,
            truth: BTreeMap::new(),
            markers: BTreeMap::new(),
            deletes: BTreeMap::new(),
        }
    }

    /// Stores a message, or what takes one back, unless its key is known. New entries go to `told`.
    pub(crate) fn append(&mut self, now: u64, key: &str, told: &mut Vec<Entry>) -> Position {
        if self.dedupes
            && let Some(position) = self.keys.get(key)
        {
            return *position;
        }
        self.settle(now, told);
        if self.head == Position::ZERO {
            self.open_epoch(now, told);
        }
        let position = self.head.next();
        // Every third key takes back what was said last, if it is still there.
        let taken = self.entries.iter().rev().find(|entry| {
            key.ends_with(['3', '6', '9']) && entry.is_message() && !self.is_deleted(entry.position)
        });
        let kind = match taken.map(|entry| entry.position) {
            Some(target) => {
                self.deletes.insert(position, target);
                Kind::Deleted
            }
            None => Kind::Message,
        };
        self.push(position, kind, Some(key), told);
        self.keys.insert(key.to_owned(), position);
        position
    }

    /// The head, after opening an epoch if something may have been lost.
    pub(crate) fn settle(&mut self, now: u64, told: &mut Vec<Entry>) -> Position {
        if std::mem::take(&mut self.unsettled) && !self.entries.is_empty() {
            self.open_epoch(now, told);
        }
        self.head
    }

    fn open_epoch(&mut self, now: u64, told: &mut Vec<Entry>) {
        let prev = self.entries.back().map_or(Position::ZERO, |e| e.position);
        let newest = self.truth.keys().next_back().map_or(0, |p| p.epoch);
        let marker = Position::new((1_000 + now).max(newest + 1), 0);
        self.markers.insert(marker, prev);
        self.push(marker, Kind::Epoch { prev }, None, told);
    }

    fn push(&mut self, position: Position, kind: Kind, key: Option<&str>, told: &mut Vec<Entry>) {
        let fields = key.map_or_else(Fields::default, |key| {
            let said = match self.deletes.get(&position) {
                Some(target) => format!(r#""key":"{key}","target":"{target}""#),
                None => format!(r#""key":"{key}","text":"hi""#),
            };
            Fields::stored(Bytes::from(said))
        });
        let entry = Entry {
            position,
            at: 1,
            kind,
            fields,
        };
        let record = Record {
            key: key.map(str::to_owned),
            fate: Fate::Kept,
        };
        assert!(
            self.truth.insert(position, record).is_none(),
            "the model gave {position} twice"
        );
        self.head = position;
        self.entries.push_back(entry.clone());
        while self.entries.len() > self.keeps {
            let gone = self.entries.pop_front();
            self.note(gone, Fate::Trimmed);
        }
        told.push(entry);
    }

    fn note(&mut self, gone: Option<Entry>, fate: Fate) {
        if let Some(entry) = gone {
            self.truth
                .entry(entry.position)
                .and_modify(|r| r.fate = fate);
            if fate != Fate::Trimmed {
                self.keys.retain(|_, position| *position != entry.position);
            }
        }
    }

    /// The server goes and comes back without its last entries.
    pub(crate) fn lose_tail(&mut self, entries: usize) {
        for _ in 0..entries.min(self.entries.len().saturating_sub(1)) {
            let gone = self.entries.pop_back();
            self.note(gone, Fate::Lost);
        }
        self.unsettled = true;
    }

    /// The server goes and comes back with nothing.
    pub(crate) fn wipe(&mut self) {
        self.entries.clear();
        self.keys.clear();
        for record in self.truth.values_mut().filter(|r| r.fate != Fate::Lost) {
            record.fate = Fate::Wiped;
        }
        self.head = Position::ZERO;
        self.unsettled = false;
    }

    /// Whether a message was taken back, by an entry that was not lost.
    pub(crate) fn is_deleted(&self, message: Position) -> bool {
        let mut deletes = self.deletes.range(message..);
        deletes.any(|(by, target)| {
            let fate = self.truth.get(by).map(|record| record.fate);
            *target == message && matches!(fate, Some(Fate::Kept | Fate::Trimmed))
        })
    }

    /// An entry as it is read: without its text, if that was taken back.
    fn look(&self, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        if entry.is_message() && self.is_deleted(entry.position) {
            let said = entry.fields.as_str().replace("hi", "");
            entry.fields = Fields::stored(Bytes::from(said));
        }
        entry
    }

    /// The entries after a position.
    pub(crate) fn after(&self, after: Position, limit: usize) -> Page {
        let from = self.entries.partition_point(|e| e.position <= after);
        let to = self.entries.len().min(from + limit);
        Page {
            entries: self.entries.range(from..to).map(|e| self.look(e)).collect(),
            head: self.head,
            more: to < self.entries.len(),
        }
    }

    /// The latest entries.
    pub(crate) fn latest(&self, limit: usize) -> Page {
        let from = self.entries.len().saturating_sub(limit);
        Page {
            entries: self.entries.range(from..).map(|e| self.look(e)).collect(),
            head: self.head,
            more: from > 0,
        }
    }
}
