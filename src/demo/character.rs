//! What one character knows: where they are in the room, what they have to say,
//! and whether they have a connection. It knows no socket.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    client::{Mind, Seen, Wish, position, sends::Sends, text},
    protocol::position::Position,
};

use super::{ledger::Who, shared::Shared};

/// How long to wait after a refusal that does not say.
const RETRY: Duration = Duration::from_millis(500);
/// Words that need no answer, such as who types. More are not kept.
const MOST_LOOSE: usize = 8;

/// One character, from coming in to leaving.
pub(super) struct Character {
    who: Who,
    name: String,
    shared: Arc<Shared>,
    /// Everything up to here has come.
    last: Option<Position>,
    sends: Sends<Value>,
    loose: VecDeque<Value>,
    instance: String,
    is_up: bool,
    was_up: bool,
    has_left: bool,
    down_since: Option<Instant>,
}

impl Character {
    /// Somebody who is to come in under a name.
    pub(super) fn new(who: Who, name: &str, shared: &Arc<Shared>) -> Self {
        Self {
            who,
            name: name.to_owned(),
            shared: Arc::clone(shared),
            last: None,
            sends: Sends::new(Instant::now()),
            loose: VecDeque::new(),
            instance: String::new(),
            is_up: false,
            was_up: false,
            has_left: false,
            down_since: None,
        }
    }

    /// Whether they are in the room, over a connection that works.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Begins to use a session.
    pub(super) fn begins_session(&mut self) {
        self.was_up = false;
    }

    /// Whether they have been in the room by it.
    pub(super) fn was_up(&self) -> bool {
        self.was_up
    }

    /// Whether they left the room, and the server said so.
    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Does something under the number it has in the ledger: again and again,
    /// until it is acknowledged.
    pub(super) fn act(&mut self, number: u64, frame: Value) {
        self.sends.push(self.shared.key(number), frame);
    }

    /// Types, or stops.
    pub(super) fn types(&mut self, on: bool) {
        self.say_loosely(json!({"type": "typing", "room": self.shared.room, "on": on}));
    }

    /// Leaves the room.
    pub(super) fn leave(&mut self) {
        self.say_loosely(json!({"type": "leave", "room": self.shared.room, "id": "leave"}));
    }

    fn say_loosely(&mut self, frame: Value) {
        if self.is_up && self.loose.len() < MOST_LOOSE {
            self.loose.push_back(frame);
        }
    }

    fn acknowledged(&mut self, frame: &Value) {
        let key = text(&frame["key"]);
        if let (Some(position), Some(number)) =
            (position(&frame["position"]), self.shared.number(key))
        {
            self.sends.ack(key, position, Instant::now());
            self.shared
                .note(|ledger| ledger.acknowledged(number, position));
        }
    }

    fn refused(&mut self, frame: &Value) -> Wish {
        let id = text(&frame["id"]);
        let wait = frame["retry_after_ms"]
            .as_u64()
            .map_or(RETRY, Duration::from_millis);
        let code = text(&frame["code"]);
        let is_for_now = matches!(
            code,
            "unavailable" | "timeout" | "rate_limited" | "not_member" | "internal"
        );
        let name = &self.name;
        match (id, is_for_now) {
            ("join", true) => return Wish::Wait(wait),
            ("join", false) => self.shared.fail(format!(
                "{name} cannot come into {}: {}",
                self.shared.room,
                text(&frame["message"])
            )),
            (key, true) => {
                let is_deed = self.shared.number(key).is_some();
                if is_deed && code == "rate_limited" {
                    let ms = wait.as_millis();
                    let line = format!("  ({name} is asked to slow down and waits {ms} ms)");
                    self.shared.tell(&line);
                }
                if is_deed {
                    self.sends.wait(Instant::now() + wait);
                }
            }
            (key, false) => {
                if let Some(number) = self.shared.number(key)
                    && self.sends.refuse(key)
                {
                    let why = text(&frame["message"]);
                    self.shared.tell(&format!("  ({name} is refused: {why})"));
                    self.shared.note(|ledger| ledger.refused(number));
                }
            }
        }
        Wish::Nothing
    }

    fn joined(&mut self, seen: &mut Seen, frame: &Value) -> Wish {
        let Some(head) = position(&frame["head"]) else {
            return Wish::Nothing;
        };
        let messages = frame["messages"].as_array();
        let shown = messages.and_then(|all| position(&all.last()?["position"]));
        // Who comes in for the first time need not have heard what was said
        // before.
        if self.last.is_some() {
            self.page(seen, frame);
        }
        let reached = if frame["more"] == true {
            shown.unwrap_or(Position::ZERO)
        } else {
            head
        };
        self.last = Some(self.last.map_or(reached, |last| last.max(reached)));
        Wish::Joined(self.shared.room.clone())
    }

    fn page(&mut self, seen: &mut Seen, frame: &Value) {
        for message in frame["messages"].as_array().into_iter().flatten() {
            self.entry(seen, message);
        }
    }

