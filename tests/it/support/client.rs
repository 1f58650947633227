//! A chat client in the tests' words: joins, says, hears. The same cases run
//! over every transport.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    http::{Person, text, unique},
    long_poll::LongPoll,
    socket::{Heard, Socket},
};

/// How frames travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    WebSocket,
    LongPoll,
}

/// Both transports.
pub(crate) const BOTH: [Via; 2] = [Via::WebSocket, Via::LongPoll];

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a test listens for what must not come.
const QUIET: Duration = Duration::from_millis(300);

/// A connected client.
pub(crate) struct Client {
    pub(crate) person: Person,
    link: Link,
    kept: VecDeque<Value>,
}

enum Link {
    WebSocket(Socket),
    LongPoll(LongPoll),
}

impl Client {
    /// Connects a person.
    pub(crate) async fn connect(person: &Person, via: Via) -> Self {
        let link = match via {
            Via::WebSocket => {
                let socket = Socket::open(person).await;
                Link::WebSocket(socket.unwrap_or_else(|status| panic!("refused: {status}")))
            }
            Via::LongPoll => Link::LongPoll(LongPoll::open(person)),
        };
        Self {
            person: person.clone(),
            link,
            kept: VecDeque::new(),
        }
    }

    /// Signs somebody in and connects them.
    pub(crate) async fn enter(base: &str, name: &str, via: Via) -> Self {
        let person = Person::sign_in(base, name).await;
        Self::connect(&person, via).await
    }

    /// Joins a room and returns the `joined` frame.
    pub(crate) async fn join(&mut self, room: &str) -> Value {
        if let Link::LongPoll(poll) = &self.link {
            poll.follow(room, None).await;
            return self
                .hears(|frame| frame["type"] == "joined" && frame["room"] == room)
                .await;
        }
        let joined = self.ask(&json!({"type": "join", "room": room})).await;
        assert_eq!(joined["type"], "joined", "{joined}");
        joined
    }

    /// Follows a room from a position.
    pub(crate) async fn resume(&mut self, room: &str, after: &str) {
        match &self.link {
            Link::WebSocket(socket) => {
                socket.say(&json!({"type": "join", "room": room, "after": after}));
            }
            Link::LongPoll(poll) => poll.follow(room, Some(after)).await,
        }
    }

    /// Leaves a room.
    pub(crate) async fn leave(&mut self, room: &str) {
        match &self.link {
            Link::WebSocket(socket) => socket.say(&json!({"type": "leave", "room": room})),
            Link::LongPoll(poll) => poll.unfollow(room).await,
        }
    }

    /// Says something and returns the `ack`.
    pub(crate) async fn say(&mut self, room: &str, words: &str) -> Value {
        self.say_as(room, &unique(), words).await
    }

