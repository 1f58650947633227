//! An instance that is told to end, as those see it who poll: a whole answer,
//! and nothing about sessions or moving in it.

use std::time::Duration;

use hubbub_cluster::Instance;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::support::{
    cluster,
    http::{Person, fresh_room},
    until::until,
};

/// Begins a poll that has nothing to say, and returns once it is held.
async fn held_poll(url: &str, admin: (&str, &str)) -> JoinHandle<(u16, Value)> {
    let ada = Person::sign_in(url, "Ada").await;
    let room = fresh_room("ending");
    let body = json!({"rooms": {&room: null}, "hold_ms": 0});
    let (_, first) = ada.post("/api/v1/poll", &body).await;
    let [hello, joined] = [&first["frames"][0], &first["frames"][1]];
    let ask = json!({"frames": [{"type": "members", "room": room}]});
    let (_, members) = ada.post("/api/v1/frames", &ask).await;
    let version = &members["frames"][0]["version"];
    let from = json!({"after": joined["head"], "presence_version": version});
    let body = json!({"connection": hello["connection"], "control": first["control"],
                      "rooms": {&room: from}, "hold_ms": 25_000});
    let poll = tokio::spawn(async move { ada.post("/api/v1/poll", &body).await });
    until("the poll is held", async || {
        let metrics = reqwest::Client::new()
            .get(format!("{}/metrics", admin.0))
            .header("x-api-key", admin.1)
            .send();
        let metrics = metrics.await.ok()?.text().await.ok()?;
        metrics.contains("hubbub_polling 1").then_some(())
    })
    .await;
    assert!(!poll.is_finished());
    poll
}

async fn is_whole(poll: JoinHandle<(u16, Value)>) {
    let (status, answer) = poll.await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["frames"], json!([]));
    assert!(answer["control"].is_string(), "{answer}");
}

fn terminate(instance: &Instance) {
    let process = instance.process();
    process.terminate().unwrap();
    let ended = process.wait_for_exit(Duration::from_secs(30)).unwrap();
    assert!(ended.success());
}

#[tokio::test]
async fn a_held_poll_is_answered_when_its_instance_drains() {
    let cluster = cluster::start(1, &[("HUBBUB__TIMING__DRAIN_WINDOW", "2s")]);
    let description = cluster.description();
    let instance = &description.instances[0];
    let admin = (&*instance.admin_url, &*description.admin_key);
    let poll = held_poll(&instance.url, admin).await;
    let ending = spawn_blocking(move || terminate(cluster.instances().next().unwrap()));
    is_whole(poll).await;
    ending.await.unwrap();
}

#[tokio::test]
async fn a_held_poll_is_answered_when_its_instance_ends_at_once() {
    let (description, (instance, _dir)) = cluster::start_embedded();
    let entry = &description.instances[0];
    let admin = (&*entry.admin_url, &*description.admin_key);
    let poll = held_poll(&entry.url, admin).await;
    let ending = spawn_blocking(move || terminate(&instance));
    is_whole(poll).await;
    ending.await.unwrap();
}
