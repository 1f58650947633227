//! Private rooms, as somebody sees them who was not invited: every frame and every
//! route, over both transports, gets the answer that a room gets which is not
//! there, and whoever is in the room notices nothing.

use hubbub::protocol::client_frame::ClientFrame;
use hubbub_cluster::Description;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::{cases, mint},
    http::{Person, text, unique},
    private::{admin, create, direct},
};

cases! {
    every_frame_of_a_stranger_is_answered_as_if_there_were_no_room;
    every_poll_of_a_stranger_is_answered_as_if_there_were_no_room;
    every_route_answers_a_stranger_as_if_there_were_no_room;
    those_inside_notice_nothing_of_a_stranger;
    a_private_room_that_was_closed_is_none_to_a_stranger_who_polls;
    nobody_makes_a_private_room_by_naming_it;
    somebody_with_a_token_is_a_stranger_too;
}

/// A private room and one of two people, neither of them the stranger's, with
/// something said in each; two that are not there; and who is inside.
struct Scene {
    there: Vec<String>,
    absent: Vec<String>,
    said: Vec<String>,
    ada: Client,
    _ben: Client,
}

async fn scene(world: &Description) -> Scene {
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let ben = Client::enter(&world.url, "Ben", Via::LongPoll).await;
    let there = vec![
        create(&mut ada, "Secret plans", &[&ben.person.name]).await,
        direct(&mut ada, &ben.person.name).await,
    ];
    let mut said = Vec::new();
    for room in &there {
        ada.join(room).await;
        said.push(text(&ada.say(room, "a secret").await["position"]));
    }
    let absent = vec![
        "p-00000000000000000000000000000000".to_owned(),
        "d-00000000000000000000000000000000".to_owned(),
    ];
    Scene {
        there,
        absent,
        said,
        ada,
        _ben: ben,
    }
}

impl Scene {
    /// The stranger's answers about each room must be the same, but for its name,
    /// and must not hold a word of what is inside.
    async fn is_alike(&self, what: &str, mut ask: impl AsyncFnMut(&str, &str) -> Value) -> Value {
        let mut answers = Vec::new();
        for room in self.absent.iter().chain(&self.there) {
            for position in &self.said {
                let answer = ask(room, position).await;
                let answer = answer.to_string().replace(room, "ROOM");
                assert!(
                    !answer.to_lowercase().contains("secret"),
                    "{what}: {answer}"
                );
                answers.push(answer);
            }
        }
        for answer in &answers {
            assert_eq!(*answer, answers[0], "{what}");
        }
        serde_json::from_str(&answers[0]).unwrap()
    }
}

/// Every frame that names a room.
fn frames(room: &str, position: &str) -> Vec<Value> {
    let key = unique();
    vec![
        json!({"type": "join", "room": room}),
        json!({"type": "join", "room": room, "after": position}),
        json!({"type": "join", "room": room, "after": "0-0"}),
        json!({"type": "send", "room": room, "key": key, "text": "hi"}),
        json!({"type": "send", "room": room, "key": key, "text": "hi", "reply_to": position}),
        json!({"type": "edit", "room": room, "key": key, "target": position, "text": "hi"}),
        json!({"type": "delete", "room": room, "key": key, "target": position}),
        json!({"type": "react", "room": room, "key": key, "target": position, "emoji": "+1", "on": true}),
        json!({"type": "typing", "room": room, "on": true}),
        json!({"type": "typing", "room": room, "on": false}),
        json!({"type": "history", "room": room}),
        json!({"type": "history", "room": room, "before": position, "limit": 100}),
        json!({"type": "members", "room": room}),
        json!({"type": "members", "room": room, "limit": 10}),
        json!({"type": "read", "room": room, "position": position}),
        json!({"type": "search", "room": room, "query": "secret"}),
        json!({"type": "search", "room": room, "query": "from:ada", "before": position}),
        json!({"type": "invite", "room": room, "name": "Nobody at all"}),
        json!({"type": "forget", "room": room}),
        json!({"type": "leave", "room": room}),
    ]
}

/// Does not compile without a new frame, which then belongs into the list above
/// if it names a room.
fn is_tried(frame: &ClientFrame) -> bool {
    match frame {
        ClientFrame::Join { .. }
        | ClientFrame::Leave { .. }
        | ClientFrame::Send { .. }
        | ClientFrame::Edit { .. }
        | ClientFrame::Delete { .. }
        | ClientFrame::React { .. }
        | ClientFrame::Typing { .. }
        | ClientFrame::History { .. }
        | ClientFrame::Members { .. }
        | ClientFrame::Read { .. }
        | ClientFrame::Invite { .. }
        | ClientFrame::Forget { .. }
        | ClientFrame::Search { .. } => true,
        ClientFrame::Create { .. }
        | ClientFrame::Direct { .. }
        | ClientFrame::Refresh { .. }
        | ClientFrame::Ping => false,
    }
}

