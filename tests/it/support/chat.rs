//! Drafts, users, rooms and a listener that remembers what it heard.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use hubbub::{
    broker::{Broker, BrokerSettings, DedupeKey, Draft, Listener},
    protocol::{
        entry::{Entry, Fields, Kind},
        event::{Event, PresenceChange},
        name::RoomName,
        position::Position,
        user::User,
    },
};

use super::until::until;

pub(crate) fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

pub(crate) fn ada() -> User {
    User::new("u1", "Ada")
}

pub(crate) fn bob() -> User {
    User::new("u2", "Bob \"quoted\" Müller")
}

/// A message of Ada's, under a key.
pub(crate) fn message(key: &str, text: &str) -> Draft {
    Draft {
        kind: Kind::Message,
        fields: Fields::of(&serde_json::json!({ "key": key, "text": text })),
        key: Some(DedupeKey {
            user_id: ada().id,
            key: key.parse().unwrap(),
        }),
        may_create: true,
    }
}

/// How long a command to Redis may take where no test is about that: a machine
/// that stops for a moment is no outage.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Settings under which a test need not wait for minutes.
pub(crate) fn brisk() -> BrokerSettings {
    BrokerSettings {
        grace: Duration::from_millis(300),
        lease: Duration::from_millis(600),
        poll_deadline: Duration::from_millis(500),
        patience: PATIENCE,
        ..BrokerSettings::default()
    }
}

/// The same for a Redis that hangs, or is not heard, which is found out by it.
pub(crate) fn impatient() -> BrokerSettings {
    BrokerSettings {
        patience: BrokerSettings::default().patience,
        ..brisk()
    }
}

/// What an instance has heard.
#[derive(Default)]
pub(crate) struct Ears {
    heard: Mutex<Vec<(RoomName, Event)>>,
    restored: AtomicU32,
}

impl Listener for Ears {
    fn on_event(&self, room: &RoomName, event: Event) {
        self.heard.lock().unwrap().push((room.clone(), event));
    }

    fn on_restored(&self) {
        self.restored.fetch_add(1, Ordering::SeqCst);
    }
}

impl Ears {
    /// Listens to a broker.
    pub(crate) fn of(broker: &dyn Broker) -> Arc<Self> {
        let ears = Arc::new(Self::default());
        let weak: Weak<Self> = Arc::downgrade(&ears);
        broker.listen(weak);
        ears
    }

    /// The entries heard of a room.
    pub(crate) fn entries(&self, room: &RoomName) -> Vec<Entry> {
        self.of_room(room, |event| match event {
            Event::Entry(entry) => Some(entry.clone()),
            _ => None,
        })
    }

    /// The changes of presence heard of a room.
    pub(crate) fn changes(&self, room: &RoomName) -> Vec<PresenceChange> {
        self.of_room(room, |event| match event {
            Event::Presence(change) => Some(change.clone()),
            _ => None,
        })
    }

    pub(crate) fn of_room<T>(&self, room: &RoomName, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let heard = self.heard.lock().unwrap();
        let of_room = heard.iter().filter(|(of, _)| of == room);
        of_room.filter_map(|(_, event)| pick(event)).collect()
    }

    /// How often the link was restored.
    pub(crate) fn restored(&self) -> u32 {
        self.restored.load(Ordering::SeqCst)
    }

    /// Waits for so many changes of presence, and returns them.
    pub(crate) async fn wait_for_changes(
        &self,
        room: &RoomName,
        count: usize,
    ) -> Vec<PresenceChange> {
        until("changes of presence", async || {
            let changes = self.changes(room);
            (changes.len() >= count).then_some(changes)
        })
        .await
    }

    /// Waits for so many entries, and returns them.
    pub(crate) async fn wait_for_entries(&self, room: &RoomName, count: usize) -> Vec<Entry> {
        until("entries", async || {
            let entries = self.entries(room);
            (entries.len() >= count).then_some(entries)
        })
        .await
    }
}

/// Everything the log of a room holds, read page by page.
pub(crate) async fn whole_log(broker: &dyn Broker, room: &RoomName) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    // Small pages first, so that short logs are read in several, too.
    for limit in [3, 7].into_iter().chain(std::iter::repeat(1_000)) {
        let after = all.last().map_or(Position::ZERO, |entry| entry.position);
        let page = broker.read_after(room, after, limit).await.unwrap();
        all.extend(page.entries);
        if !page.more {
            break;
        }
    }
    all
}
