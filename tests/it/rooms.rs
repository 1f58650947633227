//! Rooms over both transports: join, say, hear, leave, look back, who is here.

use hubbub_cluster::Description;
use serde_json::json;

use crate::support::{
    client::{BOTH, Client, Via, texts},
    cluster::cases,
    http::{Person, fresh_room},
};

cases! {
    what_one_says_the_others_hear_on_any_transport;
    everybody_sees_the_same_order;
    who_joins_later_sees_the_latest_messages_and_can_look_back;
    who_left_hears_nothing_more_and_may_not_speak;
    members_are_those_on_every_instance_and_transport;
    a_second_window_of_the_same_person_is_no_second_person;
    others_see_who_types_and_the_typist_does_not;
    the_directory_lists_rooms_with_how_many_are_there;
    a_connection_follows_only_so_many_rooms;
}

async fn what_one_says_the_others_hear_on_any_transport(world: &Description) {
    for (speaks, hears) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let base = &world.url;
        let room = fresh_room("hear");
        let mut ada = Client::enter(base, "Ada", BOTH[speaks]).await;
        let mut ben = Client::enter(base, "Ben", BOTH[hears]).await;
        ada.join(&room).await;
        ben.join(&room).await;
        let ack = ada.say(&room, "hello").await;
        let heard = ben.hears_message(&room).await;
        assert_eq!(heard["text"], "hello");
        assert_eq!(heard["position"], ack["position"]);
        assert_eq!(heard["at"], ack["at"]);
        assert_eq!(
            heard["from"],
            json!({"id": ada.person.id, "name": ada.person.name})
        );
        let own = ada.hears_message(&room).await;
        assert_eq!(own["key"], ack["key"], "the sender hears it as well");
    }
}

