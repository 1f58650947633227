//! Messages that are edited, deleted and reacted to, over both transports.

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::{cases, mint},
    http::{Person, fresh_room, text, unique},
    until::until,
};

cases! {
    what_one_changes_the_others_see_at_once_and_later;
    a_deleted_text_comes_back_to_nobody;
    who_was_away_hears_what_was_changed;
    a_change_is_asked_for_as_often_as_one_likes;
    what_may_not_be_changed_is_refused;
    who_is_named_is_found_by_the_server;
    who_came_by_a_token_is_found_like_everybody_else;
    who_names_people_now_and_then_keeps_the_order;
    many_react_at_once_and_all_are_seen;
    who_polls_a_room_reacts_in_it_and_who_left_it_does_not;
}

fn change(kind: &str, room: &str, target: &Value) -> Value {
    json!({"type": kind, "room": room, "key": unique(), "target": target})
}

fn edit(room: &str, target: &Value, words: &str) -> Value {
    let mut frame = change("edit", room, target);
    frame["text"] = json!(words);
    frame
}

fn react(room: &str, target: &Value, emoji: &str, on: bool) -> Value {
    let mut frame = change("react", room, target);
    frame["emoji"] = json!(emoji);
    frame["on"] = json!(on);
    frame
}

/// Asks for a change and returns its acknowledgement.
async fn done(client: &mut Client, frame: &Value) -> Value {
    let ack = client.ask(frame).await;
    assert_eq!(ack["type"], "ack", "{frame}: {ack}");
    assert_eq!(
        (&ack["key"], &ack["duplicate"]),
        (&frame["key"], &json!(false))
    );
    ack
}

/// A message as history and a fresh join show it.
async fn shown(base: &str, room: &str, position: &Value) -> Value {
    let mut reader = Client::enter(base, "Reader", Via::WebSocket).await;
    let joined = reader.join(room).await;
    let page = reader.ask(&json!({"type": "history", "room": room})).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    let (_, over_http) = reader.person.get(&path).await;
    assert_eq!(joined["messages"], page["messages"]);
    assert_eq!(joined["messages"], over_http["messages"]);
    let all = page["messages"].as_array().unwrap();
    let found = all.iter().find(|message| message["position"] == *position);
    found.expect("it is shown").clone()
}

async fn what_one_changes_the_others_see_at_once_and_later(world: &Description) {
    for (speaks, hears) in [(0, 1), (1, 0)] {
        let base = &world.url;
        let room = fresh_room("change");
        let mut ada = Client::enter(base, "Ada", BOTH[speaks]).await;
        let mut ben = Client::enter(base, "Ben", BOTH[hears]).await;
        ada.join(&room).await;
        ben.join(&room).await;
        let said = ada.say(&room, "teh end").await["position"].clone();
        ben.hears_message(&room).await;

        let asked = edit(&room, &said, "the end");
        let ack = done(&mut ada, &asked).await;
        let by = json!({"id": ada.person.id, "name": ada.person.name});
        let mut expected = json!({"type": "edited", "room": room, "position": ack["position"],
            "at": ack["at"], "key": asked["key"], "target": said, "by": by, "text": "the end"});
        for client in [&mut ada, &mut ben] {
            assert_eq!(
                client.hears(|frame| frame["type"] == "edited").await,
                expected
            );
        }

        let asked = react(&room, &said, "🎉", true);
        let ack = done(&mut ben, &asked).await;
        let by = json!({"id": ben.person.id, "name": ben.person.name});
        expected = json!({"type": "reacted", "room": room, "position": ack["position"],
            "at": ack["at"], "key": asked["key"], "target": said, "by": by, "emoji": "🎉", "on": true});
        for client in [&mut ada, &mut ben] {
            assert_eq!(
                client.hears(|frame| frame["type"] == "reacted").await,
                expected
            );
        }
        let message = shown(base, &room, &said).await;
        assert_eq!(message["text"], "the end");
        assert!(message["edited"].as_u64().unwrap() >= message["at"].as_u64().unwrap());
        assert_eq!(
            message["reactions"],
            json!([{"emoji": "🎉", "users": [by]}])
        );

        let asked = change("delete", &room, &said);
        let ack = done(&mut ada, &asked).await;
        let deleted = ben.hears(|frame| frame["type"] == "deleted").await;
        assert_eq!(
            (&deleted["target"], &deleted["position"]),
            (&said, &ack["position"])
        );
        let message = shown(base, &room, &said).await;
        assert_eq!(
            (&message["text"], &message["deleted"]),
            (&json!(""), &json!(true))
        );
        assert_eq!(
            (&message["edited"], &message["reactions"]),
            (&Value::Null, &Value::Null)
        );
    }
}

