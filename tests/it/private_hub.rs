//! Private rooms where somebody leaves for good between two steps of the hub, and
//! what rooms that are open to everybody pay for them: nothing.

use std::{ops::Deref, sync::atomic::Ordering, time::Duration};

use hubbub::{
    broker::{
        Admission, BrokerSettings, Draft, People, Presence, RoomLog, embedded::EmbeddedBroker,
    },
    chat::connection::{Connection, ConnectionKind, Pass},
    protocol::{
        code::ErrorCode,
        entry::{Entry, Fields, Kind, addressed::Forgotten},
        name::RoomName,
        position::Position,
        user::User,
    },
    shutdown::Shutdown,
    transport::long_poll,
};
use serde_json::{Value, json};

use crate::{
    hub::{Stage, connect, heard, live, pass},
    support::{
        chat::{ada, bob, message, room, whole_log},
        until::until,
    },
};

struct Scene {
    stage: Stage,
    den: RoomName,
}

impl Deref for Scene {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// A private room of two people, behind a gate.
async fn scene() -> Scene {
    let inner = EmbeddedBroker::new(BrokerSettings::default());
    let den = RoomName::private(7);
    let people = Admission {
        by: ada(),
        users: vec![ada(), bob()],
        make: Some("Den".to_owned()),
    };
    inner.admit(&den, people).await.unwrap();
    let stage = Stage::new(inner);
    Scene { stage, den }
}

impl Scene {
    /// Ada leaves for good while she is on her way into the room, and the news of
    /// it comes too early to find her there.
    async fn leaves_meanwhile<T>(&self, coming: impl Future<Output = T>) -> T {
        let leaving = async {
            self.broker.asked.acquire().await.unwrap().forget();
            assert!(self.inner.forget(&self.den, &ada()).await.unwrap());
            self.broker.gate.add_permits(100);
        };
        tokio::join!(coming, leaving).0
    }

    async fn is_out(&self, connection: &Connection) {
        assert!(!connection.is_in(&self.den));
        heard(connection);
        self.inner
            .append(&self.den, message("k", "a secret"))
            .await
            .unwrap();
        connection.refill().await;
        for frame in heard(connection) {
            assert!(!frame.to_string().contains("secret"), "{frame}");
        }
    }
}

#[tokio::test]
async fn who_leaves_for_good_in_the_middle_of_a_join_is_not_in_the_room() {
    let scene = scene().await;
    let connection = live(&scene.hub);
    let joined = scene
        .leaves_meanwhile(connection.join(&scene.den, None))
        .await;
    assert_eq!(joined.unwrap_err().code, ErrorCode::NoSuchRoom);
    scene.is_out(&connection).await;
    until("the seat is given up", async || {
        let count = scene.inner.count(&scene.den).await.unwrap().count;
        (count == 0).then_some(())
    })
    .await;
}

/// Somebody is invited in the middle of a join, before the log is read: so no
/// entry will tell of it.
#[tokio::test]
async fn who_joins_knows_of_everybody_who_was_let_in_up_to_there() {
    let scene = scene().await;
    let connection = live(&scene.hub);
    let cleo = User::new("u3", "Cleo");
    let inviting = async {
        scene.broker.gate.add_permits(1);
        // The second time, it is the room that is opened.
        scene.broker.asked.acquire_many(2).await.unwrap().forget();
        let admission = Admission {
            by: bob(),
            users: vec![cleo.clone()],
            make: None,
        };
        scene.inner.admit(&scene.den, admission).await.unwrap();
        scene.broker.gate.add_permits(100);
    };
    let (joined, ()) = tokio::join!(connection.join(&scene.den, None), inviting);
    joined.unwrap();
    let joined = &heard(&connection)[0];
    let head = scene.inner.status(&scene.den).await.unwrap().head;
    assert_eq!(joined["head"], json!(head));
    let people = joined["people"].as_array().unwrap();
    assert!(people.contains(&json!(cleo)), "{joined}");
}

#[tokio::test]
async fn who_leaves_for_good_while_a_poll_goes_on_gets_nothing_of_the_room() {
    let scene = scene().await;
    let connection = connect(&scene.hub);
    let resumed = connection.resume(&scene.den, Position::ZERO, Position::ZERO);
    let resumed = scene.leaves_meanwhile(resumed).await;
    assert_eq!(resumed.unwrap_err().code, ErrorCode::NoSuchRoom);
    scene.is_out(&connection).await;
}

#[tokio::test]
async fn who_is_let_go_while_the_store_is_asked_and_fails_stays_out() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let connection = live(&scene.hub);
    connection.join(&scene.den, None).await.unwrap();
    assert!(connection.is_in(&scene.den));
    // The log of the room says it, whether or not the control log does.
    assert!(scene.inner.forget(&scene.den, &ada()).await.unwrap());
    scene.is_out(&connection).await;
}

