//! A broker with a bug in front of one without.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use hubbub::{
    broker::{
        Admission, Admitted, Appended, Broker, BrokerError, Change, Departure, Draft, Health,
        Listener, Making, Marks, Page, People, Poller, Presence, PrivateRoom, Registry, Relay,
        RoomLog, RoomStatus, RoomSummary, Roster, RosterHead, Seat, Untold,
    },
    protocol::{
        entry::{Entry, Kind},
        event::Event,
        name::RoomName,
        position::Position,
        user::User,
    },
};

use super::Bug;

type Result<T> = std::result::Result<T, BrokerError>;

/// Another broker, and what is wrong with what it seems to do.
pub(super) struct Planted {
    inner: Arc<dyn Broker>,
    bug: Bug,
    /// The last position of each room that was heard of.
    last: Arc<Last>,
    ear: OnceLock<Arc<Ear>>,
}

type Last = Mutex<HashMap<RoomName, Position>>;

impl Planted {
    pub(super) fn new(inner: Arc<dyn Broker>, bug: Bug) -> Arc<Self> {
        Arc::new(Self {
            inner,
            bug,
            last: Arc::default(),
            ear: OnceLock::new(),
        })
    }

    fn last(&self) -> MutexGuard<'_, HashMap<RoomName, Position>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it is stored, and stores it a little later, or never.
    fn promise(&self, room: &RoomName, draft: Draft) -> Appended {
        let position = self.last().get(room).copied().unwrap_or_default().next();
        let (inner, to) = (Arc::clone(&self.inner), room.clone());
        tokio::spawn(async move {
            let _ = inner.append(&to, draft).await;
        });
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        Appended {
            position,
            at: u64::try_from(at.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(0),
            duplicate: false,
        }
    }

    /// Makes every marker follow what came before it.
    fn forget_breaks(&self, mut after: Position, entries: &mut [Entry]) {
        for entry in entries.iter_mut().filter(|_| self.bug == Bug::NoPrevCheck) {
            if let Kind::Epoch { prev } = &mut entry.kind {
                *prev = after;
            }
            after = entry.position;
        }
    }
}

#[async_trait]
impl RoomLog for Planted {
    async fn append(&self, room: &RoomName, mut draft: Draft) -> Result<Appended> {
        match self.bug {
            Bug::SkipDedupe => draft.key = None,
            Bug::AckBeforeRedis if !room.is_control() => return Ok(self.promise(room, draft)),
            _ => {}
        }
        self.inner.append(room, draft).await
    }
    async fn change(&self, room: &RoomName, change: Change) -> Result<Appended> {
        self.inner.change(room, change).await
    }
    async fn status(&self, room: &RoomName) -> Result<RoomStatus> {
        let status = self.inner.status(room).await?;
        self.last().insert(room.clone(), status.head);
        Ok(status)
    }
    async fn heads(&self, rooms: &[RoomName]) -> Result<Vec<Position>> {
        if self.bug == Bug::NoHeadCheck {
            return Err(BrokerError::Unavailable);
        }
        self.inner.heads(rooms).await
    }
    async fn read_after(&self, room: &RoomName, after: Position, limit: usize) -> Result<Page> {
        let mut page = self.inner.read_after(room, after, limit).await?;
        if self.bug == Bug::PlainRelay {
            page.entries.clear();
            page.more = false;
        }
        self.forget_breaks(after, &mut page.entries);
        Ok(page)
    }
    async fn read_before(
        &self,
        room: &RoomName,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page> {
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
impl Relay for Planted {
    fn listen(&self, listener: Weak<dyn Listener>) {
        let (bug, last) = (self.bug, Arc::clone(&self.last));
        let ear = self.ear.get_or_init(|| {
            Arc::new(Ear {
                bug,
                last,
                listener,
            })
        });
        let ear: Weak<Ear> = Arc::downgrade(ear);
        self.inner.listen(ear);
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

/// Hears what the broker says before the chat does.
struct Ear {
    bug: Bug,
    last: Arc<Last>,
    listener: Weak<dyn Listener>,
}

impl Listener for Ear {
    fn on_event(&self, room: &RoomName, event: Event) {
        let Some(listener) = self.listener.upgrade() else {
            return;
        };
        let mut event = event;
        if let Event::Entry(entry) = &mut event {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let before = last.insert(room.clone(), entry.position);
            if self.bug == Bug::NoPrevCheck
                && let Kind::Epoch { prev } = &mut entry.kind
            {
                *prev = before.unwrap_or(*prev);
            }
        }
        listener.on_event(room, event);
    }

    fn on_restored(&self) {
        if self.bug == Bug::NoHeadCheck {
            return;
        }
        if let Some(listener) = self.listener.upgrade() {
            listener.on_restored();
        }
    }
}

#[async_trait]
impl Presence for Planted {
    async fn enter(&self, room: &RoomName, user: &User, seat: &Seat) -> Result<Option<RosterHead>> {
        self.inner.enter(room, user, seat).await
    }
    async fn leave(&self, room: &RoomName, user: &User, seat: &Seat, departure: Departure) {
        self.inner.leave(room, user, seat, departure).await;
    }
    async fn members(&self, room: &RoomName) -> Result<Roster> {
        self.inner.members(room).await
    }
    async fn count(&self, room: &RoomName) -> Result<RosterHead> {
        self.inner.count(room).await
    }
}

#[async_trait]
impl Registry for Planted {
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
impl People for Planted {
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
        self.inner.told(room, people).await
    }
    async fn come_in(&self, room: &RoomName, user_id: &str) -> Result<()> {
        self.inner.come_in(room, user_id).await
    }
    async fn forget(&self, room: &RoomName, user: &User) -> Result<bool> {
        self.inner.forget(room, user).await
    }
    async fn is_one_of(&self, room: &RoomName, user_id: &str) -> Result<bool> {
        self.inner.is_one_of(room, user_id).await
    }
    async fn people(&self, room: &RoomName) -> Result<Vec<User>> {
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
impl Marks for Planted {
    async fn mark_read(&self, room: &RoomName, user_id: &str, position: Position) -> Result<bool> {
        self.inner.mark_read(room, user_id, position).await
    }
    async fn read_mark(&self, room: &RoomName, user_id: &str) -> Result<Position> {
        self.inner.read_mark(room, user_id).await
    }
}