/// Whoever was away while something was said and taken back gets none of it,
/// wherever they come back: not from the log, and not from what an instance
/// remembers.
async fn a_deleted_text_comes_back_to_nobody(world: &Description) {
    let room = fresh_room("quiet");
    let [here, there] = [&world.instances[0].url, &world.instances[1].url];
    let mut ada = Client::enter(here, "Ada", Via::WebSocket).await;
    let mut ben = Client::enter(there, "Ben", Via::WebSocket).await;
    ada.join(&room).await;
    ben.join(&room).await;
    let seen = text(&ada.say(&room, "seen").await["position"]);
    let said = ada.say(&room, "my secret").await["position"].clone();
    done(&mut ada, &edit(&room, &said, "my other secret")).await;
    ada.say(&room, "between").await;
    done(&mut ada, &change("delete", &room, &said)).await;
    ada.say(&room, "end").await;
    for client in [&mut ada, &mut ben] {
        client.hears_up_to(&room, "end").await;
    }
    // Twice each: what was read from the log may be remembered for the second.
    for (base, via) in [here, there, here, there]
        .into_iter()
        .zip([BOTH[0], BOTH[1], BOTH[1], BOTH[0]])
    {
        let mut away = Client::enter(base, "Cleo", via).await;
        away.resume(&room, &seen).await;
        let mut heard = Vec::new();
        loop {
            let frame = away
                .hears(|frame| frame["room"] == json!(room) && frame["type"] != "presence")
                .await;
            let is_last = frame["text"] == "end"
                || frame["messages"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one["text"] == "end"));
            heard.push(frame);
            if is_last {
                break;
            }
        }
        let all = json!(heard).to_string();
        assert!(!all.contains("secret"), "{via:?}: {all}");
        let edited = heard
            .iter()
            .find(|frame| frame["type"] == "edited")
            .unwrap();
        assert_eq!((&edited["target"], &edited["text"]), (&said, &json!("")));
    }
}

async fn who_was_away_hears_what_was_changed(world: &Description) {
    for via in BOTH {
        let base = &world.url;
        let room = fresh_room("away");
        let mut ada = Client::enter(base, "Ada", Via::WebSocket).await;
        ada.join(&room).await;
        let said = ada.say(&room, "one").await["position"].clone();
        let last = text(&ada.say(&room, "two").await["position"]);
        let mut positions = Vec::new();
        positions.push(done(&mut ada, &react(&room, &said, "👍", true)).await["position"].clone());
        positions.push(done(&mut ada, &edit(&room, &said, "One")).await["position"].clone());
        positions.push(done(&mut ada, &react(&room, &said, "👍", false)).await["position"].clone());
        positions.push(done(&mut ada, &change("delete", &room, &said)).await["position"].clone());
        ada.say(&room, "end").await;
        let mut ben = Client::enter(base, "Ben", via).await;
        ben.resume(&room, &last).await;
        let mut heard = Vec::new();
        for kind in ["reacted", "edited", "reacted", "deleted"] {
            let frame = ben.hears(|frame| frame["target"] == said).await;
            assert_eq!(frame["type"], kind);
            heard.push(frame["position"].clone());
        }
        assert_eq!(heard, positions);
        ben.hears_up_to(&room, "end").await;
    }
}

