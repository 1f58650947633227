//! A replica joins the server on which rooms are kept.

use std::sync::atomic::{AtomicBool, Ordering};

use hubbub::{broker::Relay, protocol::entry::Kind};

use crate::{
    broker_outage::append_in_the_end,
    support::{
        chat::{Ears, brisk, room, whole_log},
        pair::instance,
        redis::RedisServer,
        until::until,
    },
};

#[tokio::test]
async fn a_replica_that_joins_a_busy_server_costs_no_message_and_at_most_one_marker() {
    let (server, replica) = (RedisServer::start(), RedisServer::start());
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    append_in_the_end(&broker, &den, "first").await;
    let ears = Ears::of(&*broker);
    broker.subscribe(&den).await.unwrap();
    let history = async || {
        let mut redis = server.connection().await;
        let mut info = redis::cmd("INFO");
        info.arg("replication");
        let said: String = info.query_async(&mut redis).await.unwrap();
        let id = said.lines().find(|line| line.starts_with("master_replid:"));
        id.unwrap().to_owned()
    };
    let before = history().await;

    let talking = AtomicBool::new(true);
    let talk = async {
        let mut said = Vec::new();
        while talking.load(Ordering::Relaxed) || said.len() < 100 {
            let key = format!("k{}", said.len());
            said.push(append_in_the_end(&broker, &den, &key).await);
        }
        said
    };
    let join = async {
        let mut redis = replica.connection().await;
        let mut follow = redis::cmd("REPLICAOF");
        follow.arg("127.0.0.1").arg(server.port());
        let () = follow.query_async(&mut redis).await.unwrap();
        // The server is the same one and has lost nothing, but calls itself
        // another.
        until("the history has another name", async || {
            (history().await != before).then_some(())
        })
        .await;
        talking.store(false, Ordering::Relaxed);
    };
    let (said, ()) = tokio::join!(talk, join);

    let log = whole_log(&*broker, &den).await;
    let markers: Vec<_> = log
        .windows(2)
        .filter_map(|pair| match pair[1].kind {
            Kind::Epoch { prev } => Some((pair[0].position, prev)),
            _ => None,
        })
        .collect();
    assert!(markers.len() <= 1, "{markers:?}");
    for (last, prev) in markers {
        assert_eq!(last, prev, "nothing is said to be lost");
    }
    let stored: Vec<_> = log.iter().map(|entry| entry.position).collect();
    assert!(said.iter().all(|position| stored.contains(position)));
    let heard = ears.wait_for_entries(&den, log.len() - 2).await;
    assert_eq!(heard.last(), log.last());
}
