//! A client that polls, as the browser app does: it names its rooms and
//! positions with every request and keeps one request of frames in flight.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, Notify, mpsc},
    task::JoinHandle,
    time::sleep,
};

use super::http::{Person, text};

/// A polling client.
pub(crate) struct LongPoll {
    shared: Arc<Shared>,
    pub(crate) heard: mpsc::UnboundedReceiver<Value>,
    polling: JoinHandle<()>,
}

struct Shared {
    person: Person,
    state: Mutex<State>,
    sending: Mutex<()>,
    changed: Notify,
    tell: mpsc::UnboundedSender<Value>,
}

#[derive(Default)]
struct State {
    connection: Option<String>,
    control: Option<String>,
    rooms: BTreeMap<String, Option<String>>,
}

impl Drop for LongPoll {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl LongPoll {
    /// Begins to poll.
    pub(crate) fn open(person: &Person) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            person: person.clone(),
            state: Mutex::default(),
            sending: Mutex::default(),
            changed: Notify::new(),
            tell,
        });
        let polling = tokio::spawn(poll_on(Arc::clone(&shared)));
        Self {
            shared,
            heard,
            polling,
        }
    }

    /// Follows a room from a position, or from its latest messages.
    pub(crate) async fn follow(&self, room: &str, after: Option<&str>) {
        let mut state = self.shared.state.lock().await;
        state
            .rooms
            .insert(room.to_owned(), after.map(str::to_owned));
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Stops following a room.
    pub(crate) async fn unfollow(&self, room: &str) {
        self.shared.state.lock().await.rooms.remove(room);
        self.shared.changed.notify_one();
    }

    /// Sends one frame and returns its reply, or the HTTP error.
    pub(crate) async fn ask(&self, frame: &Value) -> Result<Value, (u16, Value)> {
        let _one_at_a_time = self.shared.sending.lock().await;
        let connection = self.shared.state.lock().await.connection.clone();
        let body = json!({"connection": connection, "frames": [frame]});
        let (status, body) = self.shared.person.post("/api/v1/frames", &body).await;
        if status == 200 {
            Ok(body["frames"][0].clone())
        } else {
            Err((status, body))
        }
    }
}

async fn poll_on(shared: Arc<Shared>) {
    let mut turn = 0;
    loop {
        let body = {
            let state = shared.state.lock().await;
            turn += 1;
            json!({"connection": state.connection, "control": state.control,
                   "rooms": state.rooms, "hold_ms": 10_000, "turn": turn})
        };
        let answer = tokio::select! {
            answer = shared.person.post("/api/v1/poll", &body) => answer,
            () = shared.changed.notified() => continue,
        };
        match answer {
            (200, answer) => shared.take(&answer).await,
            (401, _) => {
                let _ = shared.tell.send(json!({"type": "closed", "status": 401}));
                return;
            }
            _ => sleep(Duration::from_millis(100)).await,
        }
    }
}

impl Shared {
    async fn take(&self, answer: &Value) {
        let mut state = self.state.lock().await;
        state.control = answer["control"].as_str().map(str::to_owned);
        let mut wait = None;
        for frame in answer["frames"].as_array().into_iter().flatten() {
            state.take(frame);
            if frame["type"] == "error" {
                wait = frame["retry_after_ms"].as_u64();
            }
            let _ = self.tell.send(frame.clone());
        }
        drop(state);
        if let Some(wait) = wait {
            sleep(Duration::from_millis(wait.min(300))).await;
        }
    }
}

impl State {
    /// Keeps what the next request has to say.
    fn take(&mut self, frame: &Value) {
        if frame["type"] == "hello" {
            self.connection = frame["connection"].as_str().map(str::to_owned);
            return;
        }
        let Some(position) = self.rooms.get_mut(&text(&frame["room"])) else {
            return;
        };
        match frame["type"].as_str() {
            Some("joined") => {
                let shown = frame["messages"].as_array().and_then(|all| all.last());
                let reached = if frame["more"] == true { shown } else { None };
                *position = Some(match reached {
                    Some(last) => text(&last["position"]),
                    None => text(&frame["head"]),
                });
            }
            Some(
                "message" | "edited" | "deleted" | "reacted" | "epoch" | "notice" | "room_closed"
                | "invited" | "departed",
            ) => {
                *position = Some(text(&frame["position"]));
            }
            Some("gap") => *position = Some(text(&frame["to"])),
            Some("rollback") => *position = Some(text(&frame["after"])),
            _ => {}
        }
    }
}
