//! Who is here, in a room with more people than anybody reads.

use std::{collections::BTreeSet, time::Instant};

use futures_util::future::join_all;
use hubbub::protocol::LARGE_ROOM;
use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{Client, Via},
    cluster::cases,
    http::{Person, fresh_room, text},
};

cases! {
    in_a_small_room_every_change_is_told_at_once;
    in_a_large_room_changes_are_told_together_and_nobody_is_forgotten;
}

/// Takes a seat as somebody who polls does.
async fn takes_a_seat(person: &Person, room: &str) {
    let body = json!({"rooms": {room: null}, "hold_ms": 0});
    let (status, answer) = person.post("/api/v1/poll", &body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn crowd(base: &str, room: &str, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    while people.len() < count {
        let some = (count - people.len()).min(25);
        let some = (0..some).map(|_| async {
            let person = Person::sign_in(base, "Crowd").await;
            takes_a_seat(&person, room).await;
            person
        });
        people.extend(join_all(some).await);
    }
    people
}

async fn members(client: &mut Client, room: &str, limit: Option<usize>) -> Value {
    let mut frame = json!({"type": "members", "room": room});
    if let Some(limit) = limit {
        frame["limit"] = json!(limit);
    }
    client.ask(&frame).await
}

fn ids(users: &Value) -> BTreeSet<String> {
    let users = users.as_array().into_iter().flatten();
    users.map(|user| text(&user["id"])).collect()
}

async fn in_a_small_room_every_change_is_told_at_once(world: &Description) {
    let room = fresh_room("small");
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let mut version = members(&mut ada, &room, None).await["version"].as_u64();
    for _ in 0..3 {
        crowd(&world.url, &room, 1).await;
        let told = ada
            .hears(|frame| frame["type"] == "presence" && frame["version"].as_u64() > version)
            .await;
        assert_eq!(told["prev"].as_u64(), version);
        version = version.map(|version| version + 1);
        assert_eq!(told["version"].as_u64(), version);
    }
}

async fn in_a_large_room_changes_are_told_together_and_nobody_is_forgotten(world: &Description) {
    let room = fresh_room("large");
    let large = usize::try_from(LARGE_ROOM).unwrap();
    crowd(&world.url, &room, large + 1).await;
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let all = members(&mut ada, &room, None).await;
    assert_eq!(all["count"], json!(large + 2));
    let mut here = ids(&all["members"]);
    assert_eq!(here.len(), large + 2, "who asks for all is told of all");
    let some = members(&mut ada, &room, Some(50)).await;
    assert_eq!(some["count"], json!(large + 2));
    let named = ids(&some["members"]);
    assert_eq!(named.len(), 50);
    assert!(named.is_subset(&here) && named.contains(&ada.person.id));

    let mut version = all["version"].as_u64().unwrap();
    let started = Instant::now();
    let more = crowd(&world.url, &room, 50).await;
    let mut frames = 0;
    while !more.iter().all(|person| here.contains(&person.id)) {
        let told = ada.hears(|frame| frame["type"] == "presence").await;
        let (prev, next) = (told["prev"].as_u64(), told["version"].as_u64());
        if next <= Some(version) {
            continue;
        }
        // The first may begin before the list was read.
        assert!(prev <= Some(version), "nothing is left out: {told}");
        version = next.unwrap();
        here.extend(ids(&told["joined"]));
        for gone in ids(&told["left"]) {
            here.remove(&gone);
        }
        frames += 1;
    }
    let seconds = started.elapsed().as_secs();
    assert!(frames <= seconds + 2, "{frames} frames in {seconds} s");
    let all = members(&mut ada, &room, None).await;
    assert_eq!(ids(&all["members"]), here);

    // Who polls is told of some as well, and of itself.
    let poll = async |body: Value| more[0].post("/api/v1/poll", &body).await.1;
    let first = poll(json!({"rooms": {&room: null}, "hold_ms": 0})).await;
    let hello = &first["frames"][0];
    let from = json!({"after": first["frames"][1]["head"], "presence_version": 1});
    let body = json!({"connection": hello["connection"], "rooms": {&room: from}, "hold_ms": 0});
    let told = poll(body).await["frames"][0].clone();
    assert_eq!(told["type"], "members");
    assert_eq!(told["count"], json!(here.len()));
    let named = ids(&told["members"]);
    assert_eq!(named.len(), large);
    assert!(named.contains(&more[0].id));
}
