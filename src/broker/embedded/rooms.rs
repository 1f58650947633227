//! The rooms of the embedded broker, each under its own lock.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use dashmap::DashMap;

use super::{log::Log, roster::Roster};
use crate::{
    broker::{RoomSummary, clock::wall_ms, locked::locked},
    protocol::{name::RoomName, user::User},
};

/// What is kept of one room.
#[derive(Debug)]
pub(super) struct Room {
    /// Its log, once somebody created it.
    pub(super) log: Option<Log>,
    /// Who is in it.
    pub(super) roster: Roster,
    /// Who may be in it, by their ids, if it is a private one.
    pub(super) people: BTreeMap<Arc<str>, User>,
    /// Those of them whom others let in, and who never came.
    pub(super) foreign_to: BTreeSet<Arc<str>>,
    /// Those of whom nobody has said yet that they know that they were let in,
    /// and what their letting in is called.
    pub(super) untold: BTreeMap<Arc<str>, u64>,
    /// When it stands on the agenda.
    pub(super) due: Option<u64>,
}

impl Room {
    fn new(version: u64) -> Self {
        Self {
            log: None,
            roster: Roster::new(version),
            people: BTreeMap::new(),
            foreign_to: BTreeSet::new(),
            untold: BTreeMap::new(),
            due: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.log.is_none() && self.roster.is_empty() && self.people.is_empty()
    }
}

/// All rooms that have a log or people.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    kept: DashMap<RoomName, Mutex<Room>>,
    /// The latest version of any roster that was forgotten: a roster made anew
    /// within the same millisecond must not repeat it.
    forgotten: AtomicU64,
}

impl Rooms {
    /// Looks at a room, if it is kept.
    pub(super) fn look<R>(&self, name: &RoomName, look: impl FnOnce(&mut Room) -> R) -> Option<R> {
        // The map's guard is held as long as the room's lock: a room cannot be
        // forgotten while somebody is at it.
        let kept = self.kept.get(name)?;
        let mut room = locked(kept.value());
        Some(look(&mut room))
    }

    /// Works on a room; what is empty afterwards is forgotten.
    pub(super) fn with<R>(&self, name: &RoomName, work: impl FnOnce(&mut Room) -> R) -> R {
        let kept = self.kept.get(name).unwrap_or_else(|| {
            self.kept
                .entry(name.clone())
                .or_insert_with(|| Mutex::new(Room::new(self.first_version())))
                .downgrade()
        });
        let mut room = locked(kept.value());
        let result = work(&mut room);
        let empty = room.is_empty();
        drop(room);
        drop(kept);
        if empty {
            self.kept
                .remove_if(name, |_, room| self.forget(&locked(room)));
        }
        result
    }

    fn first_version(&self) -> u64 {
        wall_ms().max(self.forgotten.load(Ordering::Relaxed))
    }

    /// Whether nothing holds a room any more; its version is kept in mind then.
    fn forget(&self, room: &Room) -> bool {
        let version = room.roster.head().version;
        room.is_empty() && {
            self.forgotten.fetch_max(version, Ordering::Relaxed);
            true
        }
    }

    /// Works on every room; what is empty afterwards is forgotten.
    pub(super) fn sweep(&self, mut work: impl FnMut(&RoomName, &mut Room)) {
        self.kept.retain(|name, room| {
            let mut room = locked(room);
            work(name, &mut room);
            !self.forget(&room)
        });
    }

    /// The lobby, and then the open rooms that were active last.
    pub(super) fn list(&self, limit: usize) -> Vec<RoomSummary> {
        let lobby = RoomName::lobby();
        let mut found: Vec<(u64, RoomSummary)> = self
            .kept
            .iter()
            .filter(|kept| !(kept.key().is_control() || kept.key().is_private()))
            .filter(|kept| *kept.key() != lobby)
            .filter_map(|kept| {
                let room = locked(kept.value());
                let log = room.log.as_ref().filter(|log| !log.closed)?;
                let summary = RoomSummary {
                    name: kept.key().clone(),
                    title: log.title.clone(),
                    count: room.roster.head().count,
                };
                Some((log.active_at, summary))
            })
            .collect();
        found.sort_by(|(a, left), (b, right)| {
            (Reverse(a), &left.name).cmp(&(Reverse(b), &right.name))
        });
        let count = self.look(&lobby, |room| room.roster.head().count);
        let lobby = RoomSummary {
            name: lobby,
            title: String::new(),
            count: count.unwrap_or(0),
        };
        std::iter::once(lobby)
            .chain(found.into_iter().map(|(_, summary)| summary))
            .take(limit)
            .collect()
    }
}
