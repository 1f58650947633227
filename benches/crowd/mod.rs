//! One room of an instance and people in it whose sockets take everything and
//! do nothing with it: all that is left is our own work.
//!
//! It uses what any transport uses, and asks only for what came out at the end,
//! so that it need not know how a room gives an entry to its members.

use std::{
    io::{IoSlice, Result},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hubbub::{
    broker::{BrokerSettings, Draft, RoomLog as _, embedded::EmbeddedBroker},
    chat::{
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        limits::ChatSettings,
        outbox::Pipe,
    },
    protocol::{
        entry::{Fields, Kind, MessageFields},
        name::RoomName,
        user::User,
    },
    shutdown::Shutdown,
};
use tokio::{runtime::Runtime, task::yield_now};

/// After so many turns of all other tasks, what has not come never will.
const PATIENCE: u32 = 100_000;

/// How a message begins, behind the head that a frame of its length has.
const MESSAGE: &[u8] = br#"{"type":"message""#;
const HEAD: usize = 4;

/// Takes everything, and counts the messages. News of who is here come when
/// they like.
#[derive(Default)]
struct NullPipe(Arc<AtomicU64>);

impl Pipe for NullPipe {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> Result<usize> {
        let is_message = |frame: &&IoSlice<'_>| {
            frame
                .get(HEAD..)
                .is_some_and(|text| text.starts_with(MESSAGE))
        };
        let messages = frames.iter().filter(is_message).count() as u64;
        self.0.fetch_add(messages, Ordering::Relaxed);
        Ok(frames.iter().map(|frame| frame.len()).sum())
    }
}

/// A room and the people in it.
pub(crate) struct Crowd {
    runtime: Runtime,
    broker: Arc<EmbeddedBroker>,
    room: RoomName,
    members: Vec<Arc<Connection>>,
    /// Messages that have gone out, to all members together.
    out: Arc<AtomicU64>,
    fields: Fields,
    // What the members live in.
    _hub: Arc<Hub>,
    _shutdown: Shutdown,
}

impl Crowd {
    /// A room with so many members, all of whom have joined.
    pub(crate) fn of(members: u64) -> Self {
        // One thread: nothing is done elsewhere, so all of it is measured.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let out = Arc::new(AtomicU64::new(0));
        let (broker, shutdown) = (
            EmbeddedBroker::new(BrokerSettings::default()),
            Shutdown::new(),
        );
        let room: RoomName = "crowd".parse().expect("a valid name");
        let (hub, members) = runtime.block_on(async {
            let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
            let mut all = Vec::new();
            for _ in 0..members {
                all.push(join(&hub, &room, &out).await);
            }
            (hub, all)
        });
        Self {
            runtime,
            broker,
            room,
            members,
            out,
            fields: message_fields(),
            _hub: hub,
            _shutdown: shutdown,
        }
    }

    /// Says something, and returns once every member has it.
    pub(crate) fn say(&mut self) {
        let due = self.out.load(Ordering::Relaxed) + self.members.len() as u64;
        let draft = Draft {
            kind: Kind::Message,
            fields: self.fields.clone(),
            key: None,
            may_create: true,
        };
        self.runtime.block_on(async {
            let appended = self.broker.append(&self.room, draft).await;
            appended.expect("nothing is in the way");
            for _ in 0..PATIENCE {
                if self.out.load(Ordering::Relaxed) >= due {
                    return;
                }
                yield_now().await;
            }
            panic!("not everybody got it");
        });
        let out = self.out.load(Ordering::Relaxed);
        assert_eq!(out, due, "a member got it twice");
    }
}

async fn join(hub: &Arc<Hub>, room: &RoomName, out: &Arc<AtomicU64>) -> Arc<Connection> {
    let pass = Pass {
        // One user with many tabs: nobody comes or goes in the room's list.
        user: User::new("u1", "Ada"),
        session: "s1".into(),
        token: None,
        lease: None,
    };
    let connection = Connection::open(hub, pass, ConnectionKind::Live).expect("within the limits");
    connection
        .outbox
        .attach(Arc::new(NullPipe(Arc::clone(out))));
    connection.join(room, None).await.expect("an open room");
    connection
}

/// What a message of usual length says.
pub(crate) fn message_fields() -> Fields {
    Fields::of(&MessageFields {
        key: &"3f2504e04f8911d39a0c0305e82c3301".parse().expect("a key"),
        from: &User::new("ueb4f7178e185b6c63a4a1849", "Ada"),
        text: "Good morning! Has anybody seen the minutes of yesterday's meeting?",
        reply_to: None,
        mentions: &[],
    })
}

fn settings() -> ChatSettings {
    ChatSettings {
        build: "bench".into(),
        instance: "bench".into(),
        heartbeat_ms: 20_000,
        frame_bytes: 32_768,
        text_chars: 4_000,
        text_bytes: 8_192,
        rooms_per_connection: 100,
        connections_per_user: 100_000,
        connections: 100_000,
        sends: 1_000_000,
        per: Duration::from_secs(1),
        room_sends: 1_000_000,
        outbox_bytes: 262_144,
        joins_create: true,
        linger: Duration::from_secs(60),
    }
}
