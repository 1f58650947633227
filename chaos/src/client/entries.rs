//! What a frame about a room changes: where its client is, what it has heard,
//! and what it notes down.

use hubbub::{
    bench::check::{Event, How, RoomNumber},
    client::{Seen, Wish, position, text},
    protocol::position::Position,
};
use serde_json::Value;

use super::mind::{Heard, Mind, digest_of, said_at, users};

impl Mind {
    /// Takes a frame that is about a room.
    pub(super) fn in_room(&mut self, seen: &mut Seen, kind: &str, frame: &Value) -> Wish {
        let name = text(&frame["room"]);
        let Some(number) = self.rooms.get(name).map(|room| room.number) else {
            return Wish::Nothing;
        };
        match kind {
            "joined" => return self.joined(seen, name, number, frame),
            "page" => self.messages(seen, name, frame, How::Replay),
            "message" => self.message(seen, name, frame, How::Live),
            "epoch" => self.marker(seen, name, frame),
            "gap" => {
                let ends = (position(&frame["from"]), position(&frame["to"]));
                if let (Some(from), Some(to)) = ends {
                    let room = number;
                    self.note(&Event::Gap { room, from, to });
                }
            }
            "rollback" => self.rolled_back(seen, name, number, frame),
            "presence" | "members" => self.presence(kind, name, number, frame),
            _ => self.step(seen, name, frame, None),
        }
        Wish::Nothing
    }

    fn joined(&mut self, seen: &mut Seen, name: &str, number: RoomNumber, frame: &Value) -> Wish {
        let Some(head) = position(&frame["head"]) else {
            return Wish::Nothing;
        };
        let before = self.rooms.get(name).and_then(|room| room.last);
        let event = Event::Joined {
            room: number,
            head,
            resumed: before.is_some(),
            recovered: frame["recovered"] == true,
        };
        self.note(&event);
        if before.is_some() {
            self.messages(seen, name, frame, How::Replay);
        } else {
            self.backlog(number, frame);
        }
        if let Some(room) = self.rooms.get_mut(name) {
            let shown = frame["messages"]
                .as_array()
                .and_then(|all| position(&all.last()?["position"]));
            let reached = if frame["more"] == true {
                shown.unwrap_or(Position::ZERO)
            } else {
                head
            };
            // An instance whose link lags may know less than the client does.
            room.last = Some(room.last.map_or(reached, |last| last.max(reached)));
        }
        Wish::Joined(name.to_owned())
    }

    fn presence(&mut self, kind: &str, name: &str, room: RoomNumber, frame: &Value) {
        let version = frame["version"].as_u64().unwrap_or_default();
        let Some(place) = self.rooms.get_mut(name) else {
            return;
        };
        let before = place.presence.replace(version);
        if kind == "members" {
            let members = users(&frame["members"]);
            self.note(&Event::Snapshot {
                room,
                version,
                is_whole: frame["count"]
                    .as_u64()
                    .is_none_or(|count| count == members.len() as u64),
                members,
            });
        } else if before != Some(version) {
            // While it moves, both connections tell the same.
            let (joined, left) = (users(&frame["joined"]), users(&frame["left"]));
            self.note(&Event::Diff {
                room,
                prev: frame["prev"].as_u64().unwrap_or(version.saturating_sub(1)),
                version,
                joined,
                left,
            });
        }
    }

    /// The latest messages of a fresh join, which lie before where it begins.
    fn backlog(&mut self, room: RoomNumber, frame: &Value) {
        for message in frame["messages"].as_array().into_iter().flatten() {
            let Some(position) = position(&message["position"]) else {
                continue;
            };
            let event = Event::Received {
                room,
                position,
                digest: digest_of(message),
                how: How::Backlog,
                via: self.manner.via,
            };
            self.note(&event);
        }
    }

    fn messages(&mut self, seen: &mut Seen, name: &str, frame: &Value, how: How) {
        for message in frame["messages"].as_array().into_iter().flatten() {
            self.message(seen, name, message, how);
        }
    }

    fn message(&mut self, seen: &mut Seen, name: &str, frame: &Value, how: How) {
        self.step(seen, name, frame, Some(how));
    }

    /// An entry of the log came: a message, or something else with a place.
    fn step(&mut self, seen: &mut Seen, name: &str, frame: &Value, how: Option<How>) {
        let (Some(position), Some(room)) = (position(&frame["position"]), self.rooms.get_mut(name))
        else {
            return;
        };
        if !seen.is_news(name, room.last, position) {
            return;
        }
        room.last = Some(room.last.map_or(position, |last| last.max(position)));
        let number = room.number;
        let event = match how {
            Some(how) => Event::Received {
                room: number,
                position,
                digest: digest_of(frame),
                how,
                via: self.manner.via,
            },
            None => Event::Stepped {
                room: number,
                position,
            },
        };
        self.note(&event);
        if how.is_some() {
            let at = self.now();
            let said = said_at(text(&frame["text"])).unwrap_or(at);
            self.heard.push(Heard { said, at });
        }
    }

    fn marker(&mut self, seen: &mut Seen, name: &str, frame: &Value) {
        let (Some(position), Some(prev), Some(room)) = (
            position(&frame["position"]),
            position(&frame["prev"]),
            self.rooms.get_mut(name),
        ) else {
            return;
        };
        if !seen.is_news(name, room.last, position) {
            return;
        }
        room.last = Some(position);
        self.taken_back += room.sends.marker(position, prev);
        let event = Event::Epoch {
            room: room.number,
            position,
            prev,
        };
        self.note(&event);
    }

    fn rolled_back(&mut self, seen: &mut Seen, name: &str, number: RoomNumber, frame: &Value) {
        let (Some(after), Some(room)) = (position(&frame["after"]), self.rooms.get_mut(name))
        else {
            return;
        };
        if !seen.goes_back(name, room.last, after) {
            return;
        }
        room.last = Some(after);
        self.note(&Event::Rollback {
            room: number,
            after,
        });
    }
}
