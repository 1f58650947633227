//! Private rooms and rooms of two people: made, shared, listed, left.

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via, texts},
    cluster::cases,
    http::{Person, fresh_room, text},
    private::{create, direct},
    until::until,
};

cases! {
    whoever_is_invited_hears_of_it_and_talks;
    the_room_of_two_people_is_the_same_whoever_asks;
    any_of_its_people_may_invite_and_the_log_says_who_did;
    nobody_is_invited_who_is_not_there;
    the_directory_lists_own_rooms_first_and_nobody_elses;
    who_forgets_a_room_loses_it_on_every_connection_at_once;
    a_poll_that_named_the_room_before_it_was_forgotten_gets_nothing_more;
    who_was_invited_again_has_it_all_back;
    a_room_of_two_can_be_forgotten_and_asked_for_again;
    who_polls_hears_of_rooms_that_were_made_between_two_polls;
    other_windows_of_whoever_makes_a_room_hear_of_it;
}

async fn whoever_is_invited_hears_of_it_and_talks(world: &Description) {
    for (makes, comes) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let (one, other) = (&world.instances[0].url, &world.instances[1].url);
        let mut ada = Client::enter(one, "Ada", BOTH[makes]).await;
        let mut ben = Client::enter(other, "Ben", BOTH[comes]).await;
        ben.join("lobby").await;
        let room = create(&mut ada, "Plans", &[&ben.person.name]).await;
        assert!(room.starts_with("p-") && room.len() == 34, "{room}");
        let added = ben.hears(|frame| frame["type"] == "room_added").await;
        let by = json!({"id": ada.person.id, "name": ada.person.name});
        assert_eq!(
            added,
            json!({"type": "room_added", "room": room, "title": "Plans", "by": by, "direct": false})
        );
        let joined = ada.join(&room).await;
        assert_eq!(joined["title"], "Plans");
        assert_eq!(joined["direct"], false);
        assert_eq!(people(&joined["people"]), names(&[&ada, &ben]));
        ben.join(&room).await;
        ada.say(&room, "between us").await;
        assert_eq!(ben.hears_message(&room).await["text"], "between us");
        ben.say(&room, "yes").await;
        assert_eq!(ada.hears_up_to(&room, "yes").await.len(), 2);
    }
}

async fn the_room_of_two_people_is_the_same_whoever_asks(world: &Description) {
    for via in BOTH {
        let (one, other) = (&world.instances[0].url, &world.instances[1].url);
        let mut ada = Client::enter(one, "Ada", via).await;
        let mut ben = Client::enter(other, "Ben", via).await;
        ben.join("lobby").await;
        let frame = json!({"type": "direct", "name": ben.person.name.to_uppercase()});
        let created = ada.ask(&frame).await;
        assert_eq!(created["title"], "", "{created}");
        assert_eq!(created["direct"], true);
        let with = json!({"id": ben.person.id, "name": ben.person.name});
        assert_eq!(created["with"], with);
        let room = text(&created["room"]);
        let added = ben.hears(|frame| frame["type"] == "room_added").await;
        assert_eq!(added["room"], json!(room));
        assert_eq!(added["direct"], true);
        assert_eq!(added["by"]["id"], json!(ada.person.id));
        // Nobody is told again of a room they are in.
        assert_eq!(direct(&mut ben, &ada.person.name).await, room);
        assert_eq!(direct(&mut ada, &ben.person.name).await, room);
        ben.hears_no(|frame| frame["type"] == "room_added").await;
        let joined = ben.join(&room).await;
        assert_eq!(joined["direct"], true);
        assert_eq!(joined["messages"], json!([]));
        assert_eq!(people(&joined["people"]), names(&[&ada, &ben]));
        ada.join(&room).await;
        ada.say(&room, "hello").await;
        assert_eq!(ben.hears_message(&room).await["text"], "hello");
        let third = json!({"type": "invite", "room": room, "name": ada.person.name});
        assert_eq!(ben.ask(&third).await["code"], "forbidden");
        let own = json!({"type": "direct", "name": ada.person.name});
        assert_eq!(ada.ask(&own).await["code"], "bad_name");
        // A name may be somebody else's by now, and an id says who is meant.
        let mut frame = json!({"type": "direct", "name": ben.person.name, "user": ben.person.id});
        assert_eq!(ada.ask(&frame).await["room"], json!(room));
        frame["user"] = json!("u0");
        assert_eq!(ada.ask(&frame).await["code"], "bad_name");
    }
}

