//! The hub on its own, where a test has to step in between two steps.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hubbub::{
    broker::{
        BrokerSettings, Draft, Marks, Presence, Relay, RoomLog, Seat, embedded::EmbeddedBroker,
    },
    chat::{
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        limits::ChatSettings,
    },
    protocol::{
        LARGE_ROOM,
        code::CloseReason,
        entry::{Fields, Kind},
        name::RoomName,
        position::Position,
        server_frame::Text,
        user::User,
    },
    shutdown::Shutdown,
    transport::long_poll,
};

use serde_json::{Value, json};

use crate::support::{
    chat::{ada, bob, message, room},
    slow::SlowBroker,
    until::until,
};

pub(crate) fn settings() -> ChatSettings {
    ChatSettings {
        build: "test".into(),
        instance: "test".into(),
        heartbeat_ms: 20_000,
        frame_bytes: 32_768,
        text_chars: 4_000,
        text_bytes: 8_192,
        rooms_per_connection: 100,
        connections_per_user: 20,
        connections: 1_000,
        sends: 1_000,
        per: Duration::from_secs(10),
        room_sends: 1_000,
        outbox_bytes: 262_144,
        joins_create: true,
        linger: Duration::from_secs(60),
    }
}

/// A hub whose broker can be held up.
pub(crate) struct Stage {
    pub(crate) inner: Arc<EmbeddedBroker>,
    pub(crate) broker: Arc<SlowBroker>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) shutdown: Shutdown,
}

impl Stage {
    /// Its gate is closed until somebody adds permits.
    pub(crate) fn new(inner: Arc<EmbeddedBroker>) -> Self {
        let broker = SlowBroker::new(Arc::clone(&inner) as _);
        let shutdown = Shutdown::new();
        let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
        Self {
            inner,
            broker,
            hub,
            shutdown,
        }
    }
}

pub(crate) fn pass() -> Pass {
    Pass {
        user: ada(),
        session: "s1".into(),
        token: None,
        lease: None,
    }
}

pub(crate) fn connect(hub: &Arc<Hub>) -> Arc<Connection> {
    Connection::open(hub, pass(), ConnectionKind::Poll).unwrap()
}

pub(crate) fn live(hub: &Arc<Hub>) -> Arc<Connection> {
    Connection::open(hub, pass(), ConnectionKind::Live).unwrap()
}

/// The frames that wait for a connection.
pub(crate) fn heard(connection: &Connection) -> Vec<Value> {
    let frames = connection.outbox.take().frames;
    let frames = frames.iter().map(Text::as_str);
    frames
        .map(|frame| serde_json::from_str(frame).unwrap())
        .collect()
}

/// Two who come at once to a room that is new here share one subscription. The
/// second must not be let in before the room knows its head: what was said
/// before would lie behind everybody and never be delivered.
#[tokio::test]
async fn who_comes_while_a_room_is_being_opened_misses_nothing() {
    let inner = EmbeddedBroker::new(BrokerSettings::default());
    let place = room("opening");
    let seen = inner.append(&place, message("k1", "seen")).await.unwrap();
    inner.append(&place, message("k2", "missed")).await.unwrap();
    let Stage {
        broker,
        hub,
        shutdown,
        ..
    } = Stage::new(inner);
    let both: Vec<_> = (0..2).map(|_| connect(&hub)).collect();
    let resumed: Vec<_> = both
        .iter()
        .map(|connection| {
            let (connection, place) = (Arc::clone(connection), place.clone());
            tokio::spawn(async move {
                connection
                    .resume(&place, seen.position, Position::ZERO)
                    .await
                    .unwrap();
                while connection.refill().await {}
            })
        })
        .collect();
    broker.asked.acquire().await.unwrap().forget();
    // Everybody gets as far as they can before the head is known.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    broker.gate.add_permits(10);
    for resumed in resumed {
        resumed.await.unwrap();
    }
    for connection in both {
        let frames = connection.outbox.take().frames;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert!(frames[0].as_str().contains("missed"));
    }
    shutdown.finish(Duration::from_secs(5)).await;
}

/// Who polls hears of changes from the moment they follow a room, and is told
/// who is there a little later. Were the first to come first in the answer, it
/// would look as if a version was missing.
#[tokio::test]
async fn a_poll_is_told_who_is_there_before_who_came_meanwhile() {
    let inner = EmbeddedBroker::new(BrokerSettings::default());
    let den = room("den");
    inner.append(&den, message("k", "a")).await.unwrap();
    let Stage {
        broker,
        hub,
        shutdown,
        ..
    } = Stage::new(inner);
    broker.gate.add_permits(10);
    let poll = async |body: Value| {
        let request = serde_json::from_value(body).unwrap();
        let longest = Duration::from_secs(10);
        let answer = long_poll::poll(&hub, pass(), request, longest, &shutdown).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    };
    let first = poll(json!({"rooms": {}, "hold_ms": 0})).await;
    let connection = &first["frames"][0]["connection"];
    *broker.comes.lock().unwrap() = Some(bob());
    let rooms = json!({"den": {"after": "0-0", "presence_version": 1}});
    let answer = poll(json!({"connection": connection, "rooms": rooms})).await;
    let told: Vec<_> = answer["frames"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|frame| frame["type"] == "members" || frame["type"] == "presence")
        .collect();
    assert_eq!(told[0]["type"], "members", "{answer}");
    assert_eq!(told[0]["count"], 2);
    // Of what came meanwhile nothing is new to who has the list.
    let version = told[0]["version"].as_u64();
    assert!(
        told[1..]
            .iter()
            .all(|frame| frame["version"].as_u64() <= version)
    );
}

