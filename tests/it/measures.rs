//! What one client may cost the others: rooms that it polls, logs that it reads
//! and pages through, people that it invites.

use std::{sync::Arc, time::Duration};

use hubbub::{
    broker::{BrokerSettings, Draft, people::FOREIGN_ROOMS},
    chat::{
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        limits::ChatSettings,
    },
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
    hub::{heard, pass, settings},
    support::{
        chat::{PATIENCE, ada, bob, message, room},
        cluster,
        http::{Person, text, unique},
        pair::Pair,
        until::until,
    },
};

fn patient() -> BrokerSettings {
    BrokerSettings {
        patience: PATIENCE,
        ..BrokerSettings::default()
    }
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

    fn live(&self, user: User) -> Arc<Connection> {
        let pass = Pass { user, ..pass() };
        Connection::open(&self.hub, pass, ConnectionKind::Live).unwrap()
    }
}

/// What a socket is answered.
async fn ask(connection: &Connection, frame: &Value) -> Value {
    let mut frame = frame.clone();
    frame["id"] = json!("asked");
    let (id, frame) = connection.read(&frame.to_string()).unwrap();
    connection.run(id, frame).await;
    let mut frames = heard(connection).into_iter();
    frames.find(|frame| frame["id"] == "asked").unwrap()
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

async fn looking_back_is_counted_for_each_user(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            sends: 1,
            per: Duration::from_secs(1_000),
            ..settings()
        },
    );
    let lobby = RoomName::lobby();
    scene
        .pair
        .one
        .append(&lobby, message("k", "hi"))
        .await
        .unwrap();
    let windows = [scene.live(ada()), scene.live(ada())];
    let back = json!({"type": "history", "room": "lobby"});
    for count in 0..10 {
        let answer = ask(&windows[count % 2], &back).await;
        assert_eq!(answer["type"], "history", "{count}: {answer}");
    }
    for window in &windows {
        let refused = ask(window, &back).await;
        assert_eq!(refused["code"], "rate_limited");
        assert!(refused["retry_after_ms"].as_u64().unwrap() <= 100_000);
    }
    assert_eq!(ask(&scene.live(bob()), &back).await["type"], "history");
}

async fn who_edits_and_reacts_for_long_is_slowed_down_and_nobody_else(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            sends: 20,
            per: Duration::from_millis(200),
            ..settings()
        },
    );
    let (ada, bob) = (scene.live(ada()), scene.live(bob()));
    for person in [&ada, &bob] {
        let join = json!({"type": "join", "room": "lobby"});
        assert_eq!(ask(person, &join).await["type"], "joined");
    }
    // What is too fast for a send is asked again, as every client does.
    let ask = async |person: &Connection, mut frame: Value| loop {
        frame["room"] = json!("lobby");
        frame["key"] = json!(unique());
        let answer = ask(person, &frame).await;
        let is_too_fast = text(&answer["message"]).contains("faster than anybody reads");
        if !is_too_fast {
            return answer;
        }
        let wait = answer["retry_after_ms"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
    };
    let say = json!({"type": "send", "text": "hi"});
    let said = ask(&ada, say.clone()).await["position"].clone();
    let react = |on: bool| json!({"type": "react", "target": said, "emoji": "+1", "on": on});
    let edit = json!({"type": "edit", "target": said, "text": "hello"});
    let mut done = 0;
    let refused = loop {
        let change = match done % 3 {
            0 => react(true),
            1 => react(false),
            _ => edit.clone(),
        };
        let answer = ask(&ada, change).await;
        if answer["type"] == "error" {
            break answer;
        }
        assert_eq!(answer["duplicate"], false, "{answer}");
        done += 1;
        assert!(done < 1_000, "nobody is slowed down");
    };
    assert!(done >= 100, "{done} were enough");
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    assert!(refused["retry_after_ms"].as_u64().unwrap() <= 120);
    assert!(text(&refused["message"]).contains("edit and react"));
    // Neither what she says and takes back, nor what others do.
    assert_eq!(ask(&bob, react(true)).await["type"], "ack");
    assert_eq!(ask(&ada, say).await["type"], "ack");
    let delete = json!({"type": "delete", "target": said});
    assert_eq!(ask(&ada, delete).await["type"], "ack");
}

