//! What one client knows: where it is in each room, what it has to say, and
//! the journal of all it saw. Both transports share it; it knows no socket.

use std::{collections::BTreeMap, time::Duration};

use hubbub::{
    bench::check::{Event, Journal, Mark, Micros, RoomNumber, Via, digest, mark},
    client::{
        self, Seen, Wish, position,
        sends::{Item, Sends},
        text,
    },
    protocol::position::Position,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Manner;

/// After this time without a transport the page would say so.
const NOTICE_AFTER: Duration = Duration::from_secs(3);
/// How long a refused send waits if the server does not say.
const RETRY: Duration = Duration::from_millis(200);

/// The state of one client.
pub(crate) struct Mind {
    pub(crate) manner: Manner,
    /// All that it saw.
    pub(crate) journal: Journal,
    /// When each message was said and when it came here.
    pub(crate) heard: Vec<Heard>,
    /// When a transport was lost.
    pub(crate) downs: Vec<Micros>,
    /// The instance its socket is on.
    pub(crate) instance: String,
    /// How many sends were acknowledged for the first time.
    pub(crate) acked: u64,
    /// How many of these were taken back by a marker, and said again.
    pub(crate) taken_back: usize,
    name: String,
    epoch: Instant,
    pub(super) rooms: BTreeMap<String, Room>,
    said: u64,
    is_up: bool,
    down_since: Option<Instant>,
    pub(super) poll: PollState,
}

/// What a polling client says of itself in each request.
#[derive(Default)]
pub(super) struct PollState {
    pub(super) connection: Option<String>,
    pub(super) control: Option<String>,
}

/// A room it follows.
pub(super) struct Room {
    pub(super) number: RoomNumber,
    /// Everything up to here has come.
    pub(super) last: Option<Position>,
    /// The version of who is there, as it was told last.
    pub(super) presence: Option<u64>,
    pub(super) sends: Sends<String>,
}

/// A message that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// When it was said for the first time.
    pub(crate) said: Micros,
    /// When it came.
    pub(crate) at: Micros,
}

impl Mind {
    /// A client of this number and name that will follow these rooms. Times are
    /// counted from `epoch`.
    pub(crate) fn new(
        number: u32,
        user: &str,
        manner: Manner,
        epoch: Instant,
        rooms: &[(RoomNumber, String)],
    ) -> Self {
        let mut journal = Journal::new(number);
        journal.set_user(user_mark(user));
        let now = Instant::now();
        let rooms = rooms.iter().map(|(number, name)| {
            let room = Room {
                number: *number,
                last: None,
                presence: None,
                sends: Sends::new(now),
            };
            (name.clone(), room)
        });
        Self {
            manner,
            journal,
            heard: Vec::new(),
            downs: Vec::new(),
            instance: String::new(),
            acked: 0,
            taken_back: 0,
            name: user.to_owned(),
            epoch,
            rooms: rooms.collect(),
            said: 0,
            is_up: false,
            down_since: None,
            poll: PollState::default(),
        }
    }

    pub(super) fn now(&self) -> Micros {
        micros(self.epoch)
    }

    pub(super) fn note(&mut self, event: &Event) {
        let now = self.now();
        self.journal.push(now, event);
    }

    /// Whether it is in every room and has said all it began to say.
    pub(crate) fn is_done(&self) -> bool {
        self.rooms.values().all(|room| room.sends.is_done())
    }

    /// Whether a transport works.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Takes the reply to something that was asked on its behalf.
    pub(crate) fn hear_reply(&mut self, frame: &Value) {
        client::Mind::take(self, &mut Seen::default(), frame);
    }

    /// Where it is in a room.
    pub(crate) fn position(&self, room: &str) -> Option<Position> {
        self.rooms.get(room)?.last
    }

    /// The rooms it is in.
    pub(crate) fn room_names(&self) -> Vec<String> {
        self.rooms.keys().cloned().collect()
    }

    /// The rooms as a poll names them.
    pub(super) fn poll_rooms(&self) -> Value {
        let of = |(name, room): (&String, &Room)| {
            let from = match (room.last, room.presence) {
                (None, _) => Value::Null,
                (Some(last), None) => json!(last.to_string()),
                (Some(last), Some(version)) => {
                    json!({"after": last.to_string(), "presence_version": version})
                }
            };
            (name.clone(), from)
        };
        self.rooms.iter().map(of).collect()
    }

    fn acknowledged(&mut self, frame: &Value) -> Wish {
        let (Some(room), Some(position)) = (
            self.rooms.get_mut(text(&frame["room"])),
            position(&frame["position"]),
        ) else {
            return Wish::Nothing;
        };
        let key = text(&frame["key"]);
        let next = Instant::now() + self.manner.pause.unwrap_or_default();
        if room.sends.ack(key, position, next) {
            self.acked += 1;
        }
        let event = Event::Acked {
            room: room.number,
            key: key_mark(&self.name, key),
            position,
            duplicate: frame["duplicate"] == true,
        };
        self.note(&event);
        Wish::Nothing
    }

