//! The hub: the rooms and connections of this instance.

use std::{
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    broker::{Broker, BrokerError, Draft, Listener, RoomStatus},
    protocol::{
        code::{CloseReason, ErrorCode},
        entry::{Entry, Fields, Kind},
        event::{Event, Typing},
        name::RoomName,
        server_frame::{ServerFrame, Text},
        user::User,
    },
    shutdown::Shutdown,
    telemetry,
};
use dashmap::{DashMap, Entry as Slot};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    connection::Connection,
    guests::Guests,
    limits::{ChatSettings, InvitePace, RequestPace, SendPace},
    reads::ReadTable,
    refusal::Refusal,
    room::{ConnectionId, Room},
    signed_out::{JustLost, SignedOut},
    typing::TypingTable,
};

/// How often the hub looks after its rooms.
const TICK: Duration = Duration::from_secs(1);
/// How often the control log is asked for until the broker can be reached.
const CONTROL_RETRY: Duration = Duration::from_millis(100);
/// How many polls of people who are signed in no more are looked at at a time:
/// anybody may send one. Seats of the others end by themselves.
const GOODBYES: usize = 100;

/// The rooms and connections of this instance. Owns both maps.
pub struct Hub {
    /// What keeps the rooms.
    pub broker: Arc<dyn Broker>,
    /// How it works.
    pub settings: ChatSettings,
    pub(super) sends: SendPace,
    /// Requests, and the frames that come in them: those of one user count
    /// together, as those of a socket do.
    pub requests: RequestPace,
    /// What is looked for: each search reads a good part of a log.
    pub(super) searches: RequestPace,
    /// Pages of the past, which are read from the log each time.
    pub(super) looks_back: RequestPace,
    /// Edits and reactions, which push old entries out of a log and show little.
    pub(super) changes: RequestPace,
    pub(super) invites: InvitePace,
    pub(super) typing: TypingTable,
    pub(super) reads: ReadTable,
    rooms: DashMap<RoomName, Arc<Room>>,
    pub(super) guests: Guests,
    connections: DashMap<ConnectionId, Arc<Connection>>,
    per_user: DashMap<Arc<str>, Vec<ConnectionId>>,
    signed_out: SignedOut,
    pub(super) just_lost: JustLost,
    goodbyes: Arc<Semaphore>,
    live: AtomicIsize,
    polling: AtomicIsize,
    next_id: AtomicU64,
    accepting: AtomicBool,
    pub(super) shutdown: Shutdown,
    me: Weak<Self>,
}

