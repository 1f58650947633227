//! Clients that say nothing, and clients that read slowly.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use hubbub_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::{
    client::{Client, Via},
    cluster,
    http::{Person, text},
};

/// A WebSocket that does nothing by itself: it answers no ping, and reads only
/// when it is told to.
struct Raw(TcpStream);

impl Raw {
    /// Opens `/ws` directly on an instance.
    fn open(person: &Person) -> Self {
        let host = person.base.trim_start_matches("http://");
        let address: SocketAddr = host.parse().unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut raw = Self(socket);
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\nCookie: {}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            person.base,
            person.cookies(),
        );
        raw.0.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(raw.bytes::<1>());
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        raw
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn say(&mut self, frame: &Value) {
        let bytes = Self::frame(0x81, frame.to_string().as_bytes());
        self.0.write_all(&bytes).unwrap();
    }

    /// A whole frame of a client.
    fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length <= 125);
        let mut bytes = vec![head, 0x80 | length, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The next frame: its opcode and its payload.
    fn next(&mut self) -> (u8, Vec<u8>) {
        let [first, second] = self.bytes();
        let length = match second {
            126 => u16::from_be_bytes(self.bytes()).into(),
            127 => usize::try_from(u64::from_be_bytes(self.bytes())).unwrap(),
            short => short.into(),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        (first & 0x0F, payload)
    }

    /// Reads until a frame of JSON fulfils a condition.
    fn hears(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let (opcode, payload) = self.next();
            assert_ne!(opcode, 8, "closed: {:?}", String::from_utf8_lossy(&payload));
            if opcode != 1 {
                continue;
            }
            let frame = serde_json::from_slice(&payload).unwrap();
            if wanted(&frame) {
                return frame;
            }
        }
    }
}

fn alone(env: &[(&str, &str)]) -> (Cluster, String) {
    let cluster = cluster::start(1, env);
    let url = cluster.description().instances[0].url.clone();
    (cluster, url)
}

#[tokio::test]
async fn who_says_nothing_is_pinged_and_then_let_go() {
    let (_cluster, url) = alone(&[
        ("HUBBUB__TIMING__HEARTBEAT_MS", "1000"),
        ("HUBBUB__TIMING__SILENCE_MS", "3000"),
    ]);
    let ada = Person::sign_in(&url, "Ada").await;
    let watch = move || {
        let mut raw = Raw::open(&ada);
        let mut pings = [false, false];
        loop {
            match raw.next() {
                (9, _) => pings[0] = true,
                (8, payload) => {
                    assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), 4408);
                    break;
                }
                (_, payload) => {
                    let frame: Value = serde_json::from_slice(&payload).unwrap();
                    pings[1] |= frame["type"] == "ping";
                }
            }
        }
        assert_eq!(
            pings,
            [true, true],
            "one for browsers, one for their scripts"
        );
    };
    tokio::task::spawn_blocking(watch).await.unwrap();
}

#[tokio::test]
async fn who_says_something_and_goes_still_hears_that_it_was_stored() {
    let (_cluster, url) = alone(&[]);
    let ada = Person::sign_in(&url, "Ada").await;
    let say_and_go = move || {
        let mut raw = Raw::open(&ada);
        raw.say(&json!({"type": "join", "room": "lobby"}));
        raw.hears(|frame| frame["type"] == "joined");
        let mut both = Vec::new();
        both.extend(Raw::frame(
            0x81,
            br#"{"type":"send","room":"lobby","key":"k1","text":"bye"}"#,
        ));
        both.extend(Raw::frame(0x88, &1000u16.to_be_bytes()));
        raw.0.write_all(&both).unwrap();
        raw.hears(|frame| frame["type"] == "ack");
        while raw.next().0 != 8 {}
    };
    tokio::task::spawn_blocking(say_and_go).await.unwrap();
}

