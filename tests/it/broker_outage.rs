//! What only the Redis broker can get wrong with its log and its links:
//! outages, restarts, links that break.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hubbub::{
    broker::{
        BrokerError, BrokerSettings, Departure, Health, Presence, Registry, Relay, RoomLog, Seat,
        redis::RedisBroker,
    },
    protocol::{
        entry::{Fields, Kind},
        name::RoomName,
        position::Position,
        user::User,
    },
};

use crate::support::{
    changes::{change, react, say},
    chat::{Ears, ada, bob, brisk, impatient, message, room, whole_log},
    pair::{instance, wait_until_away, wait_until_up},
    redis::RedisServer,
    until::{until, within},
    wire::Wire,
};

/// Appends until it is taken; the key makes that safe.
pub(crate) async fn append_in_the_end(
    broker: &RedisBroker,
    room: &RoomName,
    key: &str,
) -> Position {
    until("an append is taken", async || {
        let appended = broker.append(room, message(key, "a")).await;
        appended.ok().map(|appended| appended.position)
    })
    .await
}

#[tokio::test]
async fn a_bad_url_is_refused_and_an_address_where_nobody_answers_is_not() {
    assert!(RedisBroker::connect("http://example.test", "test:", brisk()).is_err());
    let mut server = RedisServer::start_durable();
    let url = server.url();
    server.kill();
    let broker = RedisBroker::connect(&url, "test:", brisk()).unwrap();
    // In less time than it is waited for an answer of Redis.
    let refused = within(Duration::from_millis(500), async || {
        let appended = broker.append(&room("den"), message("k", "a")).await;
        let subscribed = broker.subscribe(&room("den")).await;
        (appended.map(|_| ()), subscribed)
    })
    .await;
    let unavailable = Err(BrokerError::Unavailable);
    assert_eq!(refused, (unavailable.clone(), unavailable));
    assert_eq!(broker.health(), Health::Down);
    server.restart();
    wait_until_up(&*broker).await;
    assert_eq!(append_in_the_end(&broker, &room("den"), "k").await.seq, 1);
}

#[tokio::test]
async fn after_a_crash_each_room_opens_an_epoch_that_tells_what_came_before() {
    let mut server = RedisServer::start_durable();
    let broker = instance(&server, brisk()).await;
    let (den, attic) = (room("den"), room("attic"));
    let ears = Ears::of(&*broker);
    broker.subscribe(&den).await.unwrap();
    append_in_the_end(&broker, &den, "k1").await;
    let last = append_in_the_end(&broker, &den, "k2").await;
    let quiet = append_in_the_end(&broker, &attic, "k1").await;

    server.kill();
    wait_until_away(&*broker).await;
    let refused = broker.append(&den, message("k3", "a")).await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    server.restart();

    let next = append_in_the_end(&broker, &den, "k4").await;
    assert!(next.epoch > last.epoch);
    assert_eq!(next.seq, 1);
    until("the event link is back", async || {
        (ears.restored() >= 1).then_some(())
    })
    .await;
    let log = whole_log(&*broker, &den).await;
    assert_eq!(log.len(), 5, "what was refused was not stored");
    assert_eq!(log[3].kind, Kind::Epoch { prev: last });
    assert_eq!(log[3].position, Position::new(next.epoch, 0));

    // A room in which nothing is said learns it when somebody looks.
    let heads = broker.heads(&[den, attic.clone()]).await.unwrap();
    assert_eq!(heads[0], next);
    assert!(heads[1].epoch > quiet.epoch && heads[1].is_marker());
    let entries = broker.read_after(&attic, quiet, 10).await.unwrap().entries;
    assert_eq!(entries[0].kind, Kind::Epoch { prev: quiet });
    assert_eq!(broker.heads(&[attic]).await.unwrap()[0], heads[1], "once");
}

