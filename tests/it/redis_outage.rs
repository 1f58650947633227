//! Redis goes away and comes back: nothing is acknowledged that is not stored,
//! nobody is cut off, and everything goes on by itself.

use std::time::Duration;

use hubbub_cluster::{Port, RunDir, until};
use serde_json::json;

use crate::support::{
    self,
    client::{BOTH, Client, Via},
    cluster,
    http::Person,
};

#[tokio::test]
async fn while_redis_is_gone_sends_are_refused_and_sockets_stay() {
    let mut cluster = cluster::start(2, &[]);
    write_at_once(&cluster.redis().url()).await;
    let mut ada = Client::enter(&cluster.url(), "Ada", Via::WebSocket).await;
    let mut ben = Client::enter(&cluster.url(), "Ben", Via::LongPoll).await;
    ada.join("lobby").await;
    ben.join("lobby").await;
    ada.say("lobby", "before").await;
    assert_eq!(ben.hears_message("lobby").await["text"], "before");
    cluster.redis().process().kill();
    let frame = json!({"type": "send", "room": "lobby", "key": "outage", "text": "during"});
    let refused = ada.ask_once(&frame).await;
    assert_eq!(refused["type"], "error", "{refused}");
    assert!(
        refused["code"] == "unavailable" || refused["code"] == "timeout",
        "{refused}"
    );
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 0);
    for instance in cluster.description().instances {
        let (status, load) = load_of(&instance.admin_url, &cluster.description().admin_key).await;
        assert_eq!(status, 200, "the operator is answered without Redis");
        assert_eq!(load["data"]["ready"], true, "and the balancer cuts nobody");
    }
    cluster.redis().restart().unwrap();
    let ack = ada.say_as("lobby", "outage", "during").await;
    let heard = ben.hears_up_to("lobby", "during").await;
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["position"], ack["position"]);
    assert_eq!(ada.hears_up_to("lobby", "during").await.len(), 2);
}