#[tokio::test]
async fn who_only_reads_in_a_room_that_talks_stays() {
    let (_cluster, url) = alone(&[
        ("HUBBUB__TIMING__HEARTBEAT_MS", "1000"),
        ("HUBBUB__TIMING__SILENCE_MS", "4000"),
    ]);
    let mut reader = Client::enter(&url, "Reader", Via::WebSocket).await;
    let mut talker = Client::enter(&url, "Talker", Via::WebSocket).await;
    reader.join("lobby").await;
    talker.join("lobby").await;
    // Longer than the silence after which a client that is gone is let go. The
    // reader's library answers pings, as every browser does.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        talker.say("lobby", "talk").await;
        let heard = reader.hears_message("lobby").await;
        assert_eq!(heard["text"], "talk");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn who_reads_slowly_gets_everything_and_slows_nobody() {
    const MESSAGES: usize = 1_600;
    let (_cluster, url) = alone(&[
        ("HUBBUB__LIMITS__SENDS", "1000000"),
        ("HUBBUB__LIMITS__ROOM_SENDS", "1000000"),
        ("HUBBUB__LIMITS__OUTBOX_BYTES", "65536"),
        // It takes nothing while all is said, however long that is.
        ("HUBBUB__TIMING__STUCK_READER", "10m"),
    ]);
    let slow = Person::sign_in(&url, "Slow").await;
    let join = move || {
        let mut raw = Raw::open(&slow);
        raw.say(&json!({"type": "join", "room": "lobby"}));
        raw.hears(|frame| frame["type"] == "joined");
        raw
    };
    let mut raw = tokio::task::spawn_blocking(join).await.unwrap();
    // Far more than the outbox and both sockets' buffers hold.
    let ada = Person::sign_in(&url, "Ada").await;
    let filler = "x".repeat(3_900);
    for first in (0..MESSAGES).step_by(8) {
        let frames: Vec<_> = (first..first + 8)
            .map(|count| {
                json!({"type": "send", "room": "lobby", "key": format!("k{count}"), "text": filler})
            })
            .collect();
        let (status, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
        assert_eq!(status, 200, "{answer}");
        let replies = answer["frames"].as_array().unwrap();
        assert!(
            replies.iter().all(|reply| reply["type"] == "ack"),
            "{answer}"
        );
    }
    let read = move || {
        let mut keys = Vec::new();
        raw.hears(|frame| {
            match text(&frame["type"]).as_str() {
                "message" => keys.push(text(&frame["key"])),
                "page" => {
                    let messages = frame["messages"].as_array().unwrap();
                    keys.extend(messages.iter().map(|message| text(&message["key"])));
                }
                "gap" | "rollback" => panic!("nothing is missing: {frame}"),
                _ => {}
            }
            keys.len() >= MESSAGES
        });
        let expected: Vec<_> = (0..MESSAGES).map(|count| format!("k{count}")).collect();
        assert_eq!(keys, expected);
    };
    tokio::task::spawn_blocking(read).await.unwrap();
}

#[tokio::test]
async fn who_reads_slowly_and_says_nothing_is_alive() {
    const MESSAGES: usize = 1_200;
    const SILENCE: Duration = Duration::from_secs(4);
    let (_cluster, url) = alone(&[
        ("HUBBUB__LIMITS__SENDS", "1000000"),
        ("HUBBUB__LIMITS__ROOM_SENDS", "1000000"),
        ("HUBBUB__TIMING__HEARTBEAT_MS", "1000"),
        ("HUBBUB__TIMING__SILENCE_MS", "4000"),
        // Shorter than it is slow, and longer than this machine may stop.
        ("HUBBUB__TIMING__STUCK_READER", "6s"),
    ]);
    let slow = Person::sign_in(&url, "Slow").await;
    let join = move || {
        let mut raw = Raw::open(&slow);
        raw.say(&json!({"type": "join", "room": "lobby"}));
        raw.hears(|frame| frame["type"] == "joined");
        raw
    };
    let mut raw = tokio::task::spawn_blocking(join).await.unwrap();
    let ada = Person::sign_in(&url, "Ada").await;
    // It reads while these are said, and long after: never a pong, as it comes
    // to no ping, but always some bytes more.
    let read = tokio::task::spawn_blocking(move || {
        let mut left = MESSAGES;
        let began = Instant::now();
        while left > 0 {
            let frame = raw.hears(|frame| {
                let is_news = frame["type"] == "message" || frame["type"] == "page";
                assert_ne!(frame["type"], "gap", "nothing is missing");
                is_news
            });
            let page = frame["messages"].as_array().map_or(1, Vec::len);
            left = left.saturating_sub(page);
            if began.elapsed() < 5 * SILENCE / 2 {
                // This is the slowness; there is nothing to wait for.
                std::thread::sleep(Duration::from_millis(10) * u32::try_from(page).unwrap());
            }
        }
        began.elapsed()
    });
    let filler = "x".repeat(3_900);
    for first in (0..MESSAGES).step_by(8) {
        let frames: Vec<_> = (first..first + 8)
            .map(|count| {
                json!({"type": "send", "room": "lobby", "key": format!("k{count}"), "text": filler})
            })
            .collect();
        let (status, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
        assert_eq!(status, 200, "{answer}");
    }
    let took = read.await.unwrap();
    assert!(took > 2 * SILENCE, "it was slow for long enough: {took:?}");
}

#[tokio::test]
async fn who_vanishes_in_the_middle_of_joining_leaves_no_ghost() {
    let (_cluster, url) = alone(&[
        ("HUBBUB__TIMING__GRACE", "1s"),
        ("HUBBUB__LIMITS__SENDS", "1000"),
    ]);
    let rooms: Vec<_> = (0..40).map(|count| format!("ghost-{count}")).collect();
    for _ in 0..20 {
        let person = Person::sign_in(&url, "Ghost").await;
        let rooms = rooms.clone();
        let vanish = move || {
            let mut raw = Raw::open(&person);
            for room in rooms {
                raw.say(&json!({"type": "join", "room": room}));
            }
        };
        tokio::task::spawn_blocking(vanish).await.unwrap();
    }
    let ada = Person::sign_in(&url, "Ada").await;
    let frames: Vec<_> = rooms
        .iter()
        .map(|room| json!({"type": "members", "room": room}))
        .collect();
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let (status, answer) = ada.post("/api/v1/frames", &json!({"frames": frames})).await;
        assert_eq!(status, 200, "{answer}");
        let left = answer["frames"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|reply| reply["count"] != 0);
        let left: Vec<_> = left.collect();
        if left.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "still there: {left:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
