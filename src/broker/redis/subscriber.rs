//! The link on which events come from Redis.
//!
//! Events are handed to the listener by the task that reads the connection, so
//! nothing waits between Redis and the chat. That the link is alive is proved
//! in band: each second a probe goes out on the write link and must come back
//! here. A link that missed two of them is dropped and made anew.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use dashmap::DashMap;
use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{debug, info};

use super::{
    link::{Ask, Link},
    wire::{Address, Backoff, MISSES, PROBE_EVERY, Severed},
};
use crate::{
    broker::{BrokerError, Health, Listener, clock::Stopwatch, clock::whole_ms},
    protocol::{event::Event, name::RoomName},
    turns::Turns,
};

/// How old the last sign of life may be.
const FRESH: Duration = Duration::from_secs(3);
/// How many channels change at the same time, at most.
const TURNS: usize = 64;
/// How many channels are subscribed to in one command.
const AT_ONCE: usize = 500;

/// Hears the events of the rooms that this instance has somebody in.
pub(super) struct Subscriber {
    address: Arc<Address>,
    heard: Arc<Heard>,
    live: watch::Sender<Option<Arc<Ear>>>,
    /// Whoever changes the subscription of a channel holds its turn.
    turns: Turns<TURNS>,
}

/// A subscriber link that is up.
struct Ear {
    connection: MultiplexedConnection,
    severed: Arc<Severed>,
    patience: Duration,
}

impl Ear {
    async fn subscribe<T: AsRef<str>>(&self, channels: &[T]) -> Result<(), BrokerError> {
        let names: Vec<&str> = channels.iter().map(AsRef::as_ref).collect();
        let mut connection = self.connection.clone();
        match timeout(self.patience, connection.subscribe(names)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(BrokerError::Unavailable),
        }
    }

    /// Whether this succeeds does not matter: what nobody wants is not heard.
    async fn unsubscribe<T: AsRef<str>>(&self, channels: &[T]) {
        let names: Vec<&str> = channels.iter().map(AsRef::as_ref).collect();
        let mut connection = self.connection.clone();
        let _ = timeout(self.patience, connection.unsubscribe(names)).await;
    }
}

/// What the reading task knows.
struct Heard {
    listener: OnceLock<Weak<dyn Listener>>,
    /// The channels that should be heard, and whose they are.
    wanted: DashMap<String, RoomName>,
    probe_channel: String,
    stopwatch: Stopwatch,
    /// The number of the last probe that came back.
    echo: AtomicU64,
    /// When it came back; 0 if none has.
    echoed_at: AtomicU64,
}

impl Heard {
    fn take(&self, severed: &Severed, push: PushInfo) {
        match push.kind {
            PushKind::Disconnection => severed.now(),
            PushKind::Message if !severed.is() => {
                let mut data = push.data.into_iter();
                if let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
                    (data.next(), data.next())
                {
                    self.message(&channel, payload);
                }
            }
            _ => {}
        }
    }

    fn message(&self, channel: &[u8], payload: Vec<u8>) {
        let Ok(channel) = std::str::from_utf8(channel) else {
            return;
        };
        if channel == self.probe_channel {
            let number = String::from_utf8(payload).unwrap_or_default().parse();
            self.echo.fetch_max(number.unwrap_or(0), Ordering::AcqRel);
            self.echoed_at
                .store(self.stopwatch.ms().max(1), Ordering::Release);
            return;
        }
        let Some(room) = self.wanted.get(channel).map(|room| room.clone()) else {
            return;
        };
        let Some(event) = Event::decode(&Bytes::from(payload)) else {
            debug!(%room, "an event of an unknown form was dropped");
            return;
        };
        if let Some(listener) = self.listener.get().and_then(Weak::upgrade) {
            listener.on_event(&room, event);
        }
    }
}

impl Subscriber {
    pub(super) fn new(address: Arc<Address>, probe_channel: String) -> Self {
        Self {
            address,
            heard: Arc::new(Heard {
                listener: OnceLock::new(),
                wanted: DashMap::new(),
                probe_channel,
                stopwatch: Stopwatch::start(),
                echo: AtomicU64::new(0),
                echoed_at: AtomicU64::new(0),
            }),
            live: watch::Sender::new(None),
            turns: Turns::default(),
        }
    }

    pub(super) fn listen(&self, listener: Weak<dyn Listener>) {
        // The contract calls this once; a second listener would hear nothing.
        let _ = self.heard.listener.set(listener);
    }

    pub(super) fn health(&self) -> Health {
        let at = self.heard.echoed_at.load(Ordering::Acquire);
        if at > 0 && self.heard.stopwatch.ms().saturating_sub(at) <= whole_ms(FRESH) {
            Health::Up
        } else {
            Health::Down
        }
    }