#[tokio::test]
async fn a_log_that_lost_its_end_opens_an_epoch_at_what_is_left() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let (den, attic) = (room("den"), room("attic"));
    for name in [&den, &attic] {
        for key in ["k1", "k2", "k3"] {
            append_in_the_end(&broker, name, key).await;
        }
    }
    let head = broker.status(&den).await.unwrap().head;
    let mut redis = server.connection().await;
    // The end of one log is gone, and the whole of the other.
    let () = redis::cmd("XDEL")
        .arg("test:1:{den}:log")
        .arg(head.to_string())
        .query_async(&mut redis)
        .await
        .unwrap();
    let () = redis::cmd("DEL")
        .arg("test:1:{attic}:log")
        .query_async(&mut redis)
        .await
        .unwrap();
    let kept = Position::new(head.epoch, 2);
    let status = broker.status(&den).await.unwrap();
    assert!(status.head.epoch > head.epoch && status.head.is_marker());
    let page = broker.read_after(&den, kept, 10).await.unwrap();
    assert_eq!(page.entries[0].kind, Kind::Epoch { prev: kept });

    let next = append_in_the_end(&broker, &attic, "k4").await;
    let log = whole_log(&*broker, &attic).await;
    let marker = Kind::Epoch {
        prev: Position::ZERO,
    };
    assert_eq!((log.len(), &log[0].kind), (2, &marker));
    assert_eq!((log[1].position, next.seq), (next, 1));
}

#[tokio::test]
async fn a_send_into_a_frozen_redis_times_out_and_its_retry_is_one_entry() {
    let server = RedisServer::start();
    let broker = instance(&server, impatient()).await;
    let den = room("den");
    append_in_the_end(&broker, &den, "k1").await;
    server.freeze();
    let started = Instant::now();
    let unknown = broker.append(&den, message("k2", "a")).await;
    assert_eq!(unknown, Err(BrokerError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(10));
    wait_until_away(&*broker).await;
    server.thaw();
    append_in_the_end(&broker, &den, "k2").await;
    let log = whole_log(&*broker, &den).await;
    let fields = message("k2", "a").fields;
    assert_eq!(log.iter().filter(|entry| entry.fields == fields).count(), 1);
}

#[tokio::test]
async fn a_redis_that_stops_is_waited_for_as_long_as_one_is_patient() {
    let server = RedisServer::start();
    let patient = instance(&server, brisk()).await;
    let impatient = instance(&server, impatient()).await;
    let den = room("den");
    server.freeze();
    let waiting = patient.append(&den, message("k1", "a"));
    let stopping = async {
        let unknown = impatient.append(&den, message("k2", "b")).await;
        server.thaw();
        unknown
    };
    let (taken, unknown) = tokio::join!(waiting, stopping);
    assert_eq!(unknown, Err(BrokerError::Timeout));
    let log = whole_log(&*patient, &den).await;
    let positions: Vec<_> = log.iter().map(|entry| entry.position).collect();
    assert!(positions.contains(&taken.unwrap().position));
}

#[tokio::test]
async fn a_broken_event_link_is_made_anew_and_hears_again() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let rooms: Vec<RoomName> = (0..1200).map(|n| room(&format!("r{n}"))).collect();
    let ears = Ears::of(&*broker);
    for name in &rooms {
        broker.subscribe(name).await.unwrap();
    }
    let mut redis = server.connection().await;
    for round in 1..=3 {
        let killed: u64 = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "pubsub"])
            .query_async(&mut redis)
            .await
            .unwrap();
        assert_eq!(killed, 1);
        until("the event link is back", async || {
            (ears.restored() >= round).then_some(())
        })
        .await;
        let name = &rooms[1199];
        let sent = append_in_the_end(&broker, name, &format!("k{round}")).await;
        until("the entry is heard", async || {
            let heard = ears.entries(name);
            heard.last().filter(|last| last.position == sent).cloned()
        })
        .await;
    }
}