async fn every_frame_of_a_stranger_is_answered_as_if_there_were_no_room(world: &Description) {
    let scene = scene(world).await;
    for via in BOTH {
        let mut eve = Client::enter(&world.url, "Eve", via).await;
        for index in 0..frames("", "").len() {
            let what = frames("lobby", "5-1")[index].clone();
            let (_, frame) = ClientFrame::from_value(what.clone()).unwrap();
            assert!(is_tried(&frame));
            let answer = scene
                .is_alike(&format!("{what} over {via:?}"), async |room, position| {
                    let mut answer = eve.ask(&frames(room, position)[index]).await;
                    answer["id"] = Value::Null;
                    answer
                })
                .await;
            if what["type"] == "leave" {
                assert_eq!(answer["type"], "left");
            } else {
                assert_eq!(answer["code"], "no_such_room", "{what}: {answer}");
            }
        }
    }
}

async fn every_poll_of_a_stranger_is_answered_as_if_there_were_no_room(world: &Description) {
    let scene = scene(world).await;
    let eve = Person::sign_in(&world.url, "Eve").await;
    let (_, first) = eve
        .post("/api/v1/poll", &json!({"rooms": {}, "hold_ms": 0}))
        .await;
    let connection = first["frames"][0]["connection"].clone();
    let polls = [
        |_: &str| Value::Null,
        |position: &str| json!(position),
        |_: &str| json!("0-0"),
        |position: &str| json!({"after": position, "presence_version": 1}),
    ];
    for from in polls {
        let what = format!("a poll from {}", from("POSITION"));
        let answer = scene
            .is_alike(&what, async |room, position| {
                let rooms = json!({room: from(position)});
                let body = json!({"connection": connection, "rooms": rooms, "hold_ms": 0});
                let (status, answer) = eve.post("/api/v1/poll", &body).await;
                json!([status, answer["frames"]])
            })
            .await;
        assert_eq!(answer[1].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(answer[1][0]["code"], "no_such_room");
        assert_eq!(answer[1][0]["room"], "ROOM");
    }
    // Whoever only speaks may speak wherever they may join.
    let answer = scene
        .is_alike("frames without a connection", async |room, position| {
            let frames = frames(room, position);
            let (status, answer) = eve.post("/api/v1/frames", &json!({"frames": frames})).await;
            json!([status, answer])
        })
        .await;
    assert_eq!(answer[0], 200);
}

async fn every_route_answers_a_stranger_as_if_there_were_no_room(world: &Description) {
    let mut scene = scene(world).await;
    let eve = Person::sign_in(&world.url, "Eve").await;
    let nobody = Person::stranger(&world.url);
    let paths = |room: &str, position: &str| {
        [
            (Method::GET, format!("/api/v1/rooms/{room}/messages")),
            (
                Method::GET,
                format!("/api/v1/rooms/{room}/messages?before={position}&limit=10"),
            ),
            (Method::GET, format!("/api/v1/rooms/{room}/search?q=secret")),
            (
                Method::GET,
                format!("/api/v1/rooms/{room}/search?q=from:ada&before={position}"),
            ),
            (Method::POST, format!("/api/v1/rooms/{room}")),
            (Method::DELETE, format!("/api/v1/rooms/{room}")),
            (Method::GET, format!("/api/v1/rooms/{room}")),
            (Method::GET, format!("/api/v1/rooms/{room}/members")),
            (Method::GET, format!("/r/{room}")),
        ]
    };
    for index in 0..paths("", "").len() {
        let what = format!("{:?}", paths("ROOM", "POSITION")[index]);
        for who in [&eve, &nobody] {
            let answer = scene
                .is_alike(&what, async |room, position| {
                    let (method, path) = paths(room, position)[index].clone();
                    let body = (method == Method::POST).then(|| json!({"title": "Mine"}));
                    let answer = who.request(method, &path, body.as_ref()).await.unwrap();
                    let status = answer.status().as_u16();
                    json!([status, answer.text().await.unwrap()])
                })
                .await;
            if index < 4 {
                let expected = if who.name.is_empty() { 401 } else { 404 };
                assert_eq!(answer[0], expected, "{what}: {answer}");
            }
        }
    }
    // The directory names neither room, and counts nobody in it.
    scene.ada.join("lobby").await;
    let (_, listed) = eve.get("/api/v1/rooms").await;
    let (_, all) = admin(world, Method::GET, "/api/v1/rooms").await;
    for listed in [listed, all] {
        assert!(listed["rooms"].as_array().is_some());
        for room in &scene.there {
            assert!(!listed.to_string().contains(room), "{listed}");
        }
        assert!(!listed.to_string().contains("Secret"), "{listed}");
        assert!(!listed.to_string().contains("private"), "{listed}");
    }
}

async fn those_inside_notice_nothing_of_a_stranger(world: &Description) {
    let mut scene = scene(world).await;
    let before = inside(&mut scene).await;
    for via in BOTH {
        let mut eve = Client::enter(&world.url, "Eve", via).await;
        for (room, position) in scene.there.iter().zip(&scene.said) {
            for frame in frames(room, position) {
                eve.ask(&frame).await;
            }
            eve.resume(room, position).await;
            eve.hears(|frame| frame["code"] == "no_such_room").await;
        }
        for room in &scene.there {
            scene.ada.say(room, "still a secret").await;
        }
        eve.hears_no(|frame| {
            let is_about = |room: &String| frame["room"] == json!(room);
            frame["type"] != "error" && frame["type"] != "left" && scene.there.iter().any(is_about)
        })
        .await;
        let name = eve.person.name.clone();
        scene
            .ada
            .hears_no(|frame| frame.to_string().contains(&name))
            .await;
    }
    assert_eq!(inside(&mut scene).await, before);
}

/// What those inside see of who is there.
async fn inside(scene: &mut Scene) -> Vec<Value> {
    let mut seen = Vec::new();
    for room in &scene.there {
        let frame = json!({"type": "members", "room": room});
        let members = scene.ada.ask(&frame).await;
        seen.push(json!([
            members["members"],
            members["count"],
            members["version"]
        ]));
    }
    seen
}

async fn a_private_room_that_was_closed_is_none_to_a_stranger_who_polls(world: &Description) {
    let mut scene = scene(world).await;
    for room in &scene.there {
        let (status, _) = admin(world, Method::DELETE, &format!("/api/v1/rooms/{room}")).await;
        assert_eq!(status, 204);
        scene
            .ada
            .hears(|frame| frame["type"] == "room_closed" && frame["room"] == json!(room))
            .await;
    }
    let eve = Person::sign_in(&world.url, "Eve").await;
    let answer = scene
        .is_alike("a poll after the end", async |room, position| {
            let body = json!({"rooms": {room: position}, "hold_ms": 0});
            let (status, answer) = eve.post("/api/v1/poll", &body).await;
            json!([status, answer["frames"][1]])
        })
        .await;
    assert_eq!(answer[1]["code"], "no_such_room", "{answer}");
    // Whoever was in it is told how it ended.
    let (_, answer) = scene
        .ada
        .person
        .post(
            "/api/v1/poll",
            &json!({"rooms": {&scene.there[0]: &scene.said[0]}, "hold_ms": 0}),
        )
        .await;
    assert_eq!(answer["frames"][1]["type"], "room_closed", "{answer}");
}

async fn nobody_makes_a_private_room_by_naming_it(world: &Description) {
    let api = [("x-api-key", world.api_key.as_str())];
    for name in [format!("p-{}", unique()), format!("d-{}", unique())] {
        for via in BOTH {
            let mut eve = Client::enter(&world.url, "Eve", via).await;
            for frame in frames(&name, "5-1") {
                eve.ask(&frame).await;
            }
            let joined = eve.ask(&json!({"type": "join", "room": name})).await;
            assert_eq!(joined["code"], "no_such_room", "{joined}");
        }
        let eve = Person::sign_in(&world.url, "Eve").await;
        let path = format!("/api/v1/rooms/{name}");
        let (status, answer) = eve.post_with(&path, &json!({"title": "Mine"}), &api).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["error"]["code"], "bad_room_name");
        let (status, _) = admin(world, Method::DELETE, &path).await;
        assert_eq!(status, 404, "there is none to close");
    }
}

async fn somebody_with_a_token_is_a_stranger_too(world: &Description) {
    let scene = scene(world).await;
    let name = format!("Eve {}", unique());
    let token = mint(world, &["--name", &name, "--ttl", "1h"]);
    let eve = Person::stranger(&world.url);
    let authorization = format!("Bearer {token}");
    let bearer = [("authorization", authorization.as_str())];
    let answer = scene
        .is_alike("frames by token", async |room, position| {
            let body = json!({"frames": frames(room, position)});
            let (status, answer) = eve.post_with("/api/v1/frames", &body, &bearer).await;
            json!([status, answer])
        })
        .await;
    let answers = answer[1]["frames"].as_array().unwrap();
    let open = |frame: &&Value| frame["code"] != "no_such_room";
    let open: Vec<_> = answers.iter().filter(open).collect();
    assert_eq!(open.len(), 1, "only `leave` is no refusal: {open:?}");
}
