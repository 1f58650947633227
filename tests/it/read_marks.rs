//! How far somebody has read: kept for them, and told to their other windows.

use std::collections::BTreeMap;

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::cases,
    http::{Person, fresh_room, text},
    private::create,
    until::until,
};

cases! {
    joining_tells_how_far_one_has_read_on_any_transport;
    other_windows_are_told_and_nobody_else;
    a_mark_never_goes_back_nor_beyond_the_end;
    of_many_marks_in_one_moment_the_furthest_is_kept;
    a_private_room_has_marks_as_well;
    who_left_a_private_room_for_good_has_no_mark_when_they_are_invited_again;
}

/// Where somebody who joins is told to have read to.
async fn mark(person: &Person, via: Via, room: &str) -> String {
    let mut client = Client::connect(person, via).await;
    text(&client.join(room).await["read"])
}

async fn comes_to(person: &Person, room: &str, position: &Value) {
    until("the mark is there", async || {
        let mark = mark(person, Via::WebSocket, room).await;
        (json!(mark) == *position).then_some(())
    })
    .await;
}

async fn read(client: &mut Client, room: &str, position: &Value) {
    client
        .tell(&json!({"type": "read", "room": room, "position": position}))
        .await;
}

async fn joining_tells_how_far_one_has_read_on_any_transport(world: &Description) {
    for via in BOTH {
        let room = fresh_room("marks");
        let mut ada = Client::enter(&world.instances[0].url, "Ada", via).await;
        assert_eq!(ada.join(&room).await["read"], "0-0");
        let first = ada.say(&room, "one").await["position"].clone();
        ada.say(&room, "two").await;
        read(&mut ada, &room, &first).await;
        let elsewhere = ada.person.at(&world.instances[1].url);
        comes_to(&elsewhere, &room, &first).await;
        for via in BOTH {
            assert_eq!(json!(mark(&elsewhere, via, &room).await), first);
        }
        let ben = Person::sign_in(&world.url, "Ben").await;
        assert_eq!(mark(&ben, via, &room).await, "0-0");
    }
}

async fn other_windows_are_told_and_nobody_else(world: &Description) {
    for says in BOTH {
        for hears in BOTH {
            let room = fresh_room("windows");
            let ada = Person::sign_in(&world.url, "Ada").await;
            let (one, other) = (&world.instances[0].url, &world.instances[1].url);
            let mut window = Client::connect(&ada.at(one), says).await;
            let mut phone = Client::connect(&ada.at(other), hears).await;
            let mut ben = Client::enter(other, "Ben", hears).await;
            for client in [&mut window, &mut phone, &mut ben] {
                client.join(&room).await;
            }
            let position = ben.say(&room, "hello").await["position"].clone();
            for client in [&mut window, &mut phone] {
                client.hears_message(&room).await;
            }
            // It may be lost: over a poll, between two of them.
            let told = json!({"type": "read", "room": room, "position": position});
            if hears == Via::WebSocket {
                read(&mut window, &room, &position).await;
                assert_eq!(phone.hears(|frame| frame["type"] == "read").await, told);
            } else {
                read(&mut window, &room, &position).await;
                comes_to(&ada, &room, &position).await;
            }
            ben.hears_no(|frame| frame["type"] == "read").await;
            if says == Via::WebSocket {
                window.hears_no(|frame| frame["type"] == "read").await;
            }
        }
    }
}

async fn a_mark_never_goes_back_nor_beyond_the_end(world: &Description) {
    for via in BOTH {
        let room = fresh_room("bounds");
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        ada.join(&room).await;
        let first = ada.say(&room, "one").await["position"].clone();
        let last = ada.say(&room, "two").await["position"].clone();
        read(
            &mut ada,
            &room,
            &json!("18446744073709551615-18446744073709551615"),
        )
        .await;
        comes_to(&ada.person, &room, &last).await;
        read(&mut ada, &room, &first).await;
        let later = ada.say(&room, "three").await["position"].clone();
        assert_eq!(json!(mark(&ada.person, via, &room).await), last);
        // The mark that would have stayed for ever moves on.
        read(&mut ada, &room, &later).await;
        comes_to(&ada.person, &room, &later).await;
        for wrong in [json!(5), json!("x"), Value::Null] {
            let frame = json!({"type": "read", "room": room, "position": wrong});
            assert_eq!(ada.ask(&frame).await["type"], "error");
        }
    }
}

async fn of_many_marks_in_one_moment_the_furthest_is_kept(world: &Description) {
    for via in BOTH {
        let room = fresh_room("many");
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        ada.join(&room).await;
        let mut positions = Vec::new();
        for count in 0..10 {
            let ack = ada.say(&room, &format!("message {count}")).await;
            positions.push(ack["position"].clone());
        }
        for index in [0, 1, 2, 9, 8, 5] {
            read(&mut ada, &room, &positions[index]).await;
        }
        comes_to(&ada.person, &room, &positions[9]).await;
    }
}

async fn a_private_room_has_marks_as_well(world: &Description) {
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        let room = create(&mut ada, "Den", &[]).await;
        assert_eq!(ada.join(&room).await["read"], "0-0");
        let position = ada.say(&room, "one").await["position"].clone();
        read(&mut ada, &room, &position).await;
        comes_to(&ada.person, &room, &position).await;
    }
}

async fn who_left_a_private_room_for_good_has_no_mark_when_they_are_invited_again(
    world: &Description,
) {
    for via in BOTH {
        let public = fresh_room("beside");
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        let mut ben = Client::enter(&world.instances[0].url, "Ben", via).await;
        let name = ben.person.name.clone();
        let room = create(&mut ada, "Den", &[&name]).await;
        for room in [&room, &public] {
            ada.join(room).await;
            ben.join(room).await;
        }
        let mut last = BTreeMap::new();
        for room in [&room, &public] {
            for text in ["one", "two"] {
                let position = ada.say(room, text).await["position"].clone();
                // The second one waits for the moment of the first to be over.
                read(&mut ben, room, &position).await;
                last.insert(room.clone(), position);
            }
        }
        let gone = ben.ask(&json!({"type": "forget", "room": room})).await;
        assert_eq!(gone["type"], "forgotten");
        comes_to(&ben.person, &public, &last[&public]).await;
        let back = ada
            .ask(&json!({"type": "invite", "room": room, "name": name}))
            .await;
        assert_eq!(back["type"], "invited");
        assert_eq!(mark(&ben.person, via, &room).await, "0-0");
    }
}
