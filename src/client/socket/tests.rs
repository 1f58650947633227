//! A client against a server that is played here.

use tokio::net::TcpListener;
use tokio_tungstenite::{accept_async, tungstenite::handshake::client::Request};

use super::*;
use crate::client::handshake;

const ROOMS: [&str; 2] = ["attic", "lobby"];

/// Wants to be in two rooms, and nothing else.
struct Guest;

impl Mind for Guest {
    fn take(&mut self, _seen: &mut Seen, frame: &Value) -> Wish {
        match text(&frame["type"]) {
            "hello" => Wish::Join,
            "joined" => Wish::Joined(text(&frame["room"]).to_owned()),
            "error" => Wish::Wait(Duration::from_millis(1)),
            _ => Wish::Nothing,
        }
    }

    fn joins(&self) -> Vec<Value> {
        let join = |room| json!({"type": "join", "room": room});
        ROOMS.map(join).to_vec()
    }

    fn rooms(&self) -> usize {
        ROOMS.len()
    }

    fn due(&mut self, _talk: bool) -> Vec<Value> {
        Vec::new()
    }

    fn talks(&self) -> bool {
        true
    }

    fn lives_on(&mut self, _instance: &str) {}

    fn up(&mut self) {}

    fn down(&mut self, _code: u16) {}

    fn transport_lost(&mut self) {}
}

#[derive(Clone)]
struct Here(String);

impl Door for Here {
    fn request(&self) -> Option<Request> {
        handshake(&self.0, &self.0.replace("http", "ws"), None)
    }
}

async fn hears(socket: &mut WebSocketStream<TcpStream>) -> Value {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(_)) => {}
            other => panic!("the client ended: {other:?}"),
        }
    }
}

async fn says(socket: &mut WebSocketStream<TcpStream>, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_room_is_asked_for_again_only_if_it_was_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = Here(format!("http://{}", listener.local_addr().unwrap()));
    let (orders, heed) = watch::channel(Orders::default());
    let client = tokio::spawn(run(door, Arc::new(Mutex::new(Guest)), heed));
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = accept_async(stream).await.unwrap();
    says(&mut socket, json!({"type": "hello", "instance": "one"})).await;
    for room in ROOMS {
        assert_eq!(hears(&mut socket).await["room"], room);
    }
    // The first is refused for now. The second is not answered yet, and takes longer
    // than the client was asked to wait.
    says(&mut socket, json!({"type": "error", "code": "timeout"})).await;
    let early = timeout(Duration::from_millis(100), hears(&mut socket)).await;
    assert!(early.is_err(), "{early:?}");
    says(&mut socket, json!({"type": "joined", "room": ROOMS[1]})).await;
    assert_eq!(hears(&mut socket).await["room"], ROOMS[0]);
    orders.send_replace(Orders {
        talk: false,
        end: true,
    });
    says(&mut socket, json!({"type": "joined", "room": ROOMS[0]})).await;
    client.await.unwrap();
}
