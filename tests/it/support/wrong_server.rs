//! A chat server that is wrong on purpose: of every ten messages it drops one,
//! sends one twice and swaps two, and acknowledges them all.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::{
    Json, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A running wrong server.
pub(crate) struct WrongServer {
    pub(crate) url: String,
    room: Arc<Room>,
}

/// How often it was wrong, for every member alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) acknowledged: u64,
    pub(crate) dropped: u64,
    pub(crate) doubled: u64,
    pub(crate) swapped: u64,
}

type Room = Mutex<Inside>;

#[derive(Default)]
struct Inside {
    log: Vec<Value>,
    people: usize,
    members: Vec<UnboundedSender<String>>,
    held: Option<String>,
    faults: Faults,
}

impl WrongServer {
    pub(crate) async fn start() -> Self {
        let room = Arc::new(Room::default());
        let app = Router::new()
            .route("/ws", get(open))
            .route("/api/v1/rooms/{name}/messages", get(history))
            .route("/api/v1/session", post(sign_in).delete(sign_out))
            .with_state(Arc::clone(&room));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url: format!("http://{address}"),
            room,
        }
    }

    /// How often it was wrong. What was held back for a swap and never came is
    /// as good as dropped.
    pub(crate) fn faults(&self) -> Faults {
        let inside = lock(&self.room);
        let mut faults = inside.faults.clone();
        faults.dropped += u64::from(inside.held.is_some());
        faults
    }
}

fn lock(room: &Room) -> MutexGuard<'_, Inside> {
    room.lock().expect("nobody panics with it")
}

async fn history(State(room): State<Arc<Room>>) -> Json<Value> {
    let log = lock(&room).log.clone();
    Json(json!({"messages": log, "more": false}))
}

async fn sign_in(Json(wanted): Json<Value>) -> (StatusCode, Json<Value>) {
    let user = json!({"user": {"id": wanted["name"], "name": wanted["name"]}});
    (StatusCode::CREATED, Json(user))
}

async fn sign_out() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn open(State(room): State<Arc<Room>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| serve(room, socket))
}

async fn serve(room: Arc<Room>, mut socket: WebSocket) {
    let (tell, mut told) = unbounded_channel();
    let user = lock(&room).next_user();
    let hello = json!({"type": "hello", "user": {"id": user, "name": user}, "instance": "wrong"});
    let _ = tell.send(hello.to_string());
    loop {
        tokio::select! {
            frame = told.recv() => {
                let Some(frame) = frame else { return };
                if socket.send(Message::Text(frame.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                if let Message::Text(text) = message {
                    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
                    let reply = lock(&room).answer(&frame, &user, &tell);
                    let _ = tell.send(reply.to_string());
                }
            }
        }
    }
}

impl Inside {
    fn next_user(&mut self) -> String {
        self.people += 1;
        format!("u{}", self.people)
    }

    fn answer(&mut self, frame: &Value, user: &str, tell: &UnboundedSender<String>) -> Value {
        let room = &frame["room"];
        match frame["type"].as_str() {
            Some("join") => {
                self.members.push(tell.clone());
                json!({"type": "joined", "room": room, "head": "1-0", "recovered": false,
                       "messages": [], "more": false})
            }
            Some("send") => {
                self.faults.acknowledged += 1;
                let position = format!("1-{}", self.log.len() + 1);
                let message = json!({"type": "message", "room": room, "position": position, "at": 1,
                    "key": frame["key"], "from": {"id": user, "name": user}, "text": frame["text"]});
                self.log.push(message.clone());
                self.deliver(message.to_string());
                json!({"type": "ack", "room": room, "key": frame["key"], "position": position,
                       "at": 1, "duplicate": false})
            }
            _ => json!({"type": "pong"}),
        }
    }

    fn deliver(&mut self, frame: String) {
        match self.log.len() % 10 {
            3 => self.faults.dropped += 1,
            5 => {
                self.faults.doubled += 1;
                self.tell_all(&frame);
                self.tell_all(&frame);
            }
            7 => self.held = Some(frame),
            _ => {
                self.tell_all(&frame);
                if let Some(held) = self.held.take() {
                    self.faults.swapped += 1;
                    self.tell_all(&held);
                }
            }
        }
    }

    fn tell_all(&self, frame: &str) {
        for member in &self.members {
            let _ = member.send(frame.to_owned());
        }
    }
}