#[tokio::test]
async fn a_broken_command_link_is_made_anew_and_the_event_link_stays() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let ears = Ears::of(&*broker);
    broker.subscribe(&room("den")).await.unwrap();
    let mut redis = server.connection().await;
    let () = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query_async(&mut redis)
        .await
        .unwrap();
    wait_until_up(&*broker).await;
    append_in_the_end(&broker, &room("den"), "k").await;
    ears.wait_for_entries(&room("den"), 2).await;
    assert_eq!(ears.restored(), 0, "the event link was never gone");
}

/// How far some senders are.
#[derive(Default)]
struct Progress {
    sent: AtomicUsize,
    stop: AtomicBool,
}

impl Progress {
    /// Waits until so many more messages are taken.
    async fn goes_on(&self, more: usize) {
        let enough = self.sent.load(Ordering::SeqCst) + more;
        until("senders go on", async || {
            (self.sent.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
    }
}

/// Sends one message after the other, each until it is taken; a retry goes
/// through the other instance. Returns what was sent and where it went.
async fn send_until(
    brokers: [Arc<RedisBroker>; 2],
    room: RoomName,
    sender: u32,
    progress: Arc<Progress>,
) -> Vec<(Position, Fields)> {
    let mut sent = Vec::new();
    while !progress.stop.load(Ordering::SeqCst) {
        let draft = message(&format!("s{sender}-{}", sent.len()), "a");
        for broker in brokers.iter().cycle() {
            if let Ok(appended) = broker.append(&room, draft.clone()).await {
                sent.push((appended.position, draft.fields));
                progress.sent.fetch_add(1, Ordering::SeqCst);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_through_crashes_and_freezes_is_there_once() {
    let mut server = RedisServer::start_durable();
    let mut settings = impatient();
    settings.history = 1_000_000;
    let one = instance(&server, settings.clone()).await;
    let other = instance(&server, settings).await;
    let den = room("den");
    let progress = Arc::new(Progress::default());
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..6 {
        let brokers = [one.clone(), other.clone()];
        senders.spawn(send_until(brokers, den.clone(), sender, progress.clone()));
    }
    for round in 0..3 {
        progress.goes_on(60).await;
        if round == 1 {
            server.freeze();
        } else {
            server.kill();
        }
        wait_until_away(&*one).await;
        wait_until_away(&*other).await;
        if round == 1 {
            server.thaw();
        } else {
            server.restart();
        }
    }
    progress.goes_on(60).await;
    progress.stop.store(true, Ordering::SeqCst);
    let mut sent: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
    sent.sort_by_key(|(position, _)| *position);

    let log = whole_log(&*one, &den).await;
    let stored: Vec<_> = log
        .iter()
        .filter(|entry| entry.kind == Kind::Message)
        .map(|entry| (entry.position, entry.fields.clone()))
        .collect();
    assert_eq!(stored.len(), sent.len(), "each once");
    assert!(stored == sent, "each where the sender was told");
    assert!(sent.len() > 100, "{} were sent", sent.len());
    for (before, after) in log.iter().zip(&log[1..]) {
        let follows = after.position == before.position.next();
        let opens = matches!(after.kind, Kind::Epoch { prev } if prev == before.position);
        assert!(
            follows || opens,
            "{} after {}",
            after.position,
            before.position
        );
    }
    assert!(
        log.iter()
            .filter(|entry| entry.position.is_marker())
            .count()
            >= 3
    );
}

#[tokio::test]
async fn links_that_fell_silent_are_found_out_and_made_anew() {
    let server = RedisServer::start();
    let wire = Wire::to(server.port()).await;
    let broker = RedisBroker::connect(&wire.url(), "test:", impatient()).unwrap();
    wait_until_up(&*broker).await;
    let den = room("den");
    let ears = Ears::of(&*broker);
    broker.subscribe(&den).await.unwrap();
    let through_another = instance(&server, brisk()).await;
    wire.silence();
    append_in_the_end(&through_another, &den, "k1").await;
    until("that is noticed", async || {
        (broker.health() == Health::Down).then_some(())
    })
    .await;
    until("the event link is back", async || {
        (ears.restored() >= 1).then_some(())
    })
    .await;
    wait_until_up(&*broker).await;
    assert_eq!(
        ears.entries(&den),
        [],
        "what was said meanwhile is looked up"
    );
    let sent = append_in_the_end(&broker, &den, "k2").await;
    let heard = ears.wait_for_entries(&den, 1).await;
    assert_eq!(heard[0].position, sent);
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_loaded_again() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    for key in ["k1", "k2"] {
        let mut redis = server.connection().await;
        let () = redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query_async(&mut redis)
            .await
            .unwrap();
        let heads = broker.heads(&[den.clone(), room("attic")]).await.unwrap();
        let () = redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query_async(&mut redis)
            .await
            .unwrap();
        let sent = broker.append(&den, message(key, "a")).await.unwrap();
        assert!(heads[0] < sent.position);
    }
}

#[tokio::test]
async fn a_redis_that_is_full_or_a_replica_takes_nothing_and_says_so() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    let last = append_in_the_end(&broker, &den, "k1").await;
    let mut redis = server.connection().await;
    let set = |bytes: &'static str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        set
    };
    let () = set("1").query_async(&mut redis).await.unwrap();
    for n in 0..3 {
        let refused = broker.append(&den, message(&format!("full{n}"), "a")).await;
        assert_eq!(refused, Err(BrokerError::Unavailable));
    }
    let () = set("0").query_async(&mut redis).await.unwrap();
    assert_eq!(append_in_the_end(&broker, &den, "k2").await, last.next());

    let replica = |of: &'static [&'static str]| {
        let mut replica = redis::cmd("REPLICAOF");
        replica.arg(of);
        replica
    };
    let nowhere = replica(&["127.0.0.1", "1"]);
    let () = nowhere.query_async(&mut redis).await.unwrap();
    let refused = broker.append(&den, message("k3", "a")).await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    let nobody = replica(&["NO", "ONE"]);
    let () = nobody.query_async(&mut redis).await.unwrap();
    let next = append_in_the_end(&broker, &den, "k4").await;
    assert!(next.epoch > last.epoch, "a promotion is another history");
    let log = whole_log(&*broker, &den).await;
    assert_eq!(log[log.len() - 2].kind, Kind::Epoch { prev: last.next() });
}

#[tokio::test]
async fn every_key_ends_by_itself() {
    let server = RedisServer::start();
    // All of them are there when they are looked at.
    let lasting = BrokerSettings {
        grace: Duration::from_secs(600),
        lease: Duration::from_secs(600),
        poll_deadline: Duration::from_secs(600),
        ..brisk()
    };
    let broker: Arc<RedisBroker> = instance(&server, lasting).await;
    let den = room("den");
    let said = say(&*broker, &den, &ada(), "k", "a").await;
    let liked = change(&bob(), "r", said, react("👍", true));
    broker.change(&den, liked).await.unwrap();
    broker.open(&room("attic"), "Up").await.unwrap();
    broker.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    broker
        .enter(&den, &bob(), &Seat::Poll("c".into()))
        .await
        .unwrap();
    broker
        .enter(&den, &User::new("u3", "K"), &Seat::Instance)
        .await
        .unwrap();
    broker
        .leave(
            &den,
            &User::new("u3", "K"),
            &Seat::Instance,
            Departure::Grace,
        )
        .await;
    broker
        .claim_name("ada", "u1", Duration::from_secs(600))
        .await
        .unwrap();
    let mut redis = server.connection().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(keys.len() > 14, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("test:1:"), "{key}");
        let ttl: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        assert!(ttl > 0, "{key} never ends");
    }
}