#[tokio::test]
async fn late_news_of_a_leaving_is_no_harm_to_who_was_let_in_again() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let connection = live(&scene.hub);
    connection.join(&scene.den, None).await.unwrap();
    let asked = || scene.broker.asked_for_people.load(Ordering::SeqCst);
    let before = asked();
    let late = async || {
        let forgotten = Forgotten { room: &scene.den };
        let draft = Draft {
            kind: Kind::Forgotten,
            fields: Fields::addressed(&forgotten, &["u1"]),
            key: None,
            may_create: true,
        };
        scene.inner.append(&RoomName::control(), draft).await
    };
    late().await.unwrap();
    until("it is looked up", async || (asked() > before).then_some(())).await;
    assert!(connection.is_in(&scene.den));
    scene
        .inner
        .append(&scene.den, message("k", "a secret"))
        .await
        .unwrap();
    until("what is said there still comes", async || {
        let heard = heard(&connection);
        let is_secret = |frame: &Value| frame["text"] == "a secret";
        heard.iter().any(is_secret).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_that_nothing_was_done_once_it_was() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let known = [("ben".to_owned(), User::new("u7", "Ben"))];
    scene.inner.note_names(&known).await.unwrap();
    let connection = live(&scene.hub);
    scene.broker.control_fails.store(true, Ordering::SeqCst);
    for frame in [
        json!({"type": "create", "title": "Attic"}),
        json!({"type": "direct", "name": "Ben"}),
        json!({"type": "invite", "room": scene.den, "name": "Ben"}),
    ] {
        heard(&connection);
        let (id, asked) = connection.read(&frame.to_string()).unwrap();
        connection.run(id, asked).await;
        let codes: Vec<Value> = heard(&connection)
            .into_iter()
            .map(|frame| frame["code"].clone())
            .collect();
        assert_eq!(codes, ["timeout"], "{frame}");
    }
    let rooms = scene.inner.private_rooms("u1", 0).await.unwrap();
    assert_eq!(rooms.len(), 3, "one was made, the direct one too");
    assert!(scene.inner.is_one_of(&scene.den, "u7").await.unwrap());
}

/// Who asks again is no longer one of its people.
#[tokio::test]
async fn who_left_for_good_while_nobody_could_be_told_is_told_of_it_later() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let (connection, window) = (live(&scene.hub), live(&scene.hub));
    scene.broker.control_fails.store(true, Ordering::SeqCst);
    let forget = json!({"type": "forget", "room": scene.den}).to_string();
    let (id, asked) = connection.read(&forget).unwrap();
    connection.run(id, asked).await;
    let reply = heard(&connection).pop().unwrap();
    assert_eq!(reply["type"], "forgotten", "{reply}");
    assert_eq!(heard(&window), [Value::Null; 0]);
    scene.broker.control_fails.store(false, Ordering::SeqCst);
    until("the other window is told", async || {
        let heard = heard(&window);
        heard
            .iter()
            .any(|frame| frame["type"] == "forgotten")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_was_let_in_again_is_not_told_of_their_leaving() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let connection = live(&scene.hub);
    scene.broker.control_fails.store(true, Ordering::SeqCst);
    let forget = json!({"type": "forget", "room": scene.den}).to_string();
    let (id, asked) = connection.read(&forget).unwrap();
    connection.run(id, asked).await;
    let back = Admission {
        by: bob(),
        users: vec![ada()],
        make: None,
    };
    scene.inner.admit(&scene.den, back).await.unwrap();
    let asked = || scene.broker.asked_for_people.load(Ordering::SeqCst);
    let before = asked();
    scene.broker.control_fails.store(false, Ordering::SeqCst);
    until("it is looked up", async || (asked() > before).then_some(())).await;
    let log = whole_log(&*scene.inner, &RoomName::control()).await;
    assert!(
        log.iter().all(|entry| entry.kind != Kind::Forgotten),
        "{log:?}"
    );
}

#[tokio::test]
async fn who_was_not_told_is_told_once_by_the_next_attempt() {
    let scene = scene().await;
    scene.broker.gate.add_permits(100);
    let known = [
        ("ben".to_owned(), User::new("u7", "Ben")),
        ("bob".to_owned(), bob()),
    ];
    scene.inner.note_names(&known).await.unwrap();
    let connection = live(&scene.hub);
    let ask = async |frame: &Value| {
        heard(&connection);
        let (id, asked) = connection.read(&frame.to_string()).unwrap();
        connection.run(id, asked).await;
        let is_answer = |frame: &Value| frame["type"] != "room_added";
        heard(&connection).into_iter().find(is_answer).unwrap()
    };
    let told = async || {
        let log = whole_log(&*scene.inner, &RoomName::control()).await;
        let added = log.iter().filter(|entry| entry.kind == Kind::RoomAdded);
        added.map(Entry::addressees).collect::<Vec<_>>()
    };
    // What the first attempt stored is the room alone.
    let direct = json!({"type": "direct", "name": "Ben"});
    scene.broker.control_fails.store(true, Ordering::SeqCst);
    assert_eq!(ask(&direct).await["code"], "timeout");
    scene.broker.control_fails.store(false, Ordering::SeqCst);
    let created = ask(&direct).await;
    assert_eq!(created["type"], "created", "{created}");
    assert_eq!(told().await, [["u1", "u7"]]);
    assert_eq!(ask(&direct).await["room"], created["room"]);
    // What it stored is all but that it was told.
    scene.broker.noting_fails.store(true, Ordering::SeqCst);
    let direct = json!({"type": "direct", "name": "Bob"});
    for _ in 0..3 {
        assert_eq!(ask(&direct).await["type"], "created");
    }
    let twice = [vec!["u1", "u7"], vec!["u1", "u2"]];
    assert_eq!(told().await, twice);
    // Whoever comes in knows, and says so to the next who asks.
    let room = RoomName::direct("u1", &bob().id);
    let pass = Pass {
        user: bob(),
        ..pass()
    };
    let bob_is_there = Connection::open(&scene.hub, pass, ConnectionKind::Live).unwrap();
    bob_is_there.join(&room, None).await.unwrap();
    let people = [User::new("u1", "Ada"), bob()];
    let again = Admission {
        by: bob(),
        users: people.to_vec(),
        make: Some(String::new()),
    };
    let again = scene.inner.admit(&room, again).await.unwrap();
    let untold: Vec<&str> = again.untold.iter().map(|untold| &*untold.user.id).collect();
    assert_eq!(untold, ["u1"]);
    // Whoever left is told when they are let in again.
    assert!(scene.inner.forget(&room, &bob()).await.unwrap());
    assert_eq!(ask(&direct).await["type"], "created");
    assert_eq!(told().await.len(), 3);
}

#[tokio::test]
async fn a_room_open_to_everybody_pays_nothing_for_private_ones() {
    let scene = scene().await;
    scene.broker.gate.add_permits(1_000);
    let connection = live(&scene.hub);
    let lobby = room("lobby");
    for frame in [
        json!({"type": "join", "room": "lobby"}),
        json!({"type": "send", "room": "lobby", "key": "k", "text": "hi"}),
        json!({"type": "typing", "room": "lobby", "on": true}),
        json!({"type": "history", "room": "lobby"}),
        json!({"type": "members", "room": "lobby"}),
        json!({"type": "leave", "room": "lobby"}),
    ] {
        let (id, frame) = connection.read(&frame.to_string()).unwrap();
        connection.run(id, frame).await;
    }
    connection.join(&lobby, Some(Position::ZERO)).await.unwrap();
    let poll = async |rooms: Value| {
        let body = json!({"rooms": rooms, "hold_ms": 0});
        let request = serde_json::from_value(body).unwrap();
        let shutdown = Shutdown::new();
        let longest = Duration::from_secs(1);
        long_poll::poll(&scene.hub, pass(), request, longest, &shutdown).await
    };
    poll(json!({"lobby": null})).await.unwrap();
    poll(json!({"lobby": "0-0"})).await.unwrap();
    let asked = || scene.broker.asked_for_people.load(Ordering::SeqCst);
    assert_eq!(asked(), 0);
    poll(json!({scene.den.as_str(): "0-0"})).await.unwrap();
    assert!(asked() > 0, "it would have been counted");
}
