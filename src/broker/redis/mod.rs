//! The broker of many instances: everything in Redis, which is also how they
//! hear of each other.
//!
//! Two links, each supervised by a task of its own: commands go out on one
//! (`link`), events come in on the other (`subscriber`). What must be one step
//! is one script (`lua/`), and all keys of one script share a hash tag.

mod advice;
mod appends;
mod asks;
mod keys;
mod link;
mod log;
mod marks;
mod people;
mod presence;
mod registry;
mod scripts;
mod subscriber;
mod upkeep;
mod wire;
mod wishes;

use std::{
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use dashmap::DashMap;
use tokio::task::JoinHandle;

pub use self::wire::UrlError;
use self::{
    appends::Appends,
    keys::Keys,
    link::{Ask, Link},
    subscriber::Subscriber,
    wire::Address,
    wishes::Wishes,
};
use super::{BrokerError, BrokerSettings, Health, Listener, Relay, locked::locked};
use crate::{
    protocol::{event::Event, name::RoomName},
    turns::Turns,
};

/// How many rooms are worked on at the same time, at most.
const TURNS: usize = 64;
/// How often a room's line in the directory is written, at most.
const LIST_EVERY: Duration = Duration::from_secs(60);

/// Keeps the rooms of all instances in Redis.
pub struct RedisBroker {
    settings: BrokerSettings,
    keys: Keys,
    link: Arc<Link>,
    subscriber: Arc<Subscriber>,
    appends: Arc<Appends>,
    /// The name under which this instance holds its lease; another one after
    /// the lease was lost.
    incarnation: Mutex<String>,
    /// The incarnation that has taken its lease.
    leased: Mutex<Option<String>>,
    wishes: Wishes,
    turns: Turns<TURNS>,
    /// Seats written for an incarnation that had lost its lease meanwhile.
    strays: Mutex<Vec<(RoomName, String)>>,
    /// The rooms whose line in the directory was written lately.
    listed: DashMap<RoomName, Instant>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl RedisBroker {
    /// Starts the links to the Redis at `url`; all keys begin with `prefix`.
    /// This fails on a bad URL only: while nobody answers there, calls give
    /// [`BrokerError::Unavailable`] and the links keep trying. Must be called
    /// within a tokio runtime.
    pub fn connect(
        url: &str,
        prefix: &str,
        settings: BrokerSettings,
    ) -> Result<Arc<Self>, UrlError> {
        let address = Arc::new(Address::parse(url, settings.patience)?);
        let keys = Keys::new(prefix);
        let incarnation = new_incarnation(&settings.instance);
        let link = Arc::new(Link::new(address.clone()));
        let subscriber = Arc::new(Subscriber::new(address, keys.probe(&incarnation)));
        let period = (settings.lease / 3)
            .min(settings.grace / 2)
            .clamp(Duration::from_millis(20), Duration::from_secs(1));
        let broker = Arc::new(Self {
            appends: Appends::new(link.clone(), keys.clone(), settings.clone()),
            settings,
            keys,
            link: link.clone(),
            subscriber: subscriber.clone(),
            incarnation: Mutex::new(incarnation),
            leased: Mutex::new(None),
            wishes: Wishes::default(),
            turns: Turns::default(),
            strays: Mutex::new(Vec::new()),
            listed: DashMap::new(),
            tasks: Mutex::new(Vec::new()),
        });
        let keeping = link.clone();
        locked(&broker.tasks).extend([
            tokio::spawn(async move { keeping.keep().await }),
            tokio::spawn(async move { subscriber.keep(&link).await }),
            tokio::spawn(upkeep::run(Arc::downgrade(&broker), period)),
        ]);
        Ok(broker)
    }

    /// How long a room's presence is kept when no instance renews it: long
    /// enough for every instance to go over its rooms several times.
    fn presence_ttl(&self) -> Duration {
        let periods = self.settings.lease + self.settings.grace + self.settings.poll_deadline;
        (periods * 4).max(Duration::from_secs(3600))
    }

    fn end_tasks(&self) {
        for task in locked(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

/// A name for an instance that no other one has, nor itself at another time.
fn new_incarnation(instance: &str) -> String {
    format!("{instance}.{:016x}", rand::random::<u64>())
}

#[async_trait]
impl Relay for RedisBroker {
    fn listen(&self, listener: Weak<dyn Listener>) {
        self.subscriber.listen(listener);
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BrokerError> {
        self.subscriber
            .subscribe(self.keys.channel(room), room)
            .await
    }

    async fn unsubscribe(&self, room: &RoomName) {
        self.subscriber.unsubscribe(self.keys.channel(room)).await;
    }

    async fn tell(&self, room: &RoomName, event: &Event) -> Result<(), BrokerError> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.keys.channel(room)).arg(event.encode());
        self.link.live()?.command(Ask::Write, &publish).await
    }

    fn give_way(&self) {
        self.link.give_way();
    }

    fn health(&self) -> Health {
        self.subscriber.health()
    }

    async fn is_reachable(&self) -> bool {
        self.link.is_reachable().await
    }

    async fn release(&self) {
        self.end_tasks();
        if let Ok(live) = self.link.live() {
            let instance = locked(&self.incarnation).clone();
            let mut release = scripts::RELEASE.key(self.keys.lease(&instance));
            release.key(self.keys.instances()).arg(instance);
            // The others give up what is left. If this fails, the lease ends
            // by itself.
            let _ = live.run::<u64>(Ask::Write, &release).await;
        }
        self.subscriber.end();
        self.link.end();
    }
}

impl Drop for RedisBroker {
    fn drop(&mut self) {
        self.end_tasks();
    }
}