    /// Says something under a key, again and again until it is acknowledged.
    pub(crate) async fn say_as(&mut self, room: &str, key: &str, words: &str) -> Value {
        let frame = json!({"type": "send", "room": room, "key": key, "text": words});
        let end = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask(&frame).await;
            if reply["type"] == "ack" {
                return reply;
            }
            assert!(Instant::now() < end, "no ack: {reply}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a frame that has no reply.
    pub(crate) async fn tell(&mut self, frame: &Value) {
        match &self.link {
            Link::WebSocket(socket) => socket.say(frame),
            Link::LongPoll(poll) => {
                let reply = poll.ask(frame).await.unwrap_or_default();
                assert_eq!(reply["type"], "ok", "{reply}");
            }
        }
    }

    /// Sends a frame and returns its reply. Where the protocol says that it is to
    /// be sent again, because the store was slow, this is done for a while.
    pub(crate) async fn ask(&mut self, frame: &Value) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask_once(frame).await;
            if !is_to_be_repeated(frame, &reply) || Instant::now() >= end {
                return reply;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a frame and returns its reply, whatever that is.
    pub(crate) async fn ask_once(&mut self, frame: &Value) -> Value {
        let id = unique();
        let mut frame = frame.clone();
        frame["id"] = json!(id);
        let reply = match &self.link {
            Link::WebSocket(socket) => {
                socket.say(&frame);
                None
            }
            Link::LongPoll(poll) => Some(poll.ask(&frame).await),
        };
        match reply {
            None => self.hears(|reply| reply["id"] == json!(id)).await,
            Some(Ok(reply)) => reply,
            Some(Err((status, body))) => json!({"type": "error", "status": status, "body": body}),
        }
    }

    /// Says any text, over a socket.
    pub(crate) fn say_text(&self, text: &str) {
        match &self.link {
            Link::WebSocket(socket) => socket.say_text(text),
            Link::LongPoll(_) => panic!("a poll carries JSON only"),
        }
    }

    /// Waits for a frame; others are kept for later.
    pub(crate) async fn hears(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.kept.iter().position(&wanted) {
            return self.kept.remove(index).unwrap_or_default();
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let Ok(heard) = timeout_at(end, self.next()).await else {
                panic!("never heard; heard instead: {:?}", self.kept);
            };
            match heard {
                Some(frame) if wanted(&frame) => return frame,
                Some(frame) => self.kept.push_back(frame),
                None => panic!("the connection ended; heard before: {:?}", self.kept),
            }
        }
    }

    /// Waits for the next message in a room, in whatever frame it comes.
    pub(crate) async fn hears_message(&mut self, room: &str) -> Value {
        loop {
            let frame = self
                .hears(|frame| {
                    frame["room"] == room && (frame["type"] == "message" || frame["type"] == "page")
                })
                .await;
            if frame["type"] == "message" {
                return frame;
            }
            for message in frame["messages"].as_array().into_iter().flatten().rev() {
                self.kept.push_front(message.clone());
            }
        }
    }

    /// Waits for a message of these words, and returns all messages of the room
    /// up to it.
    pub(crate) async fn hears_up_to(&mut self, room: &str, words: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let message = self.hears_message(room).await;
            let last = message["text"] == words;
            heard.push(message);
            if last {
                return heard;
            }
        }
    }

    /// Makes sure that nothing of the kind comes for a moment.
    pub(crate) async fn hears_no(&mut self, unwanted: impl Fn(&Value) -> bool) {
        let end = Instant::now() + QUIET;
        while let Ok(Some(frame)) = timeout_at(end, self.next()).await {
            self.kept.push_back(frame);
        }
        let found = self.kept.iter().find(|frame| unwanted(frame));
        assert!(found.is_none(), "heard {found:?}");
    }

    /// Waits for the end and returns the close code (over a poll: the status).
    pub(crate) async fn is_closed(&mut self) -> (Option<u16>, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            let heard = match &mut self.link {
                Link::WebSocket(socket) => timeout_at(end, socket.heard.recv()).await,
                Link::LongPoll(poll) => {
                    let frame = timeout_at(end, poll.heard.recv()).await.ok().flatten();
                    match frame {
                        Some(frame) if frame["type"] == "closed" => {
                            return (Some(401), String::new());
                        }
                        Some(_) => continue,
                        None => panic!("the poll goes on"),
                    }
                }
            };
            let Ok(heard) = heard else {
                panic!("the socket stays open");
            };
            match heard {
                Some(Heard::Closed(code, reason)) => return (code, reason),
                Some(Heard::Frame(_)) => {}
                None => return (None, String::new()),
            }
        }
    }

    async fn next(&mut self) -> Option<Value> {
        match &mut self.link {
            Link::WebSocket(socket) => match socket.heard.recv().await {
                Some(Heard::Frame(frame)) => Some(frame),
                _ => None,
            },
            Link::LongPoll(poll) => poll.heard.recv().await,
        }
    }
}

/// Whether nothing was done, or doing it twice is doing it once.
fn is_to_be_repeated(frame: &Value, reply: &Value) -> bool {
    let code = [&reply["code"], &reply["body"]["error"]["code"]];
    let same_again = ["direct", "history", "join", "members", "search"];
    match code.iter().find_map(|code| code.as_str()) {
        Some("unavailable") => true,
        Some("timeout") => {
            let kind = frame["type"].as_str().unwrap_or_default();
            frame["key"].is_string() || same_again.contains(&kind)
        }
        _ => false,
    }
}

/// The texts of some messages.
pub(crate) fn texts(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text(&message["text"]))
        .collect()
}