async fn any_of_its_people_may_invite_and_the_log_says_who_did(world: &Description) {
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        let mut ben = Client::enter(&world.url, "Ben", via).await;
        let mut cleo = Client::enter(&world.url, "Cleo", via).await;
        cleo.join("lobby").await;
        let room = create(&mut ada, "", &[&ben.person.name]).await;
        ada.join(&room).await;
        ada.say(&room, "before Cleo").await;
        let frame = json!({"type": "invite", "room": room, "name": cleo.person.name});
        let reply = ben.ask(&frame).await;
        let user = json!({"id": cleo.person.id, "name": cleo.person.name});
        assert_eq!(reply["type"], "invited", "{reply}");
        assert_eq!(reply["user"], user);
        let told = ada
            .hears(|frame| frame["type"] == "invited" && frame["user"] == user)
            .await;
        assert_eq!(told["by"]["id"], json!(ben.person.id));
        assert!(told["position"].is_string() && told["at"].is_number());
        cleo.hears(|frame| frame["type"] == "room_added" && frame["room"] == json!(room))
            .await;
        let joined = cleo.join(&room).await;
        let shown = joined["messages"].as_array().unwrap();
        assert_eq!(texts(shown), ["before Cleo"]);
        assert_eq!(people(&joined["people"]), names(&[&ada, &ben, &cleo]));
        // Once more changes nothing, and is told: the news may have been lost.
        assert_eq!(ben.ask(&frame).await["type"], "invited");
        cleo.hears(|frame| frame["type"] == "room_added" && frame["room"] == json!(room))
            .await;
        ada.say(&room, "end").await;
        ada.hears_up_to(&room, "end").await;
        ada.hears_no(|frame| frame["type"] == "invited" && frame["user"] == user)
            .await;
    }
}

async fn nobody_is_invited_who_is_not_there(world: &Description) {
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        let ben = Person::sign_in(&world.url, "Ben").await;
        let nobody = fresh_room("Nobody");
        let told = format!("nobody is called {nobody}");
        let made = json!({"type": "create", "title": "Den", "invite": [ben.name, nobody]});
        let room = create(&mut ada, "Den", &[]).await;
        for frame in [
            made,
            json!({"type": "invite", "room": room, "name": nobody}),
            json!({"type": "direct", "name": nobody}),
        ] {
            let refused = ada.ask(&frame).await;
            assert_eq!(refused["code"], "bad_name", "{refused}");
            assert_eq!(refused["message"], told);
        }
        assert_eq!(own_rooms(&ben).await, json!([]), "nothing was made");
        let open = json!({"type": "invite", "room": "lobby", "name": ben.name});
        assert_eq!(ada.ask(&open).await["code"], "bad_field");
        let open = json!({"type": "forget", "room": "lobby"});
        assert_eq!(ada.ask(&open).await["code"], "bad_field");
    }
}

