//! Coming back: exactly what was missed, on any instance and transport, and one
//! message for one key.

use hubbub_cluster::Description;
use serde_json::json;

use crate::support::{
    client::{BOTH, Client, Via, texts},
    cluster::cases,
    http::{Person, fresh_room, text, unique},
};

cases! {
    many_who_resume_at_once_where_nobody_was_miss_nothing;
    who_resumes_elsewhere_hears_exactly_what_was_missed;
    a_position_from_before_everything_brings_everything;
    one_key_is_one_message_over_instances_and_transports;
    the_same_key_for_another_text_is_refused;
    the_same_key_of_another_person_is_another_message;
    joining_again_with_a_position_repeats_nothing;
}

async fn who_resumes_elsewhere_hears_exactly_what_was_missed(world: &Description) {
    let cluster = world;
    let [here, there] = [&cluster.instances[0].url, &cluster.instances[1].url];
    for (before, after) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let room = fresh_room("missed");
        let mut ada = Client::enter(here, "Ada", Via::WebSocket).await;
        ada.join(&room).await;
        let person = Person::sign_in(here, "Ben").await;
        let mut ben = Client::connect(&person, BOTH[before]).await;
        ben.join(&room).await;
        ada.say(&room, "seen").await;
        let last = text(&ben.hears_message(&room).await["position"]);
        drop(ben);
        // More than a page of it.
        for count in 0..130 {
            ada.say(&room, &format!("missed {count}")).await;
        }
        let mut ben = Client::connect(&person.at(there), BOTH[after]).await;
        ben.resume(&room, &last).await;
        let mut heard = Vec::new();
        if BOTH[after] == Via::WebSocket {
            let joined = ben.hears(|frame| frame["type"] == "joined").await;
            assert_eq!(joined["recovered"], true);
            heard.extend(joined["messages"].as_array().unwrap().clone());
        }
        ada.say(&room, "end").await;
        heard.extend(ben.hears_up_to(&room, "end").await);
        let mut expected: Vec<_> = (0..130).map(|count| format!("missed {count}")).collect();
        expected.push("end".to_owned());
        assert_eq!(
            texts(&heard),
            expected,
            "{:?} to {:?}",
            BOTH[before],
            BOTH[after]
        );
        ben.hears_no(|frame| frame["type"] == "message" || frame["type"] == "gap")
            .await;
    }
}

async fn a_position_from_before_everything_brings_everything(world: &Description) {
    for via in BOTH {
        let base = &world.url;
        let room = fresh_room("all");
        let mut ada = Client::enter(base, "Ada", via).await;
        ada.join(&room).await;
        ada.say(&room, "one").await;
        ada.say(&room, "two").await;
        let mut ben = Client::enter(base, "Ben", via).await;
        ben.resume(&room, "0-0").await;
        let heard = ben.hears_up_to(&room, "two").await;
        assert_eq!(texts(&heard), ["one", "two"]);
    }
}

async fn one_key_is_one_message_over_instances_and_transports(world: &Description) {
    let cluster = world;
    let room = fresh_room("key");
    let person = Person::sign_in(&cluster.url, "Ada").await;
    let key = unique();
    let mut positions = Vec::new();
    for (index, via) in [BOTH[0], BOTH[1], BOTH[1], BOTH[0], BOTH[0]]
        .into_iter()
        .enumerate()
    {
        let instance = &cluster.instances[index % 2];
        let mut client = Client::connect(&person.at(&instance.url), via).await;
        client.join(&room).await;
        let ack = client.say_as(&room, &key, "once").await;
        assert_eq!(ack["duplicate"], json!(index > 0));
        positions.push((ack["position"].clone(), ack["at"].clone()));
    }
    assert!(
        positions.iter().all(|place| *place == positions[0]),
        "{positions:?}"
    );
    let (_, history) = person.get(&format!("/api/v1/rooms/{room}/messages")).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
}

async fn the_same_key_for_another_text_is_refused(world: &Description) {
    for via in BOTH {
        let room = fresh_room("reused");
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        ada.join(&room).await;
        ada.say_as(&room, "k1", "first").await;
        let refused = ada
            .ask(&json!({"type": "send", "room": room, "key": "k1", "text": "second"}))
            .await;
        assert_eq!(refused["code"], "key_reused");
    }
}

async fn the_same_key_of_another_person_is_another_message(world: &Description) {
    let room = fresh_room("scope");
    for name in ["Ada", "Ben"] {
        let mut client = Client::enter(&world.url, name, Via::WebSocket).await;
        client.join(&room).await;
        let ack = client.say_as(&room, "k1", "mine").await;
        assert_eq!(ack["duplicate"], false);
    }
}

async fn joining_again_with_a_position_repeats_nothing(world: &Description) {
    let room = fresh_room("again");
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let ack = ada.say(&room, "one").await;
    ada.hears_message(&room).await;
    ada.resume(&room, ack["position"].as_str().unwrap()).await;
    let joined = ada.hears(|frame| frame["type"] == "joined").await;
    assert_eq!(joined["recovered"], true);
    assert_eq!(joined["messages"], json!([]));
    assert_eq!(joined["more"], false);
    ada.say(&room, "two").await;
    assert_eq!(ada.hears_message(&room).await["text"], "two");
}

async fn many_who_resume_at_once_where_nobody_was_miss_nothing(world: &Description) {
    let [here, there] = [&world.instances[0].url, &world.instances[1].url];
    let mut ada = Client::enter(here, "Ada", Via::WebSocket).await;
    let mut crowd = Vec::new();
    for index in 0..10 {
        crowd.push(Client::enter(there, "Crowd", BOTH[index % 2]).await);
    }
    for _ in 0..10 {
        let room = fresh_room("crowd");
        ada.join(&room).await;
        let seen = ada.say(&room, "seen").await;
        ada.say(&room, "missed").await;
        ada.say(&room, "end").await;
        let last = text(&seen["position"]);
        let resumed = crowd.iter_mut().map(async |client| {
            client.resume(&room, &last).await;
            let heard = client
                .hears(|frame| {
                    frame["room"] == json!(room)
                        && (frame["type"] == "joined" || frame["type"] == "message")
                })
                .await;
            let missed = match frame_type(&heard) {
                "joined" if heard["messages"] == json!([]) => client.hears_message(&room).await,
                "joined" => heard["messages"][0].clone(),
                _ => heard,
            };
            assert_eq!(missed["text"], "missed");
        });
        futures_util::future::join_all(resumed).await;
    }
}

fn frame_type(frame: &serde_json::Value) -> &str {
    frame["type"].as_str().unwrap_or_default()
}