async fn everybody_sees_the_same_order(world: &Description) {
    let base = &world.url;
    let room = fresh_room("order");
    let mut clients = Vec::new();
    for (index, via) in [BOTH[0], BOTH[1], BOTH[0], BOTH[1]].into_iter().enumerate() {
        let mut client = Client::enter(base, &format!("Talker{index}"), via).await;
        client.join(&room).await;
        clients.push(client);
    }
    for round in 0..10 {
        for client in &mut clients {
            client.say(&room, &format!("round {round}")).await;
        }
    }
    clients[0].say(&room, "end").await;
    let mut seen = Vec::new();
    for client in &mut clients {
        let heard = client.hears_up_to(&room, "end").await;
        assert_eq!(heard.len(), 41);
        let positions: Vec<_> = heard
            .iter()
            .map(|message| message["position"].clone())
            .collect();
        seen.push(positions);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

async fn who_joins_later_sees_the_latest_messages_and_can_look_back(world: &Description) {
    for via in BOTH {
        let base = &world.url;
        let room = fresh_room("later");
        let mut ada = Client::enter(base, "Ada", via).await;
        assert_eq!(ada.join(&room).await["older"], false, "nobody was here");
        ada.say(&room, "first of all").await;
        let mut cleo = Client::enter(base, "Cleo", via).await;
        let joined = cleo.join(&room).await;
        assert_eq!(joined["older"], false, "{joined}");
        for count in 0..60 {
            ada.say(&room, &format!("message {count}")).await;
        }
        let mut ben = Client::enter(base, "Ben", via).await;
        let joined = ben.join(&room).await;
        let shown = joined["messages"].as_array().unwrap().clone();
        assert_eq!(joined["recovered"], false);
        assert_eq!(joined["older"], true);
        assert!(shown.len() <= 50 && shown.len() >= 49, "{}", shown.len());
        assert_eq!(texts(&shown).last().unwrap(), "message 59");
        let before = shown[0]["position"].clone();
        let page = ben
            .ask(&json!({"type": "history", "room": room, "before": before, "limit": 100}))
            .await;
        let older = page["messages"].as_array().unwrap();
        assert_eq!(older.len() + shown.len(), 61);
        assert_eq!(texts(older)[0], "first of all");
    }
}

async fn who_left_hears_nothing_more_and_may_not_speak(world: &Description) {
    for via in BOTH {
        let base = &world.url;
        let room = fresh_room("left");
        let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
        let mut ben = Client::enter(base, "Ben", via).await;
        ada.join(&room).await;
        ben.join(&room).await;
        let id = ben.person.id.clone();
        ben.leave(&room).await;
        ada.hears(|frame| frame["type"] == "presence" && frame["left"][0]["id"] == json!(id))
            .await;
        ada.say(&room, "are you there?").await;
        ben.hears_no(|frame| frame["type"] == "message").await;
        let refused = ben
            .ask(&json!({"type": "send", "room": room, "key": "k", "text": "yes"}))
            .await;
        assert_eq!(refused["code"], "not_member", "{refused}");
    }
}

async fn members_are_those_on_every_instance_and_transport(world: &Description) {
    let cluster = world;
    let room = fresh_room("members");
    let mut clients = Vec::new();
    for (instance, via) in cluster.instances.iter().zip(BOTH) {
        let mut client = Client::enter(&instance.url, "Member", via).await;
        client.join(&room).await;
        clients.push(client);
    }
    let mut ids: Vec<_> = clients
        .iter()
        .map(|client| client.person.id.clone())
        .collect();
    ids.sort();
    for client in &mut clients {
        let members = client.ask(&json!({"type": "members", "room": room})).await;
        let mut seen: Vec<_> = members["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect();
        seen.sort();
        assert_eq!(seen, ids);
        assert_eq!(members["count"], 2);
    }
}

async fn a_second_window_of_the_same_person_is_no_second_person(world: &Description) {
    let base = &world.url;
    let room = fresh_room("windows");
    let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let person = Person::sign_in(base, "Ben").await;
    let mut first = Client::connect(&person, Via::WebSocket).await;
    first.join(&room).await;
    ada.hears(|frame| frame["type"] == "presence" && frame["joined"][0]["id"] == json!(person.id))
        .await;
    let mut second = Client::connect(&person, Via::LongPoll).await;
    let joined = second.join(&room).await;
    assert_eq!(joined["count"], 2);
    drop(first);
    // Her own arrival may be told late; nobody else comes or goes.
    let id = json!(person.id);
    ada.hears_no(|frame| frame["left"][0]["id"] == id || frame["joined"][0]["id"] == id)
        .await;
}

async fn others_see_who_types_and_the_typist_does_not(world: &Description) {
    let base = &world.url;
    let room = fresh_room("typing");
    let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
    let mut ben = Client::enter(base, "Ben", Via::LongPoll).await;
    let mut cleo = Client::enter(base, "Cleo", Via::WebSocket).await;
    for client in [&mut ada, &mut ben, &mut cleo] {
        client.join(&room).await;
    }
    let typing = json!({"type": "typing", "room": room, "on": true});
    let reply = ben.ask(&typing).await;
    assert_eq!(reply["type"], "ok");
    let seen = ada.hears(|frame| frame["type"] == "typing").await;
    assert_eq!(seen["user"]["id"], json!(ben.person.id));
    assert_eq!(seen["on"], true);
    ben.say(&room, "there").await;
    let ended = ada
        .hears(|frame| frame["type"] == "typing" && frame["on"] == false)
        .await;
    assert_eq!(ended["user"]["id"], json!(ben.person.id));
    ben.hears_no(|frame| frame["type"] == "typing").await;
}

async fn the_directory_lists_rooms_with_how_many_are_there(world: &Description) {
    let base = &world.url;
    let room = fresh_room("listed");
    let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    ada.say(&room, "something").await;
    let (status, directory) = ada.person.get("/api/v1/rooms").await;
    assert_eq!(status, 200);
    let rooms = directory["rooms"].as_array().unwrap();
    assert!(rooms.iter().any(|listed| listed["name"] == "lobby"));
    let listed = rooms.iter().find(|listed| listed["name"] == json!(room));
    assert_eq!(listed.expect("the room is listed")["count"], 1);
    let (status, history) = ada
        .person
        .get(&format!("/api/v1/rooms/{room}/messages?limit=10"))
        .await;
    assert_eq!(status, 200);
    assert_eq!(history["messages"][0]["text"], "something");
}

async fn a_connection_follows_only_so_many_rooms(world: &Description) {
    let base = &world.url;
    let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
    let room = fresh_room("many");
    for count in 0..100 {
        ada.join(&format!("{room}-{count}")).await;
    }
    let refused = ada
        .ask(&json!({"type": "join", "room": format!("{room}-100")}))
        .await;
    assert_eq!(refused["code"], "too_many_rooms");
}
