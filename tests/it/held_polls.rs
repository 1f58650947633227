//! One TCP connection of a client that polls, byte by byte: an answer that is
//! waited for is taken out of the conversation, and the conversation goes on
//! after it as if nothing had been.

use std::time::Duration;

use hubbub_cluster::Description;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::support::{
    cluster::{self, mint},
    http::{fresh_room, unique},
    until::until,
};

/// Longer than any poll is held.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection, and who speaks over it.
struct Talk {
    socket: BufReader<TcpStream>,
    credentials: String,
}

/// The status, the head and the body of an answer.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Talk {
    async fn begin(world: &Description) -> Self {
        let token = mint(world, &["--name", &format!("Ada {}", unique())]);
        Self::with(world, format!("Authorization: Bearer {token}")).await
    }

    async fn with(world: &Description, credentials: String) -> Self {
        let address = world.instances[0].url.trim_start_matches("http://");
        let socket = TcpStream::connect(address).await.unwrap();
        Self {
            socket: BufReader::new(socket),
            credentials,
        }
    }

    /// Says a request, with what else belongs into its head.
    async fn ask(&mut self, line: &str, more: &str, body: &Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = format!(
            "{line}\r\nHost: x\r\n{}\r\nContent-Type: application/json\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            self.credentials,
            body.len()
        );
        self.socket.write_all(request.as_bytes()).await.unwrap();
    }

    async fn poll(&mut self, body: &Value) {
        self.ask("POST /api/v1/poll HTTP/1.1", "", body).await;
    }

    async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.unwrap()
    }

    async fn read_answer(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.socket.read_line(&mut head).await.unwrap();
            assert!(count > 0, "the connection ended: {head}");
        }
        head.make_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await.unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    /// The first poll of a room, and the body of one that is held.
    async fn enter(&mut self, room: &str, hold_ms: u64) -> Value {
        self.poll(&json!({"rooms": {room: null}, "hold_ms": 0}))
            .await;
        let first = self.answer().await.body;
        let [hello, joined] = [&first["frames"][0], &first["frames"][1]];
        assert_eq!(joined["type"], "joined", "{first}");
        json!({"connection": hello["connection"], "control": first["control"],
               "rooms": {room: joined["head"]}, "hold_ms": hold_ms})
    }

    async fn is_over(&mut self) -> bool {
        let mut byte = [0];
        let read = self.socket.read(&mut byte);
        matches!(timeout(PATIENCE, read).await.unwrap(), Ok(0) | Err(_))
    }
}

/// How many polls an instance has under way.
async fn polling(world: &Description) -> Option<String> {
    let metrics = reqwest::Client::new()
        .get(format!("{}/metrics", world.instances[0].admin_url))
        .header("x-api-key", &world.admin_key)
        .send();
    let metrics = metrics.await.ok()?.text().await.ok()?;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("hubbub_polling "))?;
    line.split(' ').nth(1).map(str::to_owned)
}

#[tokio::test]
async fn one_connection_carries_held_polls_and_whatever_comes_between() {
    let (world, _kept) = cluster::start_embedded();
    let room = fresh_room("held");
    let (mut ada, mut ben) = (Talk::begin(&world).await, Talk::begin(&world).await);
    // The first word opens the room's epoch, which is news of its own.
    let mut say = async |key: &str, text: &str| {
        let send = json!({"type": "send", "room": room, "key": key, "text": text});
        let body = json!({"frames": [send]});
        ben.ask("POST /api/v1/frames HTTP/1.1", "", &body).await;
        assert_eq!(ben.answer().await.body["frames"][0]["type"], "ack");
    };
    say("first", "hello").await;
    let mut body = ada.enter(&room, 25_000).await;
    for number in 0..3 {
        ada.poll(&body).await;
        until("the poll is held", async || {
            (polling(&world).await? == "1").then_some(())
        })
        .await;
        say(&format!("k{number}"), &format!("text {number}")).await;
        let answer = ada.answer().await;
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("date: "), "{}", answer.head);
        assert!(answer.head.contains("content-type: application/json"));
        let message = &answer.body["frames"][0];
        assert_eq!(message["text"], format!("text {number}"), "{}", answer.body);
        body["rooms"][&room] = message["position"].clone();
        body["control"] = answer.body["control"].clone();
        ada.ask("GET /api/v1/rooms HTTP/1.1", "", &Value::Null)
            .await;
        assert_eq!(ada.answer().await.status, 200);
    }
}

#[tokio::test]
async fn what_was_said_behind_a_held_poll_is_answered_after_it() {
    let world = cluster::embedded();
    let room = fresh_room("behind");
    let mut ada = Talk::begin(world).await;
    let body = ada.enter(&room, 1_500).await;
    ada.poll(&body).await;
    ada.ask("GET /livez HTTP/1.1", "", &Value::Null).await;
    ada.ask("GET /api/v1/ HTTP/1.1", "", &Value::Null).await;
    let poll = ada.answer().await;
    assert_eq!(poll.status, 200);
    assert!(poll.body["frames"].is_array(), "{}", poll.body);
    let alive = ada.answer().await;
    assert_eq!((alive.status, &alive.body["frames"]), (200, &Value::Null));
    assert_eq!(ada.answer().await.body["data"]["app"], "hubbub");
}

#[tokio::test]
async fn who_hangs_up_is_not_waited_for() {
    let (world, _kept) = cluster::start_embedded();
    let room = fresh_room("gone");
    let mut ada = Talk::begin(&world).await;
    let body = ada.enter(&room, 25_000).await;
    ada.poll(&body).await;
    let is = async |count: &str| (polling(&world).await? == count).then_some(());
    until("the poll is held", async || is("1").await).await;
    drop(ada);
    until("it is let go", async || is("0").await).await;
}

#[tokio::test]
async fn who_does_not_stay_is_answered_and_let_go() {
    let world = cluster::embedded();
    let room = fresh_room("close");
    for (version, more) in [("1.1", "Connection: close\r\n"), ("1.0", "")] {
        let mut ada = Talk::begin(world).await;
        let body = ada.enter(&room, 500).await;
        let line = format!("POST /api/v1/poll HTTP/{version}");
        ada.ask(&line, more, &body).await;
        let answer = ada.answer().await;
        assert_eq!(answer.status, 200);
        assert!(answer.body["frames"].is_array(), "{}", answer.body);
        assert!(ada.is_over().await);
    }
}

#[tokio::test]
async fn a_refused_poll_leaves_the_connection_open() {
    let world = cluster::embedded();
    let mut ada = Talk::begin(world).await;
    ada.poll(&json!({"rooms": {"No Room": null}})).await;
    let refused = ada.answer().await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["error"]["code"], "bad_room_name");
    ada.enter(&fresh_room("after"), 0).await;
}

#[tokio::test]
async fn a_session_that_goes_on_by_polling_renews_its_cookie() {
    // A fiftieth of it must pass before the end is put off.
    let cluster = cluster::start(1, &[("HUBBUB__SESSION__TTL", "60s")]);
    let world = cluster.description();
    let ada = crate::support::http::Person::sign_in(&world.instances[0].url, "Ada").await;
    let cookie = format!("Cookie: {}", ada.cookies());
    let mut talk = Talk::with(&world, cookie).await;
    let body = talk.enter(&fresh_room("cookie"), 100).await;
    timeout(PATIENCE, async {
        loop {
            talk.poll(&body).await;
            let answer = talk.answer().await;
            assert_eq!(answer.status, 200);
            if answer.head.contains("set-cookie: hubbub_session=") {
                break;
            }
        }
    })
    .await
    .unwrap();
}