async fn load_of(admin_url: &str, key: &str) -> (u16, serde_json::Value) {
    let answer = reqwest::Client::new()
        .get(format!("{admin_url}/api/v1/load"))
        .header("x-api-key", key)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn while_redis_hangs_a_send_times_out_and_the_same_key_tells() {
    let mut cluster = cluster::start(2, &[("HUBBUB__REDIS__PATIENCE", "1s")]);
    let mut ada = Client::enter(&cluster.url(), "Ada", Via::WebSocket).await;
    ada.join("lobby").await;
    cluster.redis().process().freeze().unwrap();
    let frame = json!({"type": "send", "room": "lobby", "key": "hang", "text": "once"});
    let refused = ada.ask_once(&frame).await;
    assert!(
        refused["code"] == "timeout" || refused["code"] == "unavailable",
        "{refused}"
    );
    cluster.redis().process().thaw().unwrap();
    ada.say_as("lobby", "hang", "once").await;
    ada.say("lobby", "end").await;
    let heard = ada.hears_up_to("lobby", "end").await;
    assert_eq!(heard.len(), 2, "once is once: {heard:?}");
}

#[tokio::test]
async fn a_killed_subscription_loses_nothing() {
    let mut cluster = cluster::start(2, &[]);
    let mut clients = Vec::new();
    for via in BOTH {
        let mut client = Client::enter(&cluster.url(), "Member", via).await;
        client.join("lobby").await;
        clients.push(client);
    }
    let redis = cluster.redis().url();
    for round in 0..10 {
        clients[0].say("lobby", &format!("{round}")).await;
        kill_subscriptions(&redis).await;
        clients[1].say("lobby", &format!("again {round}")).await;
    }
    for client in &mut clients {
        let heard = client.hears_up_to("lobby", "again 9").await;
        assert_eq!(heard.len(), 20);
    }
}

async fn kill_subscriptions(url: &str) {
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub");
    tell(url, &kill).await;
}

/// With "everysec" Redis puts writes off while the disk is slow, and a kill then
/// takes acknowledged entries along. That is told as a rollback, and not the
/// point of a test that expects everything to be there.
async fn write_at_once(url: &str) {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("appendfsync").arg("always");
    tell(url, &set).await;
}

async fn tell(url: &str, command: &redis::Cmd) {
    let client = redis::Client::open(url).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    let _: redis::Value = command.query_async(&mut link).await.unwrap();
}

#[tokio::test]
async fn an_instance_that_starts_without_redis_waits_for_it_and_says_so() {
    let check = || {
        let dir = RunDir::temporary().unwrap();
        let (public, nobody) = (Port::free().unwrap(), Port::free().unwrap());
        let log = dir.path().join("log");
        let mut child = std::process::Command::new(cluster::binary())
            .env("HUBBUB__HTTP__LISTEN", public.address().to_string())
            .env(
                "HUBBUB__REDIS__URL",
                format!("redis://{}/0", nobody.address()),
            )
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let said = until("it says that it waits", Duration::from_secs(30), || {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            Ok(log.contains("Redis") && log.contains("wait"))
        });
        let ready = hubbub_cluster::get(public.address(), "/readyz");
        let live = hubbub_cluster::get(public.address(), "/livez");
        child.kill().unwrap();
        child.wait().unwrap();
        said.unwrap();
        assert_eq!((ready.unwrap().0, live.unwrap().0), (503, 200));
    };
    tokio::task::spawn_blocking(check).await.unwrap();
}

/// An instance that starts together with its links follows the control log
/// once they are up, also if nobody ever polls there.
#[tokio::test]
async fn signing_out_reaches_sockets_where_nobody_polls() {
    let cluster = cluster::start(2, &[]);
    let ada = Person::sign_in(&cluster.url(), "Ada").await;
    let mut clients = Vec::new();
    for instance in cluster.description().instances {
        let mut client = Client::connect(&ada.at(&instance.url), Via::WebSocket).await;
        client.join("lobby").await;
        clients.push(client);
    }
    assert_eq!(ada.delete("/api/v1/session").await.0, 204);
    for mut client in clients {
        assert_eq!(client.is_closed().await.0, Some(4401));
    }
}

/// The session is gone by then, so that asking again would find nothing to do.
#[tokio::test]
async fn who_signs_out_while_nobody_can_be_told_is_out_all_the_same() {
    let mut cluster = cluster::start(2, &[]);
    let first = Person::sign_in(&cluster.url(), "First").await;
    assert_eq!(first.delete("/api/v1/session").await.0, 204);
    let mut ada = Client::enter(&cluster.url(), "Ada", Via::WebSocket).await;
    ada.join("lobby").await;
    let url = cluster.redis().url();
    let mut redis = redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    // The control log cannot be written, and everything else can.
    let keys = redis::cmd("KEYS").arg("*{!control}:meta").to_owned();
    let keys: Vec<String> = keys.query_async(&mut redis).await.unwrap();
    let [meta] = keys.as_slice() else {
        panic!("{keys:?}")
    };
    let mut spoil = redis::pipe();
    spoil.cmd("RENAME").arg(meta).arg("aside");
    spoil.cmd("SET").arg(meta).arg("spoilt");
    let () = spoil.query_async(&mut redis).await.unwrap();
    assert_eq!(ada.person.delete("/api/v1/session").await.0, 204);
    assert_eq!(ada.person.get("/api/v1/session").await.0, 401);
    let mend = redis::cmd("RENAME").arg("aside").arg(meta).to_owned();
    let () = mend.query_async(&mut redis).await.unwrap();
    assert_eq!(ada.is_closed().await.0, Some(4401));
    support::until::until("the name is free", async || {
        let mut next = Person::stranger(&cluster.url());
        (next.try_sign_in(&ada.person.name).await.0 == 201).then_some(())
    })
    .await;
}