async fn a_change_is_asked_for_as_often_as_one_likes(world: &Description) {
    let room = fresh_room("often");
    let person = Person::sign_in(&world.url, "Ada").await;
    let mut first = Client::connect(&person, Via::WebSocket).await;
    first.join(&room).await;
    let said = first.say(&room, "a").await["position"].clone();
    for frame in [
        edit(&room, &said, "b"),
        react(&room, &said, "👍", true),
        change("delete", &room, &said),
    ] {
        let ack = done(&mut first, &frame).await;
        for (instance, via) in world.instances.iter().zip([BOTH[1], BOTH[0]]) {
            let mut client = Client::connect(&person.at(&instance.url), via).await;
            client.join(&room).await;
            let again = client.ask(&frame).await;
            assert_eq!(
                (&again["position"], &again["at"]),
                (&ack["position"], &ack["at"])
            );
            assert_eq!(again["duplicate"], true);
        }
        let mut other = frame.clone();
        other["target"] = json!("1-1");
        assert_eq!(first.ask(&other).await["code"], "key_reused");
    }
    // Setting what is set stores nothing, and says where the room stands.
    let same = first.ask(&change("delete", &room, &said)).await;
    assert_eq!(same["duplicate"], true);
    let end = first.say(&room, "end").await["position"].clone();
    let last = text(&same["position"]);
    let seq: u64 = last.rsplit('-').next().unwrap().parse().unwrap();
    assert!(
        text(&end).ends_with(&format!("-{}", seq + 1)),
        "{last} {end}"
    );
}

async fn what_may_not_be_changed_is_refused(world: &Description) {
    for via in BOTH {
        let room = fresh_room("refused");
        let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
        let mut ben = Client::enter(&world.url, "Ben", via).await;
        ada.join(&room).await;
        ben.join(&room).await;
        let said = ada.say(&room, "mine").await["position"].clone();
        let own = ben.say(&room, "his").await["position"].clone();
        let long = "x".repeat(4_001);
        for (frame, code) in [
            (edit(&room, &said, "his"), "forbidden"),
            (change("delete", &room, &said), "forbidden"),
            (react(&room, &json!("1-1"), "👍", true), "bad_position"),
            (react(&room, &Value::Null, "👍", true), "bad_position"),
            (react(&room, &json!("here"), "👍", true), "bad_position"),
            (react(&room, &said, "two words", true), "bad_field"),
            (react(&room, &said, "", true), "bad_field"),
            (edit(&room, &own, " "), "bad_field"),
            (edit(&room, &own, &long), "text_too_long"),
        ] {
            assert_eq!(ben.ask(&frame).await["code"], code, "{frame}");
        }
        done(&mut ben, &change("delete", &room, &own)).await;
        for frame in [edit(&room, &own, "again"), react(&room, &own, "👍", true)] {
            assert_eq!(ben.ask(&frame).await["code"], "forbidden", "{frame}");
        }
    }
}

async fn who_is_named_is_found_by_the_server(world: &Description) {
    for via in BOTH {
        let base = &world.url;
        let room = fresh_room("named");
        let mut ada = Client::enter(base, "Ada", via).await;
        let ben = Client::enter(base, "Ben Example", Via::WebSocket).await;
        let mut cleo = Client::enter(base, "Cleo", Via::WebSocket).await;
        ada.join(&room).await;
        cleo.join(&room).await;
        let words = format!(
            "@{}: look at @{}, not at nobody@example.org",
            ben.person.name, cleo.person.name
        );
        let (key, frame) = (
            unique(),
            json!({"type": "send", "room": room, "text": words}),
        );
        let mut frame = frame;
        frame["key"] = json!(key);
        let ack = done(&mut ada, &frame).await;
        let heard = cleo.hears_message(&room).await;
        assert_eq!(heard["mentions"], json!([ben.person.id, cleo.person.id]));
        let words = format!("only @{}", cleo.person.name.to_uppercase());
        let asked = edit(&room, &ack["position"], &words);
        done(&mut ada, &asked).await;
        let heard = cleo.hears(|frame| frame["type"] == "edited").await;
        assert_eq!(heard["mentions"], json!([cleo.person.id]));
        assert_eq!(
            shown(base, &room, &ack["position"]).await["mentions"],
            heard["mentions"]
        );
        // Who is called so by now does not make it another send.
        let (status, _) = ben.person.delete("/api/v1/session").await;
        assert_eq!(status, 204);
        let again = ada.ask(&frame).await;
        assert_eq!(
            (&again["duplicate"], &again["position"]),
            (&json!(true), &ack["position"])
        );
    }
}

