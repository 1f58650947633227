//! Messages that were changed, in a Redis that goes away, loses its tail or is
//! full; and that rooms in which nothing was changed pay nothing for it.

use std::{collections::BTreeMap, time::Duration};

use hubbub::{
    broker::{BrokerError, BrokerSettings, RoomLog, What, redis::RedisBroker},
    protocol::{entry::Kind, name::RoomName, position::Position},
};
use serde_json::{Value, json};

use crate::{
    broker_outage::append_in_the_end,
    support::{
        changes::{change, edit, react, say},
        chat::{ada, bob, brisk, message, room, whole_log},
        pair::{instance, wait_until_away},
        redis::RedisServer,
        until::until,
    },
};

/// A message as it is read now.
async fn shown(broker: &RedisBroker, den: &RoomName, at: Position) -> Value {
    let log = whole_log(broker, den).await;
    let found = log.iter().find(|entry| entry.position == at);
    found.expect("it is there").fields.value()
}

#[tokio::test]
async fn a_message_of_an_earlier_epoch_stays_as_it_was_changed_and_can_be_changed() {
    let mut server = RedisServer::start_durable();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    let said = say(&*broker, &den, &ada(), "k1", "a").await;
    let taken = say(&*broker, &den, &ada(), "k2", "oh").await;
    let edited = change(&ada(), "e1", said, edit("b"));
    broker.change(&den, edited).await.unwrap();
    let gone = change(&ada(), "d1", taken, What::Delete);
    broker.change(&den, gone).await.unwrap();
    server.kill();
    wait_until_away(&*broker).await;
    let refused = broker
        .change(&den, change(&bob(), "r", said, react("👍", true)))
        .await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    server.restart();
    let liked = until("a reaction is taken", async || {
        let liked = change(&bob(), "r", said, react("👍", true));
        broker.change(&den, liked).await.ok()
    })
    .await;
    assert!(liked.position.epoch > said.epoch && !liked.duplicate);
    let now = shown(&broker, &den, said).await;
    assert_eq!(
        (&now["text"], &now["reactions"][0]["users"]),
        (&json!("b"), &json!([bob()]))
    );
    assert_eq!(shown(&broker, &den, taken).await["deleted"], true);

    // Even if nothing but the log and what became of it is left.
    let mut redis = server.connection().await;
    let mut lose = redis::cmd("DEL");
    let () = lose
        .arg("test:1:{den}:meta")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(shown(&broker, &den, taken).await["text"], "");
}

#[tokio::test]
async fn what_a_rollback_took_is_gone_from_the_messages_as_well() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    let said = say(&*broker, &den, &ada(), "k1", "a").await;
    let edited = change(&ada(), "e1", said, edit("b"));
    broker.change(&den, edited).await.unwrap();
    let mut redis = server.connection().await;
    let keys = ["meta", "log", "folds"].map(|what| format!("test:1:{{den}}:{what}"));
    let mut kept = Vec::new();
    for key in &keys {
        let mut dump = redis::cmd("DUMP");
        let dumped: Vec<u8> = dump.arg(key).query_async(&mut redis).await.unwrap();
        kept.push(dumped);
    }
    let lost = say(&*broker, &den, &ada(), "k2", "lost").await;
    let undone = change(&ada(), "d1", said, What::Delete);
    let undone = broker.change(&den, undone).await.unwrap();

    // What a copy has that did not get the last writes: another history, which
    // ends earlier.
    for (key, dumped) in keys.iter().zip(kept) {
        let mut restore = redis::cmd("RESTORE");
        restore.arg(key).arg(0).arg(dumped).arg("REPLACE");
        let () = restore.query_async(&mut redis).await.unwrap();
    }
    for key in ["u1:k2", "u1:d1"] {
        let mut forget = redis::cmd("DEL");
        forget.arg(format!("test:1:{{den}}:key:{key}"));
        let forgotten: u64 = forget.query_async(&mut redis).await.unwrap();
        assert_eq!(forgotten, 1, "{key}");
    }
    let mut other = redis::cmd("HSET");
    other.arg(&keys[0]).arg("server").arg("another");
    let _: u64 = other.query_async(&mut redis).await.unwrap();

    let refused = broker
        .change(&den, change(&bob(), "r", lost, react("👍", true)))
        .await;
    assert_eq!(refused, Err(BrokerError::NoSuchMessage));
    assert_eq!(shown(&broker, &den, said).await["text"], "b");
    let again = change(&ada(), "d1", said, What::Delete);
    let again = broker.change(&den, again).await.unwrap();
    assert!(again.position > undone.position && !again.duplicate);
    assert_eq!(shown(&broker, &den, said).await["text"], "");
    let log = whole_log(&*broker, &den).await;
    let marker = log.iter().rev().find(|entry| entry.position.is_marker());
    let prev = Position::new(said.epoch, 2);
    assert_eq!(marker.unwrap().kind, Kind::Epoch { prev });
}

