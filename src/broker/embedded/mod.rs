//! The broker of a server that stands alone: everything in this process's
//! memory, and gone with it. The epoch of every room is the time at which the
//! process started, so positions of an earlier process are recognised.

mod folds;
mod log;
mod marks;
mod memberships;
mod people;
mod registry;
mod rooms;
pub mod roster;
mod upkeep;

use std::{
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use dashmap::DashSet;
use tokio::task::JoinHandle;

use self::{
    log::{Log, Terms},
    marks::MarkTable,
    memberships::Memberships,
    registry::Names,
    rooms::{Room, Rooms},
    upkeep::Agenda,
};
use super::{
    Appended, BrokerError, BrokerSettings, Change, Departure, Draft, Health, Listener, Page,
    Poller, Presence, Registry, Relay, RoomLog, RoomState, RoomStatus, RoomSummary, Roster,
    RosterHead, Seat,
    clock::{Stopwatch, wall_ms, whole_ms},
    locked::locked,
};
use crate::protocol::{
    entry::{Fields, Kind},
    event::Event,
    name::RoomName,
    position::Position,
    user::User,
};

/// Keeps the rooms of one process in memory.
pub struct EmbeddedBroker {
    settings: BrokerSettings,
    stopwatch: Stopwatch,
    /// The epoch of the next room; it grows when a room expires, so that a
    /// room made anew never repeats a position.
    epoch: AtomicU64,
    /// How often people were let into private rooms.
    admissions: AtomicU64,
    rooms: Rooms,
    memberships: Memberships,
    names: Names,
    marks: MarkTable,
    agenda: Agenda,
    listener: OnceLock<Weak<dyn Listener>>,
    subscribed: DashSet<RoomName>,
    upkeep: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedBroker {
    /// A broker without rooms. Within a tokio runtime, a background task ends
    /// grace periods, poll seats and idle rooms.
    pub fn new(settings: BrokerSettings) -> Arc<Self> {
        let broker = Arc::new(Self {
            settings,
            stopwatch: Stopwatch::start(),
            epoch: AtomicU64::new(wall_ms().max(1)),
            admissions: AtomicU64::new(0),
            rooms: Rooms::default(),
            memberships: Memberships::default(),
            names: Names::default(),
            marks: MarkTable::default(),
            agenda: Agenda::default(),
            listener: OnceLock::new(),
            subscribed: DashSet::new(),
            upkeep: Mutex::new(None),
        });
        *locked(&broker.upkeep) = upkeep::spawn(&broker);
        broker
    }

    fn terms(&self) -> Terms {
        Terms {
            at: wall_ms(),
            now: self.stopwatch.ms(),
            dedupe_window: whole_ms(self.settings.dedupe_window),
            history: self.settings.history,
        }
    }

    fn deadline(&self, period: Duration) -> u64 {
        self.stopwatch.ms().saturating_add(whole_ms(period))
    }

    /// Hands an event to the listener. Called under the room's lock, which is
    /// what keeps events in the order of the log.
    fn emit(&self, room: &RoomName, event: Event) {
        if self.subscribed.contains(room)
            && let Some(listener) = self.listener.get().and_then(Weak::upgrade)
        {
            listener.on_event(room, event);
        }
    }

    fn append_locked(
        &self,
        name: &RoomName,
        room: &mut Room,
        draft: Draft,
    ) -> Result<Appended, BrokerError> {
        let terms = self.terms();
        let may_create = draft.may_create && !name.is_private();
        if room.log.is_none() && !may_create && *name != RoomName::lobby() {
            return Err(BrokerError::NoSuchRoom);
        }
        let epoch = self.epoch.load(Ordering::Relaxed);
        let log = room
            .log
            .get_or_insert_with(|| Log::new(epoch, terms.at, terms.now));
        let mut told = Vec::with_capacity(1);
        let appended = log.append(draft, terms, &mut told);
        for entry in told {
            self.emit(name, Event::Entry(entry));
        }
        appended
    }
}

#[async_trait]
impl RoomLog for EmbeddedBroker {
    async fn append(&self, room: &RoomName, draft: Draft) -> Result<Appended, BrokerError> {
        self.rooms
            .with(room, |kept| self.append_locked(room, kept, draft))
    }

    async fn change(&self, room: &RoomName, change: Change) -> Result<Appended, BrokerError> {
        let terms = self.terms();
        let changed = self.rooms.look(room, |kept| {
            let log = kept.log.as_mut()?;
            let mut told = Vec::with_capacity(1);
            let changed = log.change(&change, terms, &mut told);
            for entry in told {
                self.emit(room, Event::Entry(entry));
            }
            Some(changed)
        });
        changed.flatten().unwrap_or(Err(BrokerError::NoSuchMessage))
    }

    async fn status(&self, room: &RoomName) -> Result<RoomStatus, BrokerError> {
        let known = self.rooms.look(room, |kept| {
            kept.log.as_ref().map(|log| RoomStatus {
                head: log.head(),
                title: log.title.clone(),
                state: if log.closed {
                    RoomState::Closed
                } else {
                    RoomState::Open
                },
            })
        });
        Ok(known.flatten().unwrap_or_else(|| RoomStatus {
            head: Position::ZERO,
            title: String::new(),
            state: if *room == RoomName::lobby() {
                RoomState::Open
            } else {
                RoomState::Absent
            },
        }))
    }

    async fn heads(&self, rooms: &[RoomName]) -> Result<Vec<Position>, BrokerError> {
        let head = |room| {
            let head = self
                .rooms
                .look(room, |kept| kept.log.as_ref().map(Log::head));
            head.flatten().unwrap_or_default()
        };
        Ok(rooms.iter().map(head).collect())
    }

    async fn read_after(
        &self,
        room: &RoomName,
        after: Position,
        limit: usize,
    ) -> Result<Page, BrokerError> {
        let page = self.rooms.look(room, |kept| {
            kept.log.as_ref().map(|log| log.after(after, limit))
        });
        Ok(page.flatten().unwrap_or_else(empty_page))
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page, BrokerError> {
        let page = self.rooms.look(room, |kept| {
            kept.log.as_ref().map(|log| log.before(before, limit))
        });
        Ok(page.flatten().unwrap_or_else(empty_page))
    }

    async fn open(&self, room: &RoomName, title: &str) -> Result<bool, BrokerError> {
        if *room == RoomName::lobby() || room.is_private() {
            return Ok(false);
        }
        let terms = self.terms();
        Ok(self.rooms.with(room, |kept| {
            let absent = kept.log.is_none();
            let epoch = self.epoch.load(Ordering::Relaxed);
            let log = kept
                .log
                .get_or_insert_with(|| Log::new(epoch, terms.at, terms.now));
            if !absent && !log.closed {
                return false;
            }
            log.closed = false;
            title.clone_into(&mut log.title);
            log.active_at = terms.at;
            log.touched = terms.now;
            true
        }))
    }

    async fn close(&self, room: &RoomName) -> Result<bool, BrokerError> {
        if *room == RoomName::lobby() || room.is_control() {
            return Ok(false);
        }
        self.rooms.with(room, |kept| {
            let last = Draft {
                kind: Kind::RoomClosed,
                fields: Fields::default(),
                key: None,
                may_create: false,
            };
            match self.append_locked(room, kept, last) {
                Ok(_) => {
                    if let Some(log) = &mut kept.log {
                        log.closed = true;
                    }
                    Ok(true)
                }
                Err(BrokerError::NoSuchRoom) => Ok(false),
                Err(other) => Err(other),
            }
        })
    }
}

fn empty_page() -> Page {
    Page {
        entries: Vec::new(),
        head: Position::ZERO,
        more: false,
    }
}

#[async_trait]
impl Relay for EmbeddedBroker {
    fn listen(&self, listener: Weak<dyn Listener>) {
        // The contract calls this once; a second listener would hear nothing.
        let _ = self.listener.set(listener);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BrokerError> {
        self.subscribed.insert(room.clone());
        Ok(())
    }

    async fn unsubscribe(&self, room: &RoomName) {
        self.subscribed.remove(room);
    }

    async fn tell(&self, room: &RoomName, event: &Event) -> Result<(), BrokerError> {
        self.emit(room, event.clone());
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Up
    }

    async fn is_reachable(&self) -> bool {
        true
    }

    async fn release(&self) {
        if let Some(task) = locked(&self.upkeep).take() {
            task.abort();
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if let Some(task) = locked(&self.upkeep).take() {
            task.abort();
        }
    }
}

#[async_trait]
impl Presence for EmbeddedBroker {
    async fn enter(
        &self,
        room: &RoomName,
        user: &User,
        seat: &Seat,
    ) -> Result<Option<RosterHead>, BrokerError> {
        let until = self.deadline(self.settings.poll_deadline);
        self.rooms.with(room, |kept| {
            if let Some(change) = kept.roster.enter(user, seat, until) {
                self.emit(room, Event::Presence(change));
            }
            if matches!(seat, Seat::Poll(_)) {
                self.agenda.add(room, kept, until);
            }
            Ok(Some(kept.roster.head()))
        })
    }

    async fn leave(&self, room: &RoomName, user: &User, seat: &Seat, departure: Departure) {
        let until = self.deadline(self.settings.grace);
        self.rooms.with(room, |kept| {
            if let Some(change) = kept.roster.leave(&user.id, seat, departure, until) {
                self.emit(room, Event::Presence(change));
            }
            if departure == Departure::Grace {
                self.agenda.add(room, kept, until);
            }
        });
    }

    async fn members(&self, room: &RoomName) -> Result<Roster, BrokerError> {
        let members = self.rooms.look(room, |kept| kept.roster.members());
        Ok(members.unwrap_or(Roster {
            version: 0,
            count: 0,
            members: Vec::new(),
        }))
    }

    async fn count(&self, room: &RoomName) -> Result<RosterHead, BrokerError> {
        let head = self.rooms.look(room, |kept| kept.roster.head());
        Ok(head.unwrap_or(RosterHead {
            version: 0,
            count: 0,
        }))
    }
}

#[async_trait]
impl Registry for EmbeddedBroker {
    async fn rooms(&self, limit: usize) -> Result<Vec<RoomSummary>, BrokerError> {
        Ok(self.rooms.list(limit.min(self.settings.directory)))
    }

    async fn claim_name(
        &self,
        skeleton: &str,
        user_id: &str,
        hold: Duration,
    ) -> Result<bool, BrokerError> {
        let (now, until) = (self.stopwatch.ms(), self.deadline(hold));
        Ok(self.names.claim(skeleton, user_id, now, until))
    }

    async fn release_name(&self, skeleton: &str, user_id: &str) -> Result<(), BrokerError> {
        self.names.release(skeleton, user_id);
        Ok(())
    }

    async fn keep_poller(&self, connection: &str, poller: &Poller) -> Result<bool, BrokerError> {
        let until = self.deadline(self.settings.poll_deadline + self.settings.grace);
        Ok(self.names.keep_poller(connection, poller, until))
    }

    async fn poller(&self, connection: &str) -> Result<Option<Poller>, BrokerError> {
        Ok(self.names.poller(connection, self.stopwatch.ms()))
    }
}
