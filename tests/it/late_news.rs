//! An instance that hears late, or not at all, of what became of a room while
//! somebody comes into it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hubbub::{
    broker::{
        Admission, BrokerSettings, Listener as _, People, Relay, RoomLog, embedded::EmbeddedBroker,
    },
    chat::connection::{Connection, ConnectionKind, Pass},
    protocol::{name::RoomName, position::Position, user::User},
    transport::long_poll,
};
use serde_json::{Value, json};

use crate::{
    hub::{Stage, heard, live, pass},
    support::{
        chat::{ada, bob, message, room},
        until::until,
    },
};

fn scene() -> Stage {
    let scene = Stage::new(EmbeddedBroker::new(BrokerSettings::default()));
    scene.broker.gate.add_permits(1_000);
    scene
}

impl Stage {
    fn live_as(&self, user: &User) -> Arc<Connection> {
        let pass = Pass {
            user: user.clone(),
            ..pass()
        };
        Connection::open(&self.hub, pass, ConnectionKind::Live).unwrap()
    }

    async fn say(&self, place: &RoomName, text: &str) -> Position {
        let said = message(&text.replace(' ', "-"), text);
        let said = self.inner.append(place, said).await;
        said.unwrap().position
    }

    async fn close_and_open(&self, place: &RoomName) {
        assert!(self.inner.close(place).await.unwrap());
        assert!(RoomLog::open(&*self.inner, place, "").await.unwrap());
    }

    /// The instance hears nothing of a room, and does not notice.
    async fn be_deaf(&self, place: &RoomName) {
        self.broker.heads_fail.store(true, Ordering::SeqCst);
        self.broker.unsubscribe(place).await;
    }

    /// The instance hears of a room again, and reads what it missed.
    async fn hear_again(&self, place: &RoomName) {
        self.broker.heads_fail.store(false, Ordering::SeqCst);
        self.broker.subscribe(place).await.unwrap();
        self.hub.on_restored();
    }
}

/// All that a connection is told, up to this text.
async fn told_until(connection: &Connection, text: &str) -> Vec<Value> {
    let mut told = Vec::new();
    until("all is told", async || {
        connection.refill().await;
        told.extend(heard(connection));
        let is_there = told.iter().any(|frame| says(frame, text));
        is_there.then_some(())
    })
    .await;
    told
}

fn says(frame: &Value, text: &str) -> bool {
    let mut messages = frame["messages"].as_array().into_iter().flatten();
    frame["text"] == text || messages.any(|message| message["text"] == text)
}

fn of_type<'a>(told: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    told.iter()
        .filter(|frame| frame["type"] == wanted)
        .collect()
}

/// Checks that somebody came back to a room that was closed after `first`.
fn has_come_back(told: &[Value], first: Position) {
    assert!(of_type(told, "room_closed").is_empty(), "{told:?}");
    // The end of then has its place among what they are told.
    let end = Position::new(first.epoch, first.seq + 1).to_string();
    assert_eq!(of_type(told, "notice")[0]["position"], end, "{told:?}");
}

#[tokio::test]
async fn who_comes_back_to_a_room_that_is_open_again_stays_in_it() {
    let scene = scene();
    let den = room("den");
    let first = scene.say(&den, "first").await;
    scene.close_and_open(&den).await;
    scene.say(&den, "second").await;
    let connection = live(&scene.hub);
    connection.join(&den, Some(first)).await.unwrap();
    has_come_back(&told_until(&connection, "second").await, first);
    scene.say(&den, "third").await;
    told_until(&connection, "third").await;
    assert!(connection.is_in(&den));
}

#[tokio::test]
async fn who_comes_back_by_polling_to_a_room_that_is_open_again_stays_in_it() {
    let scene = scene();
    let den = room("den");
    let first = scene.say(&den, "first").await;
    scene.close_and_open(&den).await;
    scene.say(&den, "second").await;
    let body = json!({"rooms": {"den": first.to_string()}, "hold_ms": 0});
    let request = serde_json::from_value(body).unwrap();
    let longest = Duration::from_secs(10);
    let answer = long_poll::poll(&scene.hub, pass(), request, longest, &scene.shutdown).await;
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    let told = answer["frames"].as_array().unwrap();
    has_come_back(told, first);
    assert!(told.iter().any(|frame| says(frame, "second")), "{answer}");
}

