//! What one request can make the server do or say: within bounds.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{Client, Via},
    cluster::cases,
    http::{Person, fresh_room, unique},
};

cases! {
    many_long_pages_in_one_request_make_a_bounded_answer;
    a_poll_of_many_rooms_says_more_rather_than_everything;
    several_joins_in_one_request_are_all_remembered;
    a_poll_that_was_overtaken_changes_nothing;
    a_body_that_was_cut_off_does_nothing;
    two_origins_are_one_too_many;
}

/// Fills a room with long texts, whose JSON is six times as long.
async fn fill(person: &Person, room: &str, messages: usize) {
    let text = "\u{1}".repeat(4_000);
    for _ in 0..messages {
        let frame = json!({"type": "send", "room": room, "key": unique(), "text": text});
        let (_, answer) = person
            .post("/api/v1/frames", &json!({"frames": [frame]}))
            .await;
        assert_eq!(answer["frames"][0]["type"], "ack", "{answer}");
    }
}

async fn many_long_pages_in_one_request_make_a_bounded_answer(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let room = fresh_room("long");
    fill(&ada, &room, 20).await;
    let frames: Vec<_> = (0..100)
        .map(|count| json!({"type": "history", "room": room, "limit": 100, "id": count}))
        .collect();
    let (status, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
    assert_eq!(status, 200);
    let bytes = answer.to_string().len();
    assert!(bytes < 600 * 1024, "{bytes} bytes");
    let replies = answer["frames"].as_array().unwrap();
    assert_eq!(replies.len(), 100);
    assert_eq!(replies[0]["type"], "history");
    assert_eq!(
        replies[0]["more"], true,
        "a page is cut by its bytes, and says so"
    );
    assert_eq!(
        (&replies[99]["code"], &replies[99]["id"]),
        (&json!("rate_limited"), &json!(99))
    );
}

async fn a_poll_of_many_rooms_says_more_rather_than_everything(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let name = fresh_room("wide");
    let mut rooms = serde_json::Map::new();
    for count in 0..8 {
        let room = format!("{name}-{count}");
        fill(&ada, &room, 4).await;
        rooms.insert(room, Value::Null);
    }
    let mut joined = 0;
    for _ in 0..8 {
        let (status, answer) = ada
            .post("/api/v1/poll", &json!({"rooms": rooms, "hold_ms": 0}))
            .await;
        assert_eq!(status, 200);
        assert!(answer.to_string().len() < 400 * 1024);
        for frame in answer["frames"].as_array().unwrap() {
            if frame["type"] == "joined" {
                joined += 1;
                let room = frame["room"].as_str().unwrap();
                rooms.insert(room.to_owned(), frame["head"].clone());
            }
        }
        if answer["more"] == false {
            break;
        }
    }
    assert_eq!(joined, 8);
}

async fn several_joins_in_one_request_are_all_remembered(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let (_, answer) = ada
        .post("/api/v1/poll", &json!({"rooms": {}, "hold_ms": 0}))
        .await;
    let connection = answer["frames"][0]["connection"].clone();
    let rooms: Vec<_> = (0..3).map(|_| fresh_room("several")).collect();
    let joins: Vec<_> = rooms
        .iter()
        .map(|room| json!({"type": "join", "room": room}))
        .collect();
    let body = json!({"connection": connection, "frames": joins});
    assert_eq!(ada.post("/api/v1/frames", &body).await.0, 200);
    // The next poll names one of them: the others are left.
    let body = json!({"connection": connection, "rooms": {&rooms[2]: "0-0"}, "hold_ms": 0});
    assert_eq!(ada.post("/api/v1/poll", &body).await.0, 200);
    for (room, expected) in rooms.iter().zip([0, 0, 1]) {
        let frames = json!([{"type": "members", "room": room}]);
        let (_, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
        assert_eq!(answer["frames"][0]["count"], expected, "{room}");
    }
    let frames = json!([{"type": "leave", "room": &rooms[2]},
                        {"type": "send", "room": &rooms[2], "key": "k", "text": "gone"}]);
    let body = json!({"connection": connection, "frames": frames});
    let (_, answer) = ada.post("/api/v1/frames", &body).await;
    assert_eq!(answer["frames"][1]["code"], "not_member", "{answer}");
}

async fn a_poll_that_was_overtaken_changes_nothing(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let room = fresh_room("turn");
    let poll = async |connection: &Value, turn: u64, rooms: Value| {
        let body = json!({"connection": connection, "turn": turn, "rooms": rooms, "hold_ms": 0});
        ada.post("/api/v1/poll", &body).await
    };
    let (_, answer) = poll(&Value::Null, 1, json!({})).await;
    let connection = answer["frames"][0]["connection"].clone();
    assert_eq!(poll(&connection, 3, json!({})).await.0, 200);
    let (status, late) = poll(&connection, 2, json!({&room: null})).await;
    assert_eq!(status, 200);
    assert!(
        late["frames"][0]["retry_after_ms"].as_u64().unwrap() > 0,
        "{late}"
    );
    let frames = json!([{"type": "members", "room": room}]);
    let (_, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
    assert_eq!(answer["frames"][0]["count"], 0);
    assert_eq!(poll(&connection, u64::MAX, json!({})).await.0, 400);
}

/// Sends bytes to an instance and returns what it answers.
fn exchange(base: &str, head: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .unwrap();
    if !body.is_empty() {
        // No more of it will come.
        socket.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut answer = [0; 512];
    let count = socket.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

async fn a_body_that_was_cut_off_does_nothing(world: &Description) {
    let base = world.instances[0].url.clone();
    let room = fresh_room("cut");
    let head = format!(
        "POST /api/v1/rooms/{room} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 500\r\n",
        world.api_key
    );
    let send = move || exchange(&base, &head, r#"{"title": "Half"}"#);
    let answer = tokio::task::spawn_blocking(send).await.unwrap();
    assert!(!answer.contains(" 201 "), "{answer}");
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    assert_eq!(ada.join(&room).await["title"], "");
}

async fn two_origins_are_one_too_many(world: &Description) {
    let base = world.instances[0].url.clone();
    let host = base.trim_start_matches("http://").to_owned();
    let ada = Person::sign_in(&base, "Ada").await;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {base}\r\nOrigin: http://evil.example\r\n\
         Cookie: {}\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ada.cookies()
    );
    let send = move || exchange(&base, &head, "");
    let answer = tokio::task::spawn_blocking(send).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}
