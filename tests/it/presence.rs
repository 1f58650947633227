//! Who is here, in a room with more people than anybody reads.

use std::{collections::BTreeSet, time::Instant};

use futures_util::future::join_all;
use hubbub::protocol::LARGE_ROOM;
use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::cases,
    http::{Person, fresh_room, text},
    until::until,
};

cases! {
    who_signs_out_has_left_at_once_and_who_lost_the_line_later;
    who_signed_out_between_two_polls_has_left_with_the_second;
    who_signs_in_again_under_their_name_never_left;
    in_a_small_room_every_change_is_told_at_once;
    in_a_large_room_changes_are_told_together_and_nobody_is_forgotten;
}

/// Takes a seat as somebody who polls does.
async fn takes_a_seat(person: &Person, room: &str) {
    let body = json!({"rooms": {room: null}, "hold_ms": 0});
    let (status, answer) = person.post("/api/v1/poll", &body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Signs in so many, and only then has them all take their seats, which are given
/// up again after a while.
async fn crowd(base: &str, room: &str, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    while people.len() < count {
        let some = (count - people.len()).min(25);
        let some = (0..some).map(|_| Person::sign_in(base, "Crowd"));
        people.extend(join_all(some).await);
    }
    for some in people.chunks(25) {
        join_all(some.iter().map(|person| takes_a_seat(person, room))).await;
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

/// Somebody in a room, over a transport.
async fn somebody(world: &Description, name: &str, via: Via, room: &str) -> Client {
    let mut client = Client::enter(&world.url, name, via).await;
    client.join(room).await;
    client
}

async fn who_signs_out_has_left_at_once_and_who_lost_the_line_later(world: &Description) {
    for via in BOTH {
        let room = fresh_room("goodbye");
        let mut ada = somebody(world, "Ada", Via::WebSocket, &room).await;
        let ben = somebody(world, "Ben", via, &room).await;
        let cy = somebody(world, "Cy", via, &room).await;
        let cy_id = cy.person.id.clone();
        drop(cy);
        assert_eq!(ben.person.delete("/api/v1/session").await.0, 204);
        let told = ada
            .hears(|frame| frame["type"] == "presence" && !ids(&frame["left"]).is_empty())
            .await;
        let gone = ids(&told["left"]);
        assert!(gone.contains(&ben.person.id), "{via:?}: {told}");
        assert!(!gone.contains(&cy_id), "{via:?}: {told}");
    }
}

async fn who_signed_out_between_two_polls_has_left_with_the_second(world: &Description) {
    let room = fresh_room("goodbye");
    let mut ada = somebody(world, "Ada", Via::WebSocket, &room).await;
    let ben = Person::sign_in(&world.url, "Ben").await;
    let body = json!({"rooms": {&room: null}, "hold_ms": 0});
    let (_, answer) = ben.post("/api/v1/poll", &body).await;
    let name = &answer["frames"][0]["connection"];
    assert_eq!(ben.delete("/api/v1/session").await.0, 204);
    let stranger = Person::stranger(&world.url);
    let is_gone =
        |frame: &Value| frame["type"] == "presence" && ids(&frame["left"]).contains(&ben.id);
    // One is enough, whichever instance gets it.
    let body = json!({"connection": name, "rooms": {}, "hold_ms": 0});
    assert_eq!(stranger.post("/api/v1/poll", &body).await.0, 401);
    until("Ben to be gone", async || {
        let members = members(&mut ada, &room, None).await;
        (!ids(&members["members"]).contains(&ben.id)).then_some(())
    })
    .await;
    ada.hears(is_gone).await;
}

async fn who_signs_in_again_under_their_name_never_left(world: &Description) {
    for via in BOTH {
        let room = fresh_room("again");
        let mut ada = somebody(world, "Ada", Via::WebSocket, &room).await;
        let mut ben = somebody(world, "Ben", via, &room).await;
        let mut person = ben.person.clone();
        let name = person.name.clone();
        assert_eq!(person.try_sign_in(&name).await.0, 201);
        ben.is_closed().await;
        let mut ben = Client::connect(&person, via).await;
        ben.join(&room).await;
        ben.say(&room, "Back").await;
        ada.hears_up_to(&room, "Back").await;
        ada.hears_no(|frame| frame["type"] == "presence" && !ids(&frame["left"]).is_empty())
            .await;
    }
}

async fn in_a_small_room_every_change_is_told_at_once(world: &Description) {
    let room = fresh_room("small");
    let mut ada = somebody(world, "Ada", Via::WebSocket, &room).await;
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
    let mut ada = somebody(world, "Ada", Via::WebSocket, &room).await;
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