/// In a room where somebody comes or goes all the time, a list for every poll
/// would be far more than the changes.
#[tokio::test]
async fn a_poll_waits_for_changes_that_are_about_to_be_told() {
    let broker = EmbeddedBroker::new(BrokerSettings::default());
    let den = room("den");
    broker.append(&den, message("k", "a")).await.unwrap();
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
    let enter = async |name: String| {
        let user = User::new(name.clone(), name);
        broker.enter(&den, &user, &Seat::Instance).await.unwrap();
    };
    for count in 0..=LARGE_ROOM {
        enter(format!("u-{count}")).await;
    }
    // Somebody is here, so that this instance hears who comes.
    let other = connect(&hub);
    let head = broker.status(&den).await.unwrap().head;
    other.resume(&den, head, head).await.unwrap();
    let poll = async |body: Value| {
        let request = serde_json::from_value(body).unwrap();
        let longest = Duration::from_secs(10);
        let answer = long_poll::poll(&hub, pass(), request, longest, &shutdown).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    };
    let first = poll(json!({"rooms": {}, "hold_ms": 0})).await;
    let connection = &first["frames"][0]["connection"];
    // From here on nothing waits until the poll is there.
    let known = broker.count(&den).await.unwrap().version;
    enter("late".to_owned()).await;
    let rooms = json!({"den": {"after": head.to_string(), "presence_version": known}});
    let answer = poll(json!({"connection": connection, "rooms": rooms})).await;
    let frames = answer["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 1, "{answer}");
    assert_eq!(frames[0]["type"], "presence");
    assert_eq!(frames[0]["prev"], known);
    // The late one, and the one who polls.
    assert_eq!(frames[0]["version"], known + 2);
    assert_eq!(frames[0]["count"], LARGE_ROOM + 3);
}

#[tokio::test]
async fn a_room_that_was_closed_is_no_room_one_is_in() {
    let broker = EmbeddedBroker::new(BrokerSettings::default());
    let shutdown = Shutdown::new();
    let mut settings = settings();
    settings.rooms_per_connection = 1;
    let hub = Hub::start(Arc::clone(&broker) as _, settings, &shutdown);
    let connection = live(&hub);
    let (den, attic) = (room("den"), room("attic"));
    connection.join(&den, None).await.unwrap();
    assert!(connection.join(&attic, None).await.is_err(), "one is all");
    broker.append(&den, message("k", "a")).await.unwrap();
    assert!(broker.close(&den).await.unwrap());
    until("it is out", async || {
        (!connection.is_in(&den)).then_some(())
    })
    .await;
    heard(&connection);
    let send = json!({"type": "send", "room": "den", "key": "late", "text": "late"});
    let (id, frame) = connection.read(&send.to_string()).unwrap();
    connection.run(id, frame).await;
    assert_eq!(heard(&connection)[0]["code"], "not_member");
    connection.join(&attic, None).await.unwrap();
    assert!(connection.is_in(&attic));
}

#[tokio::test]
async fn a_join_that_fails_half_way_leaves_no_seat() {
    let inner = EmbeddedBroker::new(BrokerSettings {
        grace: Duration::from_millis(100),
        ..BrokerSettings::default()
    });
    let Stage {
        inner, broker, hub, ..
    } = Stage::new(inner);
    broker.gate.add_permits(100);
    let connection = live(&hub);
    let den = room("den");
    broker.reads_fail.store(true, Ordering::SeqCst);
    assert!(connection.join(&den, None).await.is_err());
    until("nobody is there", async || {
        let count = inner.count(&den).await.unwrap().count;
        (count == 0).then_some(())
    })
    .await;
}

/// A client may have heard a message from another instance, before this one has.
#[tokio::test]
async fn what_one_has_read_is_kept_though_this_instance_has_not_heard_of_it_yet() {
    let broker = EmbeddedBroker::new(BrokerSettings::default());
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
    let connection = live(&hub);
    let den = room("den");
    connection.join(&den, None).await.unwrap();
    broker.unsubscribe(&den).await;
    let read = broker.append(&den, message("k", "unheard")).await.unwrap();
    let mark = json!({"type": "read", "room": "den", "position": read.position});
    let (id, frame) = connection.read(&mark.to_string()).unwrap();
    connection.run(id, frame).await;
    let kept = broker.read_mark(&den, &ada().id).await.unwrap();
    assert_eq!(kept, read.position);
}

#[tokio::test]
async fn a_connection_that_is_opened_while_its_session_ends_is_closed() {
    let broker = EmbeddedBroker::new(BrokerSettings::default());
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
    until("sign-outs are heard", async || {
        hub.hears_control().then_some(())
    })
    .await;
    // Both were found to be signed in; one of them is not open yet.
    let (open, on_its_way) = (live(&hub), pass());
    let over = Draft {
        kind: Kind::SignedOut,
        fields: Fields::of(&json!({"session": "s1"})),
        key: None,
        may_create: true,
    };
    broker.append(&RoomName::control(), over).await.unwrap();
    until("the open one ends", async || {
        (open.outbox.take().close == Some(CloseReason::SessionOver)).then_some(())
    })
    .await;
    let late = Connection::open(&hub, on_its_way, ConnectionKind::Live).unwrap();
    assert_eq!(late.outbox.take().close, Some(CloseReason::SessionOver));
    let mut other = pass();
    other.session = "s2".into();
    let other = Connection::open(&hub, other, ConnectionKind::Live).unwrap();
    assert_eq!(other.outbox.take().close, None);
}