async fn inviting_is_counted_by_the_people_who_are_named(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            sends: 20,
            per: Duration::from_secs(1_000),
            ..settings()
        },
    );
    let crowd: Vec<_> = (0..120)
        .map(|n| {
            (
                format!("guest{n}"),
                User::new(format!("g{n}"), format!("guest{n}")),
            )
        })
        .collect();
    scene.pair.one.note_names(&crowd).await.unwrap();
    let names = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|n| format!("guest{n}")).collect()
    };
    let create = |invite: &[String]| json!({"type": "create", "title": "Den", "invite": invite});
    let ada = scene.live(ada());
    let mut first = create(&names(0..30));
    first["key"] = json!("k");
    let made = ask(&ada, &first).await;
    assert_eq!(made["type"], "created", "{made}");
    // What is asked for again is counted once.
    for _ in 0..3 {
        assert_eq!(ask(&ada, &first).await["room"], made["room"]);
    }
    let invite = |name: &str| json!({"type": "invite", "room": made["room"], "name": name});
    assert_eq!(ask(&ada, &create(&names(0..19))).await["type"], "created");
    assert_eq!(ask(&ada, &invite("guest40")).await["type"], "invited");
    for frame in [create(&names(0..1)), invite("guest41"), invite("guest0")] {
        let refused = ask(&ada, &frame).await;
        assert_eq!(refused["code"], "rate_limited", "{refused}");
        assert!(refused["retry_after_ms"].as_u64().unwrap() > 1_000);
    }
    // A room for oneself puts nobody anywhere.
    assert_eq!(ask(&ada, &create(&[])).await["type"], "created");
    // A room may begin with more people than one may invite at once after that.
    let bob = scene.live(bob());
    assert_eq!(ask(&bob, &create(&names(0..120))).await["type"], "created");
    assert_eq!(
        ask(&bob, &create(&names(0..1))).await["code"],
        "rate_limited"
    );
}

async fn nobody_is_buried_in_the_rooms_of_one_stranger(pair: Pair) {
    let scene = scene(
        pair,
        ChatSettings {
            sends: 20,
            per: Duration::from_secs(100),
            ..settings()
        },
    );
    let cleo = User::new("u3", "Cleo");
    let names = [("ada", ada()), ("bob", bob()), ("cleo", cleo)];
    let names = names.map(|(name, user)| (name.to_owned(), user));
    scene.pair.one.note_names(&names).await.unwrap();
    let create = |invite: &[&str]| json!({"type": "create", "title": "Den", "invite": invite});
    let (bob, ada) = (scene.live(bob()), scene.live(ada()));
    until("the hub follows the control log", async || {
        let notice = Draft {
            kind: Kind::Notice,
            fields: Fields::of(&json!({"text": "hi"})),
            key: None,
            may_create: true,
        };
        let control = RoomName::control();
        scene.pair.one.append(&control, notice).await.unwrap();
        let told = heard(&ada);
        let is_notice = |frame: &Value| frame["type"] == "notice";
        told.iter().any(is_notice).then_some(())
    })
    .await;
    let next_room = async || {
        until("she is told of a room", async || {
            let told = heard(&ada);
            let added = told.iter().find(|frame| frame["type"] == "room_added");
            added.map(|frame| frame["room"].clone())
        })
        .await
    };
    let mut first = create(&["Ada", "Cleo"]);
    first["key"] = json!("k");
    let den = ask(&bob, &first).await["room"].clone();
    assert_eq!(next_room().await, den);
    for _ in 1..9 {
        let made = ask(&bob, &create(&["Ada"])).await;
        assert_eq!(next_room().await, made["room"]);
        // It counts, although she follows each of them at once.
        let joined = ask(&ada, &json!({"type": "join", "room": made["room"]})).await;
        assert_eq!(joined["type"], "joined");
    }
    let direct = json!({"type": "direct", "name": "Ada"});
    let two = ask(&bob, &direct).await["room"].clone();
    assert_eq!(next_room().await, two);
    assert_eq!(ask(&bob, &direct).await["room"], two, "she is in it");
    let left = ask(&ada, &json!({"type": "forget", "room": two})).await;
    assert_eq!(left["type"], "forgotten");
    let invite = json!({"type": "invite", "room": den, "name": "Ada"});
    for frame in [create(&["Ada"]), create(&["Cleo", "Ada"]), invite, direct] {
        let refused = ask(&bob, &frame).await;
        assert_eq!(refused["code"], "rate_limited", "{refused}");
        let message = text(&refused["message"]);
        assert!(message.contains("you let Ada into more rooms") && message.ends_with(" min"));
        assert!(refused["retry_after_ms"].as_u64().unwrap() > 60_000);
    }
    // What he asks for again is there, and he lets in others.
    assert_eq!(ask(&bob, &first).await["room"], den);
    assert_eq!(
        ask(&bob, &create(&["Bob", "Cleo"])).await["type"],
        "created"
    );
    // She heard of none of it; the next room is that of somebody else.
    let cleo = scene.live(User::new("u3", "Cleo"));
    let made = ask(&cleo, &create(&["Ada"])).await;
    assert_eq!(next_room().await, made["room"]);
}

