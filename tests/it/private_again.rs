//! Private rooms that are asked for once more, because the answer was lost: on
//! another instance, over another transport, there is one room, and those who are
//! in it hear of it once.

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::cases,
    http::{text, unique},
};

cases! {
    a_key_makes_one_room_however_often_it_is_asked_for;
    many_attempts_at_once_make_one_room;
    a_key_stands_for_one_room_of_one_person;
    asking_again_brings_nobody_back_who_left;
}

/// Two windows of one person, on two instances and over both transports.
async fn windows(world: &Description, name: &str) -> [Client; 2] {
    let first = Client::enter(&world.instances[0].url, name, BOTH[0]).await;
    let there = first.person.at(&world.instances[1].url);
    [first, Client::connect(&there, BOTH[1]).await]
}

/// A client that is there when others tell of rooms.
async fn waiting(world: &Description, name: &str) -> Client {
    let mut client = Client::enter(&world.instances[1].url, name, Via::WebSocket).await;
    client.join("lobby").await;
    client
}

fn make(title: &str, invite: &[&Client]) -> Value {
    let names = invite.iter().map(|client| client.person.name.as_str());
    let names: Vec<&str> = names.collect();
    json!({"type": "create", "key": unique(), "title": title, "invite": names})
}

/// How many private rooms somebody sees in the directory.
async fn own_rooms(client: &Client) -> usize {
    let (_, listed) = client.person.get("/api/v1/rooms").await;
    let rooms = listed["rooms"].as_array().unwrap().iter();
    rooms.filter(|room| room["private"] == true).count()
}

async fn a_key_makes_one_room_however_often_it_is_asked_for(world: &Description) {
    let [mut one, mut other] = windows(world, "Ada").await;
    let mut ben = waiting(world, "Ben").await;
    let create = make("Plans", &[&ben]);
    let created = one.ask(&create).await;
    assert_eq!(created["type"], "created", "{created}");
    let room = &created["room"];
    let is_news = |frame: &Value| frame["type"] == "room_added";
    assert_eq!(ben.hears(is_news).await["room"], *room);
    for attempt in 0..4 {
        let client = if attempt % 2 == 0 {
            &mut other
        } else {
            &mut one
        };
        let again = client.ask(&create).await;
        assert_eq!((&again["type"], &again["room"]), (&json!("created"), room));
        assert_eq!(again["title"], "Plans");
    }
    ben.hears_no(is_news).await;
    assert_eq!((own_rooms(&one).await, own_rooms(&ben).await), (1, 1));
    let joined = ben.join(&text(room)).await;
    assert_eq!(joined["people"].as_array().unwrap().len(), 2);
    // Without a key, each is one of its own.
    let mut unnamed = create.clone();
    unnamed.as_object_mut().unwrap().remove("key");
    for _ in 0..2 {
        assert_ne!(one.ask(&unnamed).await["room"], *room);
    }
    assert_eq!(own_rooms(&one).await, 3);
}

async fn many_attempts_at_once_make_one_room(world: &Description) {
    let [mut one, mut other] = windows(world, "Ada").await;
    let ben = waiting(world, "Ben").await;
    for _ in 0..3 {
        let create = make("Plans", &[&ben]);
        let (first, second) = tokio::join!(one.ask(&create), other.ask(&create));
        assert_eq!(first["type"], "created", "{first}");
        assert_eq!(first["room"], second["room"]);
    }
    assert_eq!((own_rooms(&one).await, own_rooms(&ben).await), (3, 3));
}

async fn a_key_stands_for_one_room_of_one_person(world: &Description) {
    let [mut one, mut other] = windows(world, "Ada").await;
    let mut ben = waiting(world, "Ben").await;
    let create = make("Plans", &[]);
    let created = one.ask(&create).await;
    for (field, value) in [
        ("title", json!("Other plans")),
        ("invite", json!([ben.person.name])),
    ] {
        let mut changed = create.clone();
        changed[field] = value;
        let refused = other.ask(&changed).await;
        assert_eq!(refused["code"], "key_reused", "{refused}");
    }
    for key in [json!(""), json!("a b"), json!(7), json!("k".repeat(65))] {
        let mut bad = create.clone();
        bad["key"] = key;
        assert_eq!(one.ask(&bad).await["code"], "bad_field");
    }
    let theirs = ben.ask(&create).await;
    assert_eq!(theirs["type"], "created", "{theirs}");
    assert_ne!(theirs["room"], created["room"]);
    assert_eq!((own_rooms(&one).await, own_rooms(&ben).await), (1, 1));
}

async fn asking_again_brings_nobody_back_who_left(world: &Description) {
    let [mut one, mut other] = windows(world, "Ada").await;
    let mut ben = waiting(world, "Ben").await;
    let create = make("Plans", &[&ben]);
    let room = one.ask(&create).await["room"].clone();
    let forgotten = ben.ask(&json!({"type": "forget", "room": room})).await;
    assert_eq!(forgotten["type"], "forgotten", "{forgotten}");
    assert_eq!(other.ask(&create).await["room"], room);
    let joined = other.join(&text(&room)).await;
    assert_eq!(joined["people"].as_array().unwrap().len(), 1, "{joined}");
    assert_eq!(own_rooms(&ben).await, 0);
    // Nor whoever made it: neither while others are in it, nor when it is gone.
    for leave in [&["Ada", "Ben"][..], &["Ben", "Ada"]] {
        let create = make("Plans", &[&ben]);
        let room = one.ask(&create).await["room"].clone();
        let is_news = |frame: &Value| frame["type"] == "room_added" && frame["room"] == room;
        ben.hears(is_news).await;
        for who in leave {
            let client = if *who == "Ada" { &mut one } else { &mut ben };
            let forgotten = client.ask(&json!({"type": "forget", "room": room})).await;
            assert_eq!(forgotten["type"], "forgotten", "{forgotten}");
            let again = other.ask(&create).await;
            let left = own_rooms(&one).await == 1;
            assert_eq!(again["code"] == "no_such_room", left, "{again}");
        }
        assert_eq!(other.ask(&create).await["code"], "no_such_room");
        ben.hears_no(is_news).await;
        assert_eq!((own_rooms(&one).await, own_rooms(&ben).await), (1, 0));
    }
}