    /// Hears a channel; returns when Redis has confirmed it.
    pub(super) async fn subscribe(
        &self,
        channel: String,
        room: &RoomName,
    ) -> Result<(), BrokerError> {
        let _turn = self.turns.take(&channel).await;
        // It is wanted before the link is looked at: a link that is being made
        // then either is not there yet, or takes the channel along.
        let before = self.heard.wanted.insert(channel.clone(), room.clone());
        let subscribed = match self.ear() {
            Some(ear) => ear.subscribe(&[channel.as_str()]).await,
            None => Err(BrokerError::Unavailable),
        };
        if subscribed.is_err() && before.is_none() {
            self.heard.wanted.remove(&channel);
        }
        subscribed
    }

    /// Stops hearing a channel.
    pub(super) async fn unsubscribe(&self, channel: String) {
        let _turn = self.turns.take(&channel).await;
        self.heard.wanted.remove(&channel);
        if let Some(ear) = self.ear() {
            ear.unsubscribe(&[channel.as_str()]).await;
        }
    }

    /// Lets go of the link; whoever keeps it up must have ended.
    pub(super) fn end(&self) {
        if let Some(ear) = self.live.send_replace(None) {
            ear.severed.now();
        }
    }

    fn ear(&self) -> Option<Arc<Ear>> {
        let ear = self.live.borrow().clone();
        ear.filter(|ear| !ear.severed.is())
    }

    /// Keeps the link up, for ever. `link` carries the probes.
    pub(super) async fn keep(&self, link: &Link) {
        let mut backoff = Backoff::new();
        let mut was_up = false;
        let mut probe = 0;
        loop {
            link.up().await;
            match self.make().await {
                Ok((ear, channels)) => {
                    self.live.send_replace(Some(ear.clone()));
                    self.drop_unwanted(&ear, channels).await;
                    if was_up && let Some(listener) = self.listener() {
                        listener.on_restored();
                    }
                    was_up = true;
                    backoff.reset();
                    let why = self.watch(&ear, link, &mut probe).await;
                    ear.severed.now();
                    self.live.send_replace(None);
                    info!(why, "the event link is made anew");
                }
                Err(why) => debug!(%why, "the event link cannot be made"),
            }
            sleep(backoff.next()).await;
        }
    }

    fn listener(&self) -> Option<Arc<dyn Listener>> {
        self.heard.listener.get().and_then(Weak::upgrade)
    }

    /// Makes the link and subscribes to all that is wanted.
    async fn make(&self) -> Result<(Arc<Ear>, Vec<String>), String> {
        let severed = Severed::new();
        let (heard, told) = (self.heard.clone(), severed.clone());
        let connect = self.address.connect(move |push| heard.take(&told, push));
        let connection = timeout(2 * self.address.patience, connect)
            .await
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        let ear = Ear {
            connection,
            severed,
            patience: self.address.patience,
        };
        let mut channels = vec![self.heard.probe_channel.clone()];
        channels.extend(self.heard.wanted.iter().map(|wanted| wanted.key().clone()));
        for some in channels.chunks(AT_ONCE) {
            ear.subscribe(some)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok((Arc::new(ear), channels))
    }

    /// Leaves the channels that were given up while the link was being made.
    async fn drop_unwanted(&self, ear: &Ear, mut channels: Vec<String>) {
        channels.retain(|channel| {
            *channel != self.heard.probe_channel && !self.heard.wanted.contains_key(channel)
        });
        for some in channels.chunks(AT_ONCE) {
            ear.unsubscribe(some).await;
        }
    }

    /// Watches the link until it is of no more use; says why.
    async fn watch(&self, ear: &Ear, link: &Link, probe: &mut u64) -> &'static str {
        let probing = async {
            let mut probes = interval(PROBE_EVERY);
            probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut missed = 0;
            let mut awaited = None;
            loop {
                probes.tick().await;
                if let Some(number) = awaited.take() {
                    if self.heard.echo.load(Ordering::Acquire) >= number {
                        missed = 0;
                    } else {
                        missed += 1;
                    }
                }
                if missed >= MISSES {
                    return "probes did not come back";
                }
                *probe += 1;
                // While the write link is away no probe is sent, and none missed.
                let Ok(live) = link.live() else { continue };
                let mut publish = redis::cmd("PUBLISH");
                publish.arg(&self.heard.probe_channel).arg(*probe);
                match live.command::<u64>(Ask::Read, &publish).await {
                    Ok(0) => return "the server does not know the subscription",
                    Ok(_) => awaited = Some(*probe),
                    Err(_) => {}
                }
            }
        };
        tokio::select! {
            why = probing => why,
            () = ear.severed.wait() => "the connection broke",
        }
    }
}
