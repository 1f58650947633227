//! The hub on its own, where a test has to step in between two steps.

use std::{sync::Arc, time::Duration};

use hubbub::{
    broker::{BrokerSettings, RoomLog, embedded::EmbeddedBroker},
    chat::{
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        limits::ChatSettings,
    },
    shutdown::Shutdown,
};

use crate::support::{
    chat::{ada, message, room},
    slow::SlowBroker,
};

fn settings() -> ChatSettings {
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

fn connect(hub: &Arc<Hub>) -> Arc<Connection> {
    let pass = Pass {
        user: ada(),
        session: "s1".into(),
        token: None,
        lease: None,
    };
    Connection::open(hub, pass, ConnectionKind::Poll).unwrap()
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
    let broker = SlowBroker::new(inner);
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, settings(), &shutdown);
    let both: Vec<_> = (0..2).map(|_| connect(&hub)).collect();
    let resumed: Vec<_> = both
        .iter()
        .map(|connection| {
            let (connection, place) = (Arc::clone(connection), place.clone());
            tokio::spawn(async move {
                connection.resume(&place, seen.position).await.unwrap();
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