impl Hub {
    /// Starts the hub: it hears the broker's events and looks after its rooms
    /// until the process ends.
    pub fn start(
        broker: Arc<dyn Broker>,
        settings: ChatSettings,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let hub = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            sends: SendPace::new(&settings),
            requests: RequestPace::new(&settings),
            searches: RequestPace::of_searches(&settings),
            looks_back: RequestPace::of_looks_back(&settings),
            changes: RequestPace::of_changes(&settings),
            invites: InvitePace::new(&settings),
            typing: TypingTable::default(),
            reads: ReadTable::default(),
            broker,
            settings,
            rooms: DashMap::new(),
            guests: Guests::default(),
            connections: DashMap::new(),
            per_user: DashMap::new(),
            signed_out: SignedOut::default(),
            just_lost: JustLost::default(),
            goodbyes: Arc::new(Semaphore::new(GOODBYES)),
            live: AtomicIsize::new(0),
            polling: AtomicIsize::new(0),
            next_id: AtomicU64::new(1),
            accepting: AtomicBool::new(true),
            shutdown: shutdown.clone(),
        });
        let listener: Weak<Self> = Weak::clone(&hub.me);
        hub.broker.listen(listener);
        shutdown.spawn_until_stopped(Arc::clone(&hub).look_after());
        hub
    }

    /// The room of that name, subscribed and at its head.
    pub async fn room(self: &Arc<Self>, name: &RoomName) -> Result<Arc<Room>, BrokerError> {
        loop {
            let room = {
                let slot = self.rooms.entry(name.clone());
                Arc::clone(&slot.or_insert_with(|| self.new_room(name)))
            };
            if room.open().await? {
                return Ok(room);
            }
        }
    }

    /// What a room is. Those who ask about a room that is open here share calls.
    pub async fn status(&self, name: &RoomName) -> Result<RoomStatus, BrokerError> {
        let room = self.rooms.get(name).map(|room| Arc::clone(&room));
        match room {
            Some(room) => room.status().await,
            None => self.broker.status(name).await,
        }
    }

    fn new_room(self: &Arc<Self>, name: &RoomName) -> Arc<Room> {
        let hook = name.is_control().then(|| {
            let hub = Arc::downgrade(self);
            let hook = move |entry: &Entry| {
                if let Some(hub) = hub.upgrade() {
                    hub.on_control(entry);
                }
            };
            Box::new(hook) as Box<dyn Fn(&Entry) + Send + Sync>
        });
        Room::new(
            name.clone(),
            Arc::clone(&self.broker),
            self.shutdown.clone(),
            hook,
        )
    }

    /// Adds a connection, within the limits.
    pub(super) fn admit(
        self: &Arc<Self>,
        user: &User,
        make: impl FnOnce(ConnectionId) -> Connection,
    ) -> Result<Arc<Connection>, Refusal> {
        if self.connections.len() >= self.settings.connections {
            return Err(Refusal::later(
                ErrorCode::TooManyConnections,
                "this instance is full, try again in a moment",
                2_000,
            ));
        }
        let id = self.next_id();
        {
            let mut held = self.per_user.entry(Arc::clone(&user.id)).or_default();
            if held.len() >= self.settings.connections_per_user {
                let most = self.settings.connections_per_user;
                return Err(Refusal::later(
                    ErrorCode::TooManyConnections,
                    format!("you have {most} connections open already; close one first"),
                    5_000,
                ));
            }
            held.push(id);
        }
        let connection = Arc::new(make(id));
        self.connections
            .insert(connection.id, Arc::clone(&connection));
        if connection.is_live() {
            telemetry::connection_opened();
        }
        self.count_connections(&connection, 1);
        if self.signed_out.has(&connection.session) {
            // It ended while this connection was on its way.
            connection.outbox.close(CloseReason::SessionOver);
        }
        Ok(connection)
    }

    pub(super) fn next_id(&self) -> ConnectionId {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets a connection that ended.
    pub(super) fn dismiss(&self, connection: &Connection) {
        if self.connections.remove(&connection.id).is_none() {
            return;
        }
        self.count_connections(connection, -1);
        if let Slot::Occupied(mut held) = self.per_user.entry(Arc::clone(&connection.user.id)) {
            held.get_mut().retain(|id| *id != connection.id);
            if held.get().is_empty() {
                held.remove();
            }
        }
    }

    /// The connections of one user here.
    pub(super) fn connections_of(&self, user_id: &str) -> Vec<Arc<Connection>> {
        let held = self.per_user.get(user_id).map(|held| held.value().clone());
        let held = held.unwrap_or_default().into_iter();
        held.filter_map(|id| {
            self.connections
                .get(&id)
                .map(|slot| Arc::clone(slot.value()))
        })
        .collect()
    }

    /// The room of that name, if somebody is in it here.
    pub(super) fn held_room(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.rooms.get(name).map(|slot| Arc::clone(slot.value()))
    }

    /// The first frame of every connection.
    pub fn hello(&self, user: &User, connection: Option<&str>) -> Text {
        ServerFrame::Hello {
            protocol: crate::protocol::PROTOCOL,
            build: Arc::clone(&self.settings.build),
            instance: Arc::clone(&self.settings.instance),
            user: user.clone(),
            heartbeat_ms: self.settings.heartbeat_ms,
            limits: self.settings.hello_limits(),
            connection: connection.map(Into::into),
        }
        .text()
    }

    /// Runs a task that the instance waits for when it ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shutdown.spawn(task);
    }

    fn count_connections(&self, connection: &Connection, change: isize) {
        let count = if connection.is_live() {
            &self.live
        } else {
            &self.polling
        };
        count.fetch_add(change, Ordering::Relaxed);
        telemetry::connections(self.connection_count());
        telemetry::polling(read_count(&self.polling));
    }

    /// Runs a task that may be dropped when the instance ends.
    pub fn spawn_until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shutdown.spawn_until_stopped(task);
    }

    /// How many sockets are open.
    pub fn connection_count(&self) -> usize {
        read_count(&self.live)
    }

    /// How many rooms have somebody here.
    pub fn room_count(&self) -> usize {
        self.rooms
            .iter()
            .filter(|room| !room.name.is_control())
            .count()
    }

    /// Whether new connections are taken.
    pub fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed)
    }

    /// Takes new connections, or stops taking them. Open ones are not touched.
    pub fn set_accepting(&self, on: bool) {
        self.accepting.store(on, Ordering::Relaxed);
    }

    /// Every connection of the moment.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections
            .iter()
            .map(|slot| Arc::clone(slot.value()))
            .collect()
    }

    /// Tells others that a user types or stopped. May be lost.
    pub(super) async fn tell_typing(&self, room: &RoomName, user: &User, on: bool) {
        // Where nobody is told, nobody on another instance need hear of it.
        let is_told = !on || self.rooms.get(room).is_none_or(|room| !room.is_large());
        if !is_told || !self.typing.note(room, user, on, Instant::now()) {
            return;
        }
        let event = Event::Typing(Typing {
            user: user.clone(),
            on,
        });
        // Typing is the one thing that may be lost.
        let _ = self.broker.tell(room, &event).await;
    }

    /// Says something to everybody, on every instance.
    pub async fn notify_all(&self, text: &str) -> Result<(), BrokerError> {
        self.notify(&RoomName::control(), text).await
    }

    /// Says something to a room, as the operator.
    pub async fn notify(&self, room: &RoomName, text: &str) -> Result<(), BrokerError> {
        // A room where nobody has spoken yet has no log, but may have people.
        let has_people = room.is_control() || self.broker.count(room).await?.count > 0;
        let draft = Draft {
            kind: Kind::Notice,
            fields: Fields::of(&serde_json::json!({"text": text})),
            key: None,
            may_create: has_people,
        };
        self.broker.append(room, draft).await.map(|_| ())
    }

    /// What the control log says to this instance.
    fn on_control(self: &Arc<Self>, entry: &Entry) {
        match entry.kind {
            Kind::Notice => {
                let frame = entry.frame(&RoomName::control());
                for connection in self.connections.iter().filter(|slot| slot.is_live()) {
                    connection.outbox.push(frame.clone());
                }
            }
            Kind::SignedOut => self.sign_out(&entry.fields),
            Kind::RoomAdded | Kind::Forgotten => self.on_addressed(entry),
            _ => {}
        }
    }

    fn sign_out(&self, fields: &Fields) {
        let fields = fields.value();
        let Some(session) = fields.get("session").and_then(serde_json::Value::as_str) else {
            return;
        };
        let returns = fields.get("returns").and_then(serde_json::Value::as_bool);
        let returns = returns.unwrap_or(false);
        self.signed_out.note(session, returns);
        for connection in &self.connections {
            if &*connection.session == session {
                connection.outbox.close(CloseReason::SessionOver);
            }
        }
        let lost = self.just_lost.take(session);
        if !returns && let Some(lost) = lost {
            for room in lost.rooms.iter().filter_map(|name| self.held_room(name)) {
                room.end_grace(&lost.user);
            }
        }
    }

    /// A place for somebody who may have signed out and polls once more.
    pub fn place_for_goodbye(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.goodbyes).try_acquire_owned().ok()
    }

    /// Whether any session was ended a moment ago by who had it.
    pub fn has_signed_out(&self) -> bool {
        !self.signed_out.is_empty()
    }

    /// Whether this one was, and its user is gone with it.
    pub fn is_gone(&self, session: &str) -> bool {
        self.signed_out.is_gone(session)
    }

    /// Whether this instance hears what concerns everybody. It should not take
    /// clients before: a sign-out could pass it by.
    pub fn hears_control(&self) -> bool {
        let control = self.rooms.get(&RoomName::control());
        control.is_some_and(|room| room.is_open())
    }

    async fn look_after(self: Arc<Self>) {
        while self.room(&RoomName::control()).await.is_err() {
            tokio::time::sleep(CONTROL_RETRY).await;
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut begin = 0;
        loop {
            ticks.tick().await;
            for (room, user) in self.typing.expired(Instant::now()) {
                let event = Event::Typing(Typing { user, on: false });
                let _ = self.broker.tell(&room, &event).await;
            }
            self.signed_out.tidy();
            self.just_lost.tidy();
            self.note_guests().await;
            self.pass_on_reads();
            self.sends.tidy();
            self.requests.tidy();
            self.searches.tidy();
            self.looks_back.tidy();
            self.changes.tidy();
            self.invites.tidy();
            self.retire_idle().await;
            begin = self.compare_heads(begin).await;
            telemetry::rooms(self.room_count());
            telemetry::run_upkeep();
        }
    }

    /// Lets go of rooms that nobody here followed for a while, and of seats that
    /// nobody sits on.
    async fn retire_idle(&self) {
        for room in self.all_rooms() {
            room.settle_strays().await;
            if !room.name.is_control() && room.retire(self.settings.linger).await {
                self.rooms
                    .remove_if(&room.name, |_, held| Arc::ptr_eq(held, &room));
            }
        }
    }

    pub(super) fn all_rooms(&self) -> Vec<Arc<Room>> {
        self.rooms
            .iter()
            .map(|slot| Arc::clone(slot.value()))
            .collect()
    }
}

fn read_count(count: &AtomicIsize) -> usize {
    usize::try_from(count.load(Ordering::Relaxed)).unwrap_or(0)
}

impl Listener for Hub {
    fn on_event(&self, room: &RoomName, event: Event) {
        let Some(room) = self.held_room(room) else {
            return;
        };
        match event {
            Event::Entry(entry) => room.on_entry(entry),
            Event::Presence(change) => room.on_presence(change),
            Event::Typing(typing) => room.on_typing(typing),
            Event::Read(mark) => self.on_read(&room, &mark),
        }
    }

    fn on_restored(&self) {
        if let Some(hub) = self.me.upgrade() {
            self.shutdown.spawn_until_stopped(hub.catch_up());
        }
    }
}