#[tokio::test]
async fn who_came_back_stays_though_an_instance_hears_late_that_the_room_was_closed() {
    let scene = scene();
    let den = room("den");
    let first = scene.say(&den, "first").await;
    let before = live(&scene.hub);
    before.join(&den, None).await.unwrap();
    scene.be_deaf(&den).await;
    scene.close_and_open(&den).await;
    let back = live(&scene.hub);
    back.join(&den, Some(first)).await.unwrap();
    scene.say(&den, "second").await;
    scene.hear_again(&den).await;
    has_come_back(&told_until(&back, "second").await, first);
    assert!(back.is_in(&den));
    // Whoever was in it when it was closed is not.
    until("it is out", async || (!before.is_in(&den)).then_some(())).await;
    assert_eq!(of_type(&heard(&before), "room_closed").len(), 1);
}

fn two(make: Option<&str>) -> Admission {
    Admission {
        by: bob(),
        users: vec![ada(), bob()],
        make: make.map(str::to_owned),
    }
}

#[tokio::test]
async fn who_was_let_in_again_stays_though_an_instance_hears_late_that_they_left() {
    let scene = scene();
    let den = RoomName::private(7);
    scene.inner.admit(&den, two(Some("Den"))).await.unwrap();
    let first = scene.say(&den, "first").await;
    let before = scene.live_as(&ada());
    for connection in [&before, &scene.live_as(&bob())] {
        connection.join(&den, None).await.unwrap();
    }
    scene.be_deaf(&den).await;
    assert!(scene.inner.forget(&den, &ada()).await.unwrap());
    scene.inner.admit(&den, two(None)).await.unwrap();
    let back = scene.live_as(&ada());
    back.join(&den, Some(first)).await.unwrap();
    scene.say(&den, "second").await;
    scene.hear_again(&den).await;
    told_until(&back, "second").await;
    assert!(back.is_in(&den));
    // Whoever came before they left is out, and hears of it with the room's log.
    until("it is out", async || (!before.is_in(&den)).then_some(())).await;
}

/// A room of two in which something was said that this instance remembers.
async fn remembered(scene: &Stage) -> RoomName {
    let direct = RoomName::direct(&ada().id, &bob().id);
    scene.inner.admit(&direct, two(Some(""))).await.unwrap();
    let connection = scene.live_as(&ada());
    connection.join(&direct, None).await.unwrap();
    scene.say(&direct, "a secret").await;
    told_until(&connection, "a secret").await;
    ask(&connection, &json!({"type": "leave", "room": direct})).await;
    scene.broker.heads_fail.store(true, Ordering::SeqCst);
    direct
}

async fn ask(connection: &Connection, frame: &Value) {
    let (id, frame) = connection.read(&frame.to_string()).unwrap();
    connection.run(id, frame).await;
}

/// Checks that a room that both left and asked for again has nothing in it.
async fn begins_anew(scene: &Stage, direct: &RoomName, after: Option<Position>) {
    scene.inner.admit(direct, two(Some(""))).await.unwrap();
    let connection = scene.live_as(&bob());
    connection.join(direct, after).await.unwrap();
    connection.refill().await;
    let mut told = heard(&connection);
    scene.say(direct, "hello again").await;
    told.extend(told_until(&connection, "hello again").await);
    let is_secret = |frame: &Value| says(frame, "a secret");
    assert!(!told.iter().any(is_secret), "{told:?}");
}

#[tokio::test]
async fn what_was_said_in_a_room_of_two_is_gone_with_both() {
    for after in [None, Some(Position::ZERO)] {
        let scene = scene();
        let direct = remembered(&scene).await;
        for user in [ada(), bob()] {
            let connection = scene.live_as(&user);
            ask(&connection, &json!({"type": "forget", "room": direct})).await;
        }
        begins_anew(&scene, &direct, after).await;
    }
}

#[tokio::test]
async fn what_was_said_in_a_room_of_two_is_gone_before_an_instance_hears_that_both_left() {
    let scene = scene();
    let direct = remembered(&scene).await;
    for user in [ada(), bob()] {
        assert!(scene.inner.forget(&direct, &user).await.unwrap());
    }
    begins_anew(&scene, &direct, None).await;
}
