//! What one client may cost the others: rooms that it polls, logs that it
//! reads.

use std::{sync::Arc, time::Duration};

use hubbub::{
    broker::{BrokerSettings, Draft},
    chat::{hub::Hub, limits::ChatSettings},
    protocol::{
        entry::{Fields, Kind, addressed::RoomAdded},
        name::RoomName,
        user::User,
    },
    shutdown::Shutdown,
    transport::long_poll,
};
use serde_json::{Map, Value, json};

use crate::{
    hub::{pass, settings},
    support::{
        chat::{ada, bob, message, room},
        pair::Pair,
    },
};

fn patient() -> BrokerSettings {
    BrokerSettings::default()
}

/// A hub that talks to both sides of a broker.
struct Scene {
    pair: Pair,
    hub: Arc<Hub>,
    shutdown: Shutdown,
}

fn scene(pair: Pair, settings: ChatSettings) -> Scene {
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&pair.one), settings, &shutdown);
    Scene {
        pair,
        hub,
        shutdown,
    }
}

impl Scene {
    async fn poll(&self, body: Value) -> Value {
        let request = serde_json::from_value(body).unwrap();
        let longest = Duration::from_secs(10);
        let answer = long_poll::poll(&self.hub, pass(), request, longest, &self.shutdown).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    }

    async fn frames(&self, connection: &Value, frames: &[Value]) -> Vec<Value> {
        let body = json!({"connection": connection, "frames": frames});
        let request = serde_json::from_value(body).unwrap();
        let answer = long_poll::frames(&self.hub, pass(), request).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        answer["frames"].as_array().unwrap().clone()
    }
}

/// The rooms of the frames of a kind, in order.
fn about(answer: &Value, kind: &str) -> Vec<String> {
    let frames = answer["frames"].as_array().unwrap().iter();
    let rooms = frames.filter(|frame| frame["type"] == kind || frame["code"] == kind);
    rooms
        .map(|frame| frame["room"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_poll_of_too_many_rooms_follows_those_it_was_in_and_then_the_first(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            rooms_per_connection: 3,
            ..settings()
        },
    );
    let old = room("was-here");
    scene
        .pair
        .other
        .append(&old, message("k", "hi"))
        .await
        .unwrap();
    // Written out, so that the order is that of the body.
    let body = r#"{"rooms": {"y": null, "x": null, "b": null, "a": null, "was-here": "0-0"}, "hold_ms": 0}"#;
    let request = serde_json::from_str(body).unwrap();
    let longest = Duration::from_secs(10);
    let answer = long_poll::poll(&scene.hub, pass(), request, longest, &scene.shutdown).await;
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    assert_eq!(about(&answer, "message"), ["was-here"], "{answer}");
    assert_eq!(about(&answer, "joined"), ["y", "x"]);
    assert_eq!(about(&answer, "too_many_rooms"), ["b", "a"]);
    for (name, count) in [("was-here", 1), ("y", 1), ("x", 1), ("b", 0), ("a", 0)] {
        let head = scene.pair.other.count(&room(name)).await.unwrap();
        assert_eq!(head.count, count, "{name}");
    }
    // As many as fit into a body are not all told at once.
    let many: Map<String, Value> = (0..4_000).map(|n| (format!("r{n}"), Value::Null)).collect();
    let answer = scene.poll(json!({"rooms": many, "hold_ms": 0})).await;
    assert!(answer.to_string().len() < 200_000);
    assert_eq!(about(&answer, "joined").len(), 3);
    assert!(about(&answer, "too_many_rooms").len() > 100);
    assert_eq!(answer["more"], true);
}

async fn who_polls_joins_only_so_many_rooms_by_frames(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            rooms_per_connection: 3,
            ..settings()
        },
    );
    let first = scene
        .poll(json!({"rooms": {"r0": null}, "hold_ms": 0}))
        .await;
    let connection = &first["frames"][0]["connection"];
    let join = |n: usize| json!({"type": "join", "room": format!("r{n}")});
    let mut replies = scene.frames(connection, &[join(1)]).await;
    replies.extend(scene.frames(connection, &[join(2), join(3)]).await);
    replies.extend(scene.frames(connection, &[join(4)]).await);
    let kinds: Vec<_> = replies
        .iter()
        .map(|reply| reply["code"].as_str().or(reply["type"].as_str()).unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["joined", "joined", "too_many_rooms", "too_many_rooms"]
    );
    for (n, count) in [1, 1, 1, 0, 0].into_iter().enumerate() {
        let head = scene
            .pair
            .other
            .count(&room(&format!("r{n}")))
            .await
            .unwrap();
        assert_eq!(head.count, count, "r{n}");
    }
    let leave = json!({"type": "leave", "room": "r1"});
    let replies = scene.frames(connection, &[join(2), leave, join(3)]).await;
    assert_eq!(replies[0]["type"], "joined", "again: {replies:?}");
    assert_eq!(replies[2]["type"], "joined", "{replies:?}");
}

async fn a_poll_reads_the_control_log_in_parts_and_all_of_it_in_the_end(pair: Pair) {
    let scene = scene(pair, settings());
    let tell = async |title: &str, user: &User| {
        let added = RoomAdded {
            room: &RoomName::private(7),
            title,
            by: &bob(),
            direct: false,
        };
        let draft = Draft {
            kind: Kind::RoomAdded,
            fields: Fields::addressed(&added, &[&*user.id]),
            key: None,
            may_create: true,
        };
        let control = RoomName::control();
        scene.pair.other.append(&control, draft).await.unwrap();
    };
    for _ in 0..3_000 {
        tell("for others", &bob()).await;
    }
    tell("for her", &ada()).await;
    let mut control = json!("0-0");
    let mut polls = 0;
    let told = loop {
        let body = json!({"rooms": {}, "control": control, "hold_ms": 60_000, "connection": null});
        let answer = scene.poll(body).await;
        polls += 1;
        let frames = answer["frames"].as_array().unwrap();
        if let Some(told) = frames.iter().find(|frame| frame["type"] == "room_added") {
            break told.clone();
        }
        assert_eq!(answer["more"], true);
        assert_ne!(answer["control"], control, "it goes on");
        control = answer["control"].clone();
    };
    assert_eq!(told["title"], "for her");
    assert!((3..50).contains(&polls), "{polls} polls");
}

for_every_broker! {
    patient:
    a_poll_of_too_many_rooms_follows_those_it_was_in_and_then_the_first,
    who_polls_joins_only_so_many_rooms_by_frames,
    a_poll_reads_the_control_log_in_parts_and_all_of_it_in_the_end,
}