    fn refused(&mut self, frame: &Value) -> Wish {
        let code = text(&frame["code"]);
        let wait = frame["retry_after_ms"]
            .as_u64()
            .map_or(RETRY, Duration::from_millis);
        let Some((name, key)) = text(&frame["id"]).split_once('/') else {
            return Wish::Wait(wait);
        };
        let Some(room) = self.rooms.get_mut(name) else {
            return Wish::Nothing;
        };
        let for_now = matches!(
            code,
            "unavailable" | "timeout" | "rate_limited" | "not_member" | "internal"
        );
        if for_now {
            room.sends.wait(Instant::now() + wait);
        } else if room.sends.refuse(key) {
            let event = Event::Refused {
                room: room.number,
                key: key_mark(&self.name, key),
            };
            self.note(&event);
        }
        Wish::Nothing
    }
}

impl client::Mind for Mind {
    fn due(&mut self, talk: bool) -> Vec<Value> {
        let (now, at) = (Instant::now(), self.now());
        let mut frames = Vec::new();
        let mut sent = Vec::new();
        let talk = talk && self.manner.pause.is_some();
        for (name, room) in &mut self.rooms {
            if room.last.is_none() {
                continue;
            }
            let make = || {
                talk.then(|| {
                    self.said += 1;
                    Item {
                        key: format!("k{}", self.said),
                        what: spoken(self.said, at, self.manner.text_bytes),
                        again: false,
                    }
                })
            };
            let Some(item) = room.sends.due(now, make) else {
                continue;
            };
            frames.push(json!({"type": "send", "room": name, "key": item.key,
                               "text": item.what, "id": format!("{name}/{}", item.key)}));
            sent.push(Event::Sent {
                room: room.number,
                key: key_mark(&self.name, &item.key),
                again: item.again,
            });
        }
        for event in &sent {
            self.note(event);
        }
        frames
    }

    fn take(&mut self, seen: &mut Seen, frame: &Value) -> Wish {
        match text(&frame["type"]) {
            "hello" => {
                if self.manner.via == Via::Poll {
                    text(&frame["instance"]).clone_into(&mut self.instance);
                }
                if let Some(connection) = frame["connection"].as_str() {
                    self.poll.connection = Some(connection.to_owned());
                }
                Wish::Join
            }
            "move" => Wish::Move(Duration::from_millis(
                frame["within_ms"].as_u64().unwrap_or(1_000),
            )),
            "ack" => self.acknowledged(frame),
            "error" => self.refused(frame),
            kind => self.in_room(seen, kind, frame),
        }
    }

    fn up(&mut self) {
        self.down_since = None;
        if !self.is_up {
            self.is_up = true;
            self.note(&Event::Up(self.manner.via));
        }
    }

    fn down(&mut self, code: u16) {
        for room in self.rooms.values_mut() {
            room.sends.transport_lost();
        }
        if self.is_up {
            self.is_up = false;
            self.down_since = Some(Instant::now());
            self.downs.push(self.now());
            self.note(&Event::Down { code });
        }
    }

    fn look_at_the_clock(&mut self) {
        let since = self
            .down_since
            .filter(|since| since.elapsed() > NOTICE_AFTER);
        if since.is_some() {
            self.down_since = None;
            self.note(&Event::Notice);
        }
    }

    fn transport_lost(&mut self) {
        for room in self.rooms.values_mut() {
            room.sends.transport_lost();
        }
    }

    fn joins(&self) -> Vec<Value> {
        let join = |(name, room): (&String, &Room)| match room.last {
            Some(last) => json!({"type": "join", "room": name, "after": last.to_string()}),
            None => json!({"type": "join", "room": name}),
        };
        self.rooms.iter().map(join).collect()
    }

    fn rooms(&self) -> usize {
        self.rooms.len()
    }

    fn talks(&self) -> bool {
        self.manner.pause.is_some()
    }

    fn flap(&self) -> Option<Duration> {
        self.manner.flap
    }

    fn lives_on(&mut self, instance: &str) {
        instance.clone_into(&mut self.instance);
    }
}

/// Microseconds since a moment.
pub(crate) fn micros(since: Instant) -> Micros {
    Micros::try_from(since.elapsed().as_micros()).unwrap_or(Micros::MAX)
}

/// Stands for a user.
pub(crate) fn user_mark(id: &str) -> Mark {
    mark(&[id.as_bytes()])
}

/// Stands for a key of a user.
pub(crate) fn key_mark(user: &str, key: &str) -> Mark {
    mark(&[user.as_bytes(), key.as_bytes()])
}

/// Stands for what a message says.
pub(crate) fn digest_of(frame: &Value) -> u32 {
    digest(
        text(&frame["from"]["id"]).as_bytes(),
        text(&frame["key"]).as_bytes(),
        text(&frame["text"]).as_bytes(),
    )
}

pub(super) fn users(list: &Value) -> Box<[Mark]> {
    let all = list.as_array().into_iter().flatten();
    all.map(|user| user_mark(text(&user["id"]))).collect()
}

/// A text that says when it was said, filled up to a length.
fn spoken(number: u64, at: Micros, bytes: usize) -> String {
    let mut text = format!("{number} said at {at} ");
    while text.len() < bytes {
        text.push_str("and so on ");
    }
    text.trim_end().to_owned()
}

pub(super) fn said_at(text: &str) -> Option<Micros> {
    text.split(' ').nth(3)?.parse().ok()
}