async fn a_room_that_one_joins_is_ones_own_whoever_invited(pair: Pair) {
    let scene = scene(pair, settings());
    let names = [("ada".to_owned(), ada())];
    scene.pair.one.note_names(&names).await.unwrap();
    let create = json!({"type": "create", "title": "Den", "invite": ["Ada"]});
    let bob = scene.live(bob());
    let mut room = Value::Null;
    for _ in 0..FOREIGN_ROOMS {
        let made = ask(&bob, &create).await;
        assert_eq!(made["type"], "created", "{made}");
        room = made["room"].clone();
    }
    assert_eq!(ask(&bob, &create).await["code"], "too_many_rooms");
    let ada = scene.live(ada());
    assert_eq!(ask(&ada, &create).await["type"], "created");
    let joined = ask(&ada, &json!({"type": "join", "room": room})).await;
    assert_eq!(joined["type"], "joined");
    assert_eq!(ask(&bob, &create).await["type"], "created");
    assert_eq!(ask(&bob, &create).await["code"], "too_many_rooms");
}

for_every_broker! {
    patient:
    a_room_that_one_joins_is_ones_own_whoever_invited,
    nobody_is_buried_in_the_rooms_of_one_stranger,
    a_poll_of_too_many_rooms_follows_those_it_was_in_and_then_the_first,
    who_polls_joins_only_so_many_rooms_by_frames,
    a_poll_reads_the_control_log_in_parts_and_all_of_it_in_the_end,
    looking_back_is_counted_for_each_user,
    who_edits_and_reacts_for_long_is_slowed_down_and_nobody_else,
    inviting_is_counted_by_the_people_who_are_named,
}

#[tokio::test]
async fn plain_requests_are_counted_too() {
    let settings = [
        ("HUBBUB__LIMITS__SENDS", "2"),
        ("HUBBUB__LIMITS__SENDS_PER_MS", "600000"),
        ("HUBBUB__LIMITS__ROOMS_PER_CONNECTION", "10"),
    ];
    let cluster = cluster::start(1, &settings);
    let url = cluster.description().instances[0].url.clone();
    for path in [
        "/api/v1/rooms",
        "/api/v1/rooms/lobby/messages",
        "/api/v1/rooms/lobby/search?q=",
    ] {
        let ada = Person::sign_in(&url, "Ada").await;
        let mut refused = Value::Null;
        for _ in 0..200 {
            let (status, answer) = ada.get(path).await;
            if status == 429 {
                refused = answer;
                break;
            }
        }
        assert_eq!(refused["error"]["code"], "rate_limited", "{path}");
        let ben = Person::sign_in(&url, "Ben").await;
        assert_ne!(ben.get(path).await.0, 429, "{path}");
    }
}