    /// An entry of the room's log came.
    fn entry(&mut self, seen: &mut Seen, frame: &Value) {
        let Some(position) = position(&frame["position"]) else {
            return;
        };
        if !seen.is_news(&self.shared.room, self.last, position) {
            return;
        }
        self.last = Some(self.last.map_or(position, |last| last.max(position)));
        let who = self.who;
        match self.shared.number(text(&frame["key"])) {
            Some(number) => self
                .shared
                .note(|ledger| ledger.heard(who, number, position)),
            None if frame["type"] == "message" && frame["deleted"] != true => {
                let from = &frame["from"];
                self.shared
                    .stranger(text(&from["id"]), text(&from["name"]), position);
            }
            None => {}
        }
    }

    fn marker(&mut self, seen: &mut Seen, frame: &Value) {
        let (Some(marker), Some(prev)) = (position(&frame["position"]), position(&frame["prev"]))
        else {
            return;
        };
        if !seen.is_news(&self.shared.room, self.last, marker) {
            return;
        }
        self.last = Some(marker);
        let who = self.who;
        self.sends.marker(marker, prev);
        self.shared
            .note(|ledger| ledger.taken_back(who, prev, marker));
    }

    fn rolled_back(&mut self, seen: &mut Seen, frame: &Value) {
        let Some(after) = position(&frame["after"]) else {
            return;
        };
        if seen.goes_back(&self.shared.room, self.last, after) {
            self.last = Some(after);
            let who = self.who;
            let end = Position::new(u64::MAX, 0);
            self.shared
                .note(|ledger| ledger.taken_back(who, after, end));
        }
    }

    fn in_room(&mut self, seen: &mut Seen, kind: &str, frame: &Value) -> Wish {
        if frame["room"] != self.shared.room.as_str() {
            return Wish::Nothing;
        }
        match kind {
            "joined" => return self.joined(seen, frame),
            "page" => self.page(seen, frame),
            "epoch" => self.marker(seen, frame),
            "rollback" => self.rolled_back(seen, frame),
            "gap" => {
                let ends = (position(&frame["from"]), position(&frame["to"]));
                if let (Some(from), Some(to)) = ends {
                    let who = self.who;
                    self.shared.note(|ledger| ledger.gap(who, from, to));
                }
            }
            "left" => {
                self.has_left = true;
                self.shared.note(|_| ());
            }
            "room_closed" => self
                .shared
                .fail(format!("the operator closed the room {}", self.shared.room)),
            // It has a position and is no entry.
            "read" => {}
            _ => self.entry(seen, frame),
        }
        Wish::Nothing
    }
}

impl Mind for Character {
    fn take(&mut self, seen: &mut Seen, frame: &Value) -> Wish {
        match text(&frame["type"]) {
            "hello" => Wish::Join,
            "move" => Wish::Move(Duration::from_millis(
                frame["within_ms"].as_u64().unwrap_or(1_000),
            )),
            "ack" => {
                self.acknowledged(frame);
                Wish::Nothing
            }
            "error" => self.refused(frame),
            kind => self.in_room(seen, kind, frame),
        }
    }

    fn joins(&self) -> Vec<Value> {
        let mut join = json!({"type": "join", "room": self.shared.room, "id": "join"});
        if let Some(last) = self.last {
            join["after"] = json!(last.to_string());
        }
        vec![join]
    }

    fn rooms(&self) -> usize {
        1
    }

    fn due(&mut self, _talk: bool) -> Vec<Value> {
        if !self.is_up {
            return Vec::new();
        }
        let mut frames: Vec<Value> = self.loose.drain(..).collect();
        if let Some(item) = self.sends.due(Instant::now(), || None) {
            let mut frame = item.what;
            frame["key"] = json!(item.key);
            frame["id"] = json!(item.key);
            frames.push(frame);
        }
        frames
    }

    fn talks(&self) -> bool {
        true
    }

    fn lives_on(&mut self, instance: &str) {
        if self.is_up && !self.instance.is_empty() && self.instance != instance {
            let line = format!(
                "  ({} moves from {} to {instance})",
                self.name, self.instance
            );
            self.shared.tell(&line);
            self.shared.note(super::ledger::Ledger::moved);
        }
        instance.clone_into(&mut self.instance);
    }

    fn up(&mut self) {
        if self.is_up {
            return;
        }
        self.is_up = true;
        self.was_up = true;
        if let Some(since) = self.down_since.take() {
            let seconds = since.elapsed().as_secs_f64();
            let (name, instance) = (&self.name, &self.instance);
            let line = format!("  ({name} is back after {seconds:.1} s, on {instance})");
            self.shared.tell(&line);
            self.shared.note(super::ledger::Ledger::reconnected);
        }
        self.shared.note(|_| ());
    }

    fn down(&mut self, code: u16) {
        self.transport_lost();
        self.loose.clear();
        if self.is_up {
            self.is_up = false;
            self.down_since = Some(Instant::now());
            let code = if code == 0 {
                String::new()
            } else {
                format!(" ({code})")
            };
            let line = format!("  ({} lost the connection{code})", self.name);
            self.shared.tell(&line);
        }
    }

    fn transport_lost(&mut self) {
        self.sends.transport_lost();
    }

    fn comes_back(&mut self, code: u16) -> bool {
        !matches!(code, 400 | 401 | 403 | 404 | 4400..=4403)
    }
}

#[cfg(test)]
mod tests;
