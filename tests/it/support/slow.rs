//! A broker that takes its time and can fail, so that a test can step in between
//! two steps: a room's subscription and the first look at its head, say.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use hubbub::{
    broker::{
        Admission, Admitted, Appended, Broker, BrokerError, Change, Departure, Draft, Health,
        Listener, Making, Marks, Page, People, Poller, Presence, PrivateRoom, Registry, Relay,
        RoomLog, RoomStatus, RoomSummary, Roster, RosterHead, Seat, Untold,
    },
    protocol::{event::Event, name::RoomName, position::Position, user::User},
};
use tokio::sync::Semaphore;

type Result<T> = std::result::Result<T, BrokerError>;

/// Another broker behind a gate.
pub(crate) struct SlowBroker {
    inner: Arc<dyn Broker>,
    /// `status` takes a permit before it returns.
    pub(crate) gate: Semaphore,
    /// A permit for each `status` that has begun.
    pub(crate) asked: Semaphore,
    /// Who comes just before the next list of members is read.
    pub(crate) comes: Mutex<Option<User>>,
    /// Whether `read_before` fails.
    pub(crate) reads_fail: AtomicBool,
    /// Whether `heads` fails: nobody finds out that they missed something.
    pub(crate) heads_fail: AtomicBool,
    /// Whether nothing can be written to the control log.
    pub(crate) control_fails: AtomicBool,
    /// Whether nobody can note that people were told.
    pub(crate) noting_fails: AtomicBool,
    /// How often it was asked who may be in a room.
    pub(crate) asked_for_people: AtomicUsize,
}

impl SlowBroker {
    pub(crate) fn new(inner: Arc<dyn Broker>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            gate: Semaphore::new(0),
            asked: Semaphore::new(0),
            comes: Mutex::default(),
            reads_fail: AtomicBool::new(false),
            heads_fail: AtomicBool::new(false),
            control_fails: AtomicBool::new(false),
            noting_fails: AtomicBool::new(false),
            asked_for_people: AtomicUsize::new(0),
        })
    }
}