async fn the_directory_lists_own_rooms_first_and_nobody_elses(world: &Description) {
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let ben = Person::sign_in(&world.url, "Ben").await;
    let eve = Person::sign_in(&world.url, "Eve").await;
    let den = create(&mut ada, "Den", &[&ben.name]).await;
    let two = direct(&mut ada, &ben.name).await;
    ada.join(&den).await;
    let all = names(&[&ada])
        .into_iter()
        .chain([ben.name.clone()])
        .collect::<Vec<_>>();
    for person in [&ada.person, &ben] {
        let rooms = own_rooms(person).await;
        let find = |name: &str| {
            let mut rooms = rooms.as_array().unwrap().iter();
            rooms.find(|room| room["name"] == *name).unwrap().clone()
        };
        assert_eq!(rooms.as_array().unwrap().len(), 2, "{rooms}");
        let (den, two) = (find(&den), find(&two));
        assert_eq!(den["title"], "Den");
        assert_eq!(den["count"], 1);
        assert_eq!(den.get("direct"), None);
        assert_eq!(people(&den["people"]), all);
        assert_eq!(two["direct"], true);
        assert_eq!(two["count"], 0);
        assert_eq!(people(&two["people"]), all);
    }
    assert_eq!(own_rooms(&eve).await, json!([]));
    let (_, listed) = ada.person.get("/api/v1/rooms").await;
    let listed = listed["rooms"].as_array().unwrap();
    assert_eq!(listed[2]["name"], "lobby", "one's own come first");
}

async fn who_forgets_a_room_loses_it_on_every_connection_at_once(world: &Description) {
    for asks in 0..3 {
        let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
        let ben = Person::sign_in(&world.url, "Ben").await;
        let room = create(&mut ada, "Den", &[&ben.name]).await;
        let mut bens = Vec::new();
        for (instance, via) in [(0, BOTH[0]), (1, BOTH[0]), (1, BOTH[1])] {
            let there = ben.at(&world.instances[instance].url);
            let mut client = Client::connect(&there, via).await;
            client.join(&room).await;
            bens.push(client);
        }
        ada.join(&room).await;
        let position = text(&ada.say(&room, "before").await["position"]);
        for client in &mut bens {
            client.hears_up_to(&room, "before").await;
        }
        let frame = json!({"type": "forget", "room": room});
        let reply = bens[asks].ask(&frame).await;
        assert_eq!(reply["type"], "forgotten", "{reply}");
        let id = ben.id.clone();
        ada.hears(|frame| frame["type"] == "departed" && frame["user"]["id"] == json!(id))
            .await;
        for client in &mut bens {
            client
                .hears(|frame| frame["type"] == "forgotten" && frame["room"] == json!(room))
                .await;
        }
        ada.say(&room, "after").await;
        ada.say(&room, "and more").await;
        for client in &mut bens {
            client
                .hears_no(|frame| {
                    let kinds = ["message", "page", "departed"];
                    kinds.iter().any(|kind| frame["type"] == **kind) && frame["text"] != "before"
                })
                .await;
            is_gone(client, &room, &position).await;
        }
        assert_eq!(own_rooms(&ben).await, json!([]));
        // Nobody sees them there any more, without a time of grace.
        let frame = json!({"type": "members", "room": room});
        until("only Ada is there", async || {
            let members = ada.ask(&frame).await;
            (members["count"] == 1).then_some(())
        })
        .await;
    }
}