/// Nobody asked them for a name: the server writes it down a moment after they
/// came.
async fn who_came_by_a_token_is_found_like_everybody_else(world: &Description) {
    for via in BOTH {
        let room = fresh_room("guests");
        let name = format!("Guest {}", unique());
        let token = mint(world, &["--name", &name, "--ttl", "1h"]);
        let guest = Person::with_token(&world.url, &token);
        let mut guest = Client::connect(&guest, via).await;
        guest.join(&room).await;
        let hello = guest.hears(|frame| frame["type"] == "hello").await;
        let meant = json!([hello["user"]["id"]]);
        let mut ben = Client::enter(&world.url, "Ben", via).await;
        ben.join(&room).await;
        let words = format!("@{} are you there?", name.to_uppercase());
        let key = until("the guest can be mentioned", async || {
            let key = unique();
            ben.say_as(&room, &key, &words).await;
            let said = ben.hears_message(&room).await;
            (said["mentions"] == meant).then_some(key)
        })
        .await;
        let is_the_one = |frame: &Value| frame["type"] == "message" && frame["key"] == *key;
        let heard = guest.hears(is_the_one).await;
        assert_eq!(heard["mentions"], meant);
    }
}

async fn who_names_people_now_and_then_keeps_the_order(world: &Description) {
    let room = fresh_room("order");
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let name = ada.person.name.clone();
    // All at once, without waiting for any answer.
    for count in 0..40 {
        let words = if count % 3 == 0 {
            format!("@{name} {count}")
        } else {
            format!("and {count}")
        };
        let frame =
            json!({"type": "send", "room": room, "key": format!("k{count}"), "text": words});
        ada.say_text(&frame.to_string());
    }
    for count in 0..40 {
        let heard = ada.hears_message(&room).await;
        assert_eq!(heard["key"], json!(format!("k{count}")));
        let is_named = heard["mentions"] == json!([ada.person.id]);
        assert_eq!(is_named, count % 3 == 0, "{heard}");
    }
}

async fn many_react_at_once_and_all_are_seen(world: &Description) {
    let room = fresh_room("crowd");
    let mut crowd = Vec::new();
    for index in 0..12 {
        let instance = &world.instances[index % 2];
        let mut client = Client::enter(&instance.url, "Fan", BOTH[index / 2 % 2]).await;
        client.join(&room).await;
        crowd.push(client);
    }
    let said = crowd[0].say(&room, "who is for it?").await["position"].clone();
    let all = crowd.iter_mut().map(async |client| {
        done(client, &react(&room, &said, "🙋", true)).await;
        done(client, &react(&room, &said, "❤", true)).await;
        done(client, &react(&room, &said, "❤", false)).await;
    });
    futures_util::future::join_all(all).await;
    let reactions = shown(&world.url, &room, &said).await["reactions"].clone();
    assert_eq!(reactions.as_array().unwrap().len(), 1, "{reactions}");
    let mut seen: Vec<_> = reactions[0]["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["id"]))
        .collect();
    let mut ids: Vec<_> = crowd
        .iter()
        .map(|client| client.person.id.clone())
        .collect();
    seen.sort();
    ids.sort();
    assert_eq!(seen, ids);
    for client in &mut crowd {
        for _ in 0..36 {
            client.hears(|frame| frame["type"] == "reacted").await;
        }
    }
}

async fn who_polls_a_room_reacts_in_it_and_who_left_it_does_not(world: &Description) {
    for via in BOTH {
        let room = fresh_room("polls");
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        ada.join(&room).await;
        let said = ada.say(&room, "a").await["position"].clone();
        done(&mut ada, &react(&room, &said, "👍", true)).await;
        ada.hears(|frame| frame["type"] == "reacted").await;
        let mut ben = Client::enter(&world.url, "Ben", via).await;
        let elsewhere = fresh_room("elsewhere");
        ben.join(&elsewhere).await;
        for frame in [
            react(&room, &said, "👍", true),
            change("delete", &room, &said),
            edit(&room, &said, "b"),
        ] {
            assert_eq!(ben.ask(&frame).await["code"], "not_member", "{frame}");
        }
    }
}