#[tokio::test]
async fn a_full_redis_changes_nothing() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    let said = say(&*broker, &den, &ada(), "k1", "a").await;
    let mut redis = server.connection().await;
    let mut limit = async |bytes: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        let () = set.query_async(&mut redis).await.unwrap();
    };
    limit("1").await;
    let wanted = change(&ada(), "e1", said, edit("b"));
    let refused = broker.change(&den, wanted.clone()).await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    limit("0").await;
    assert_eq!(shown(&broker, &den, said).await["text"], "a");
    let done = broker.change(&den, wanted).await.unwrap();
    assert_eq!((done.position, done.duplicate), (said.next(), false));
}

/// How often Redis ran each command since it was asked last.
async fn commands(redis: &mut redis::aio::MultiplexedConnection) -> BTreeMap<String, u64> {
    let mut info = redis::cmd("INFO");
    let said: String = info.arg("commandstats").query_async(redis).await.unwrap();
    let mut reset = redis::cmd("CONFIG");
    let () = reset.arg("RESETSTAT").query_async(redis).await.unwrap();
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_"));
    let count = |line: &str| {
        let (name, numbers) = line.split_once(":calls=")?;
        let calls = numbers.split_once(',')?.0.parse().ok()?;
        Some((name.to_owned(), calls))
    };
    lines.filter_map(count).collect()
}

#[tokio::test]
async fn who_changes_nothing_pays_nothing() {
    let server = RedisServer::start();
    // What an instance does by itself, it does once a second then.
    let seldom = BrokerSettings {
        lease: Duration::from_secs(60),
        grace: Duration::from_secs(60),
        ..brisk()
    };
    let broker = instance(&server, seldom).await;
    let (den, attic) = (room("den"), room("attic"));
    for name in [&den, &attic] {
        append_in_the_end(&broker, name, "k").await;
    }
    let mut redis = server.connection().await;
    let calm = 50;
    let mut cost = async |name: &RoomName, round: &str| {
        commands(&mut redis).await;
        for n in 0..calm {
            let key = format!("{round}{n}");
            broker.append(name, message(&key, "a")).await.unwrap();
            broker.read_after(name, Position::ZERO, 10).await.unwrap();
            broker.read_before(name, None, 10).await.unwrap();
        }
        commands(&mut redis).await
    };
    let plain = cost(&den, "a").await;
    let of = |counted: &BTreeMap<String, u64>, name: &str| counted.get(name).copied().unwrap_or(0);
    // An append: what meta says (twice), the key, the entry, the news, meta and
    // the ends of two keys. A read: what meta says, the last entry, the page.
    let expected = [
        ("xadd", 1),
        ("publish", 1),
        ("set", 1),
        ("pexpire", 2),
        ("hmget", 4),
    ];
    for (name, each) in expected {
        let counted = of(&plain, name);
        // Now and then an instance does something of its own, but less often
        // than anything that each call would cost.
        assert!(
            (each * calm..(each + 1) * calm).contains(&counted),
            "{name}: {counted}"
        );
    }
    assert_eq!(of(&plain, "xrevrange"), 3 * calm);
    assert_eq!(of(&plain, "xrange"), calm);
    for name in ["hget", "exists", "hrandfield", "hdel"] {
        assert!(of(&plain, name) < calm, "{name}: {}", of(&plain, name));
    }

    let said = say(&*broker, &attic, &ada(), "said", "a").await;
    let liked = change(&bob(), "r", said, react("👍", true));
    broker.change(&attic, liked).await.unwrap();
    let changed = cost(&attic, "b").await;
    let expected = [("xadd", 1), ("pexpire", 3), ("hmget", 6), ("xrange", 1)];
    for (name, each) in expected {
        let counted = of(&changed, name);
        assert!(
            (each * calm..(each + 1) * calm).contains(&counted),
            "{name}: {counted}"
        );
    }
}