impl SlowBroker {
    async fn before_members(&self, room: &RoomName) -> Result<()> {
        let comes = self.comes.lock().unwrap().take();
        match comes {
            Some(user) => self
                .inner
                .enter(room, &user, &Seat::Instance)
                .await
                .map(|_| ()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl RoomLog for SlowBroker {
    async fn append(&self, room: &RoomName, draft: Draft) -> Result<Appended> {
        if room.is_control() && self.control_fails.load(Ordering::SeqCst) {
            return Err(BrokerError::Unavailable);
        }
        self.inner.append(room, draft).await
    }
    async fn change(&self, room: &RoomName, change: Change) -> Result<Appended> {
        self.inner.change(room, change).await
    }
    async fn status(&self, room: &RoomName) -> Result<RoomStatus> {
        if !room.is_control() {
            self.asked.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
        self.inner.status(room).await
    }
    async fn heads(&self, rooms: &[RoomName]) -> Result<Vec<Position>> {
        if self.heads_fail.load(Ordering::SeqCst) {
            return Err(BrokerError::Unavailable);
        }
        self.inner.heads(rooms).await
    }
    async fn read_after(&self, room: &RoomName, after: Position, limit: usize) -> Result<Page> {
        self.inner.read_after(room, after, limit).await
    }
    async fn read_before(
        &self,
        room: &RoomName,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page> {
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(BrokerError::Unavailable);
        }
        self.inner.read_before(room, before, limit).await
    }
    async fn open(&self, room: &RoomName, title: &str) -> Result<bool> {
        self.inner.open(room, title).await
    }
    async fn close(&self, room: &RoomName) -> Result<bool> {
        self.inner.close(room).await
    }
}

#[async_trait]
impl Relay for SlowBroker {
    fn listen(&self, listener: Weak<dyn Listener>) {
        self.inner.listen(listener);
    }
    async fn subscribe(&self, room: &RoomName) -> Result<()> {
        self.inner.subscribe(room).await
    }
    async fn unsubscribe(&self, room: &RoomName) {
        self.inner.unsubscribe(room).await;
    }
    async fn tell(&self, room: &RoomName, event: &Event) -> Result<()> {
        self.inner.tell(room, event).await
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    async fn is_reachable(&self) -> bool {
        self.inner.is_reachable().await
    }
    async fn release(&self) {
        self.inner.release().await;
    }
}

#[async_trait]
impl Presence for SlowBroker {
    async fn enter(&self, room: &RoomName, user: &User, seat: &Seat) -> Result<Option<RosterHead>> {
        self.inner.enter(room, user, seat).await
    }
    async fn leave(&self, room: &RoomName, user: &User, seat: &Seat, departure: Departure) {
        self.inner.leave(room, user, seat, departure).await;
    }
    async fn members(&self, room: &RoomName) -> Result<Roster> {
        self.before_members(room).await?;
        self.inner.members(room).await
    }
    async fn some_members(&self, room: &RoomName, most: usize) -> Result<Roster> {
        self.before_members(room).await?;
        self.inner.some_members(room, most).await
    }
    async fn count(&self, room: &RoomName) -> Result<RosterHead> {
        self.inner.count(room).await
    }
}

#[async_trait]
impl Registry for SlowBroker {
    async fn rooms(&self, limit: usize) -> Result<Vec<RoomSummary>> {
        self.inner.rooms(limit).await
    }
    async fn claim_name(&self, skeleton: &str, user_id: &str, hold: Duration) -> Result<bool> {
        self.inner.claim_name(skeleton, user_id, hold).await
    }
    async fn release_name(&self, skeleton: &str, user_id: &str) -> Result<()> {
        self.inner.release_name(skeleton, user_id).await
    }
    async fn keep_poller(&self, connection: &str, poller: &Poller) -> Result<bool> {
        self.inner.keep_poller(connection, poller).await
    }
    async fn poller(&self, connection: &str) -> Result<Option<Poller>> {
        self.inner.poller(connection).await
    }
}

#[async_trait]
impl People for SlowBroker {
    async fn admit(&self, room: &RoomName, admission: Admission) -> Result<Admitted> {
        self.inner.admit(room, admission).await
    }
    async fn name_for(
        &self,
        making: &Making,
        proposed: Option<&RoomName>,
    ) -> Result<Option<RoomName>> {
        self.inner.name_for(making, proposed).await
    }
    async fn told(&self, room: &RoomName, people: &[Untold]) -> Result<()> {
        if self.noting_fails.load(Ordering::SeqCst) {
            return Err(BrokerError::Timeout);
        }
        self.inner.told(room, people).await
    }
    async fn come_in(&self, room: &RoomName, user_id: &str) -> Result<()> {
        self.inner.come_in(room, user_id).await
    }
    async fn forget(&self, room: &RoomName, user: &User) -> Result<bool> {
        self.inner.forget(room, user).await
    }
    async fn is_one_of(&self, room: &RoomName, user_id: &str) -> Result<bool> {
        self.asked_for_people.fetch_add(1, Ordering::SeqCst);
        self.inner.is_one_of(room, user_id).await
    }
    async fn people(&self, room: &RoomName) -> Result<Vec<User>> {
        self.asked_for_people.fetch_add(1, Ordering::SeqCst);
        self.inner.people(room).await
    }
    async fn private_rooms(&self, user_id: &str, names: usize) -> Result<Vec<PrivateRoom>> {
        self.inner.private_rooms(user_id, names).await
    }
    async fn note_names(&self, people: &[(String, User)]) -> Result<()> {
        self.inner.note_names(people).await
    }
    async fn named(&self, skeletons: &[String]) -> Result<Vec<Option<User>>> {
        self.inner.named(skeletons).await
    }
}

#[async_trait]
impl Marks for SlowBroker {
    async fn mark_read(&self, room: &RoomName, user_id: &str, position: Position) -> Result<bool> {
        self.inner.mark_read(room, user_id, position).await
    }
    async fn read_mark(&self, room: &RoomName, user_id: &str) -> Result<Position> {
        self.inner.read_mark(room, user_id).await
    }
}