async fn a_poll_that_named_the_room_before_it_was_forgotten_gets_nothing_more(world: &Description) {
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let ben = Person::sign_in(&world.url, "Ben").await;
    let room = create(&mut ada, "Den", &[&ben.name]).await;
    ada.join(&room).await;
    let poll = async |rooms: Value, answer: &Value, hold: u64| {
        let body = json!({"connection": answer["frames"][0]["connection"], "rooms": rooms,
                          "control": answer["control"], "hold_ms": hold});
        let (status, answer) = ben.post("/api/v1/poll", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let first = poll(json!({}), &Value::Null, 0).await;
    let joined = poll(json!({&room: null}), &first, 0).await;
    let frames = joined["frames"].as_array().unwrap();
    let joined = frames.iter().find(|frame| frame["type"] == "joined");
    let head = joined.unwrap()["head"].clone();
    let waiting = poll(json!({&room: head}), &first, 10_000);
    let forgets = async {
        // From elsewhere, while the poll is held.
        let mut window = Client::connect(&ben, Via::WebSocket).await;
        window.join(&room).await;
        let frame = json!({"type": "forget", "room": room});
        assert_eq!(window.ask(&frame).await["type"], "forgotten");
        ada.say(&room, "after").await;
    };
    let (answer, ()) = tokio::join!(waiting, forgets);
    let told = answer["frames"].as_array().unwrap();
    let kinds: Vec<_> = told.iter().map(|frame| text(&frame["type"])).collect();
    assert!(
        kinds
            .iter()
            .all(|kind| kind != "message" && kind != "departed"),
        "{answer}"
    );
    for from in [
        json!(head),
        json!(null),
        json!({"after": head, "presence_version": 1}),
    ] {
        let answer = poll(json!({&room: from}), &first, 0).await;
        let about = answer["frames"].as_array().unwrap();
        // What the control log says, to him or to all, is told from where his
        // first poll was, which may have been before he was let in.
        let of_control = ["room_added", "forgotten", "notice"];
        let about: Vec<_> = about
            .iter()
            .filter(|frame| !of_control.contains(&text(&frame["type"]).as_str()))
            .collect();
        assert_eq!(about.len(), 1, "{answer}");
        assert_eq!(about[0]["code"], "no_such_room");
    }
    // Nor may it speak there, although it polled the room a moment ago.
    let connection = &first["frames"][0]["connection"];
    let frames = [
        json!({"type": "send", "room": room, "key": "k", "text": "still here?"}),
        json!({"type": "typing", "room": room, "on": true}),
    ];
    let body = json!({"connection": connection, "frames": frames});
    let (_, answer) = ben.post("/api/v1/frames", &body).await;
    for reply in answer["frames"].as_array().unwrap() {
        assert_eq!(reply["code"], "no_such_room", "{answer}");
    }
}

async fn who_was_invited_again_has_it_all_back(world: &Description) {
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        let mut ben = Client::enter(&world.url, "Ben", via).await;
        ben.join("lobby").await;
        let room = create(&mut ada, "Den", &[&ben.person.name]).await;
        ben.hears(|frame| frame["type"] == "room_added").await;
        ada.join(&room).await;
        ada.say(&room, "one").await;
        ben.ask(&json!({"type": "forget", "room": room})).await;
        ada.say(&room, "two").await;
        assert_eq!(own_rooms(&ben.person).await, json!([]));
        let frame = json!({"type": "invite", "room": room, "name": ben.person.name});
        assert_eq!(ada.ask(&frame).await["type"], "invited");
        ben.hears(|frame| frame["type"] == "room_added").await;
        let joined = ben.join(&room).await;
        let shown = joined["messages"].as_array().unwrap();
        assert_eq!(texts(shown), ["one", "two"]);
        assert_eq!(own_rooms(&ben.person).await[0]["name"], json!(room));
        ada.say(&room, "three").await;
        ben.hears_up_to(&room, "three").await;
    }
}

async fn a_room_of_two_can_be_forgotten_and_asked_for_again(world: &Description) {
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let mut ben = Client::enter(&world.url, "Ben", Via::LongPoll).await;
    ben.join("lobby").await;
    let room = direct(&mut ada, &ben.person.name).await;
    ben.hears(|frame| frame["type"] == "room_added").await;
    ada.join(&room).await;
    ada.say(&room, "hello").await;
    ben.ask(&json!({"type": "forget", "room": room})).await;
    // The other side keeps it.
    assert_eq!(own_rooms(&ada.person).await[0]["name"], json!(room));
    assert_eq!(direct(&mut ada, &ben.person.name).await, room);
    ben.hears(|frame| frame["type"] == "room_added").await;
    let shown = ben.join(&room).await["messages"].clone();
    assert_eq!(texts(shown.as_array().unwrap()), ["hello"]);
    // When both have forgotten it, nothing of it is left.
    for client in [&mut ada, &mut ben] {
        let reply = client.ask(&json!({"type": "forget", "room": room})).await;
        assert_eq!(reply["type"], "forgotten");
    }
    assert_eq!(direct(&mut ben, &ada.person.name).await, room);
    let shown = ben.ask(&json!({"type": "history", "room": room})).await;
    assert_eq!(shown["messages"], json!([]), "{shown}");
}

async fn who_polls_hears_of_rooms_that_were_made_between_two_polls(world: &Description) {
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let ben = Person::sign_in(&world.url, "Ben").await;
    let eve = Person::sign_in(&world.url, "Eve").await;
    let poll = async |who: &Person, before: &Value| {
        let body = json!({"connection": before["connection"], "control": before["control"],
                          "rooms": {}, "hold_ms": 0});
        let (_, mut answer) = who.post("/api/v1/poll", &body).await;
        let connection = match answer["frames"][0]["connection"].clone() {
            Value::Null => before["connection"].clone(),
            connection => connection,
        };
        answer["connection"] = connection;
        answer
    };
    let (first, other) = (
        poll(&ben, &Value::Null).await,
        poll(&eve, &Value::Null).await,
    );
    let one = create(&mut ada, "One", &[&ben.name]).await;
    let two = create(&mut ada, "Two", &[&ben.name]).await;
    let heard = |answer: &Value| {
        let frames = answer["frames"].as_array().unwrap().iter();
        let added = frames.filter(|frame| frame["type"] == "room_added");
        added.map(|frame| text(&frame["room"])).collect::<Vec<_>>()
    };
    // The balancer may lead to an instance that has yet to hear of them.
    let (mut last, mut told) = (first, Vec::new());
    until("he is told of both", async || {
        last = poll(&ben, &last).await;
        told.extend(heard(&last));
        (told.len() >= 2).then_some(())
    })
    .await;
    assert_eq!(told, [one, two]);
    // Not twice, and nobody else.
    assert!(heard(&poll(&ben, &last).await).is_empty());
    assert!(heard(&poll(&eve, &other).await).is_empty());
}

async fn other_windows_of_whoever_makes_a_room_hear_of_it(world: &Description) {
    for via in BOTH {
        let ada = Person::sign_in(&world.url, "Ada").await;
        let mut other = Client::connect(&ada.at(&world.instances[1].url), via).await;
        other.join("lobby").await;
        let mut window = Client::connect(&ada.at(&world.instances[0].url), via).await;
        let room = create(&mut window, "Mine", &[]).await;
        let added = other.hears(|frame| frame["type"] == "room_added").await;
        assert_eq!(added["room"], json!(room));
    }
}

/// The private rooms that somebody sees in the directory.
async fn own_rooms(person: &Person) -> Value {
    let (status, listed) = person.get("/api/v1/rooms").await;
    assert_eq!(status, 200, "{listed}");
    let rooms = listed["rooms"].as_array().unwrap().iter();
    let own = rooms.filter(|room| room["private"] == true);
    own.cloned().collect()
}

/// The room is to this client as one that is not there.
async fn is_gone(client: &mut Client, room: &str, position: &str) {
    for frame in [
        json!({"type": "history", "room": room, "limit": 100}),
        json!({"type": "members", "room": room}),
        json!({"type": "search", "room": room, "query": "before"}),
        json!({"type": "send", "room": room, "key": "k", "text": "hi"}),
        json!({"type": "read", "room": room, "position": position}),
        json!({"type": "invite", "room": room, "name": client.person.name}),
        json!({"type": "join", "room": room, "after": position}),
        json!({"type": "forget", "room": room}),
    ] {
        let refused = client.ask(&frame).await;
        assert_eq!(refused["code"], "no_such_room", "{frame}: {refused}");
    }
    for path in ["messages", "search?q=before"] {
        let (status, _) = client
            .person
            .get(&format!("/api/v1/rooms/{room}/{path}"))
            .await;
        assert_eq!(status, 404, "{path}");
    }
}

/// The names of some users.
fn people(users: &Value) -> Vec<String> {
    let users = users.as_array().into_iter().flatten();
    let mut names: Vec<_> = users.map(|user| text(&user["name"])).collect();
    names.sort();
    names
}

fn names(clients: &[&Client]) -> Vec<String> {
    let names = clients.iter().map(|client| client.person.name.clone());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
