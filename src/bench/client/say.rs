//! What a client says: messages with a key, sent until they are acknowledged,
//! and sent again if the log lost them.

use crate::{
    bench::check::{Event, Mark, Via, send_mark},
    protocol::position::Position,
};

use super::{
    driver::{Driver, Due, MILLI},
    frame::{self, Opcode},
    parse,
    person::Send,
    stats::{Nanos, time},
    text::Said,
};

/// How many acknowledged messages are remembered, in case they are taken back.
const REMEMBERED: usize = 10_000;
/// How long to wait before a send that failed goes out again, unless told.
const RETRY: Nanos = 250 * MILLI;

impl Driver {
    /// Gives a client one more message to send.
    pub(super) fn say(&mut self, who: usize, due: Nanos, slot: u32) {
        let now = self.now;
        let person = &mut self.people[who];
        if person.places.is_empty() {
            return;
        }
        let place = person.outgoing.next_place % person.places.len();
        person.outgoing.next_place = place + 1;
        let number = person.outgoing.next_number;
        person.outgoing.next_number += 1;
        if slot != u32::MAX {
            let room = person.places[place].room;
            self.shared.begin_slot(slot, number, room, now);
        }
        person.outgoing.unsent.push_back(Send {
            number,
            place,
            slot,
            due,
            went_out: false,
            is_in_flight: false,
        });
        self.pump(who);
    }

    /// Sends as much as may be in flight.
    pub(super) fn pump(&mut self, who: usize) {
        let person = &self.people[who];
        if person.outgoing.retry_at > self.now {
            return;
        }
        match person.via {
            Via::Poll => self.post(who),
            Via::WebSocket if person.link.is_up => self.pump_socket(who),
            Via::WebSocket => {}
        }
    }

    fn pump_socket(&mut self, who: usize) {
        let link = &self.people[who].link;
        let Some(id) = link.sockets[link.current] else {
            return;
        };
        let frames = self.frames_to_send(who);
        let Some(wire) = &mut self.wires[id] else {
            return;
        };
        if frames.is_empty() {
            return;
        }
        for text in frames {
            frame::write(wire.queue(), Opcode::Text, text.as_bytes());
        }
        self.flush(id);
    }

    /// Marks what may go out as in flight, and writes its frames.
    pub(super) fn frames_to_send(&mut self, who: usize) -> Vec<String> {
        let plan = &self.shared.plan;
        let now = self.now;
        let person = &mut self.people[who];
        let mut frames = Vec::new();
        for index in 0..plan.window.min(person.outgoing.unsent.len()) {
            let send = &mut person.outgoing.unsent[index];
            if send.is_in_flight {
                continue;
            }
            let again = std::mem::replace(&mut send.went_out, true);
            send.is_in_flight = true;
            let send = *send;
            if again {
                self.tally.resent += 1;
            } else {
                self.tally.sent += 1;
            }
            let room = person.places[send.place].room;
            let said = Said {
                client: person.number,
                number: send.number,
                slot: send.slot,
                due: send.due,
            };
            let mut text = String::with_capacity(plan.text_bytes);
            said.write(&mut text, plan.text_bytes);
            let (name, number) = (self.shared.room_name(room), send.number);
            frames.push(format!(
                r#"{{"type":"send","id":{number},"room":"{name}","key":"k{number:x}","text":"{text}"}}"#
            ));
            let key = key_of(person.user, number);
            person.note(now, &Event::Sent { room, key, again });
        }
        frames
    }

    pub(super) fn on_ack(&mut self, who: usize, frame: &[u8]) -> Option<()> {
        let ack: parse::Ack = serde_json::from_slice(frame).ok()?;
        let number = u32::from_str_radix(ack.key.strip_prefix('k')?, 16).ok()?;
        let room = self.shared.room_number(ack.room.as_bytes())?;
        let now = self.now;
        self.shared.raise_head(room, ack.position);
        let person = &mut self.people[who];
        let acked = Event::Acked {
            room,
            key: key_of(person.user, number),
            position: ack.position,
            duplicate: ack.duplicate,
        };
        person.note(now, &acked);
        let outgoing = &mut person.outgoing;
        // An ack for what is not waited for answers a repetition.
        let index = outgoing
            .unsent
            .iter()
            .position(|send| send.number == number)?;
        let send = outgoing.unsent.remove(index)?;
        if person.journal.is_some() {
            outgoing.acked.push_back((ack.position, send));
            if outgoing.acked.len() > REMEMBERED {
                outgoing.acked.pop_front();
            }
        }
        self.tally.acknowledged += 1;
        time(&mut self.stages.ack, send.due, now);
        if !outgoing.unsent.is_empty() {
            self.pump(who);
        }
        Some(())
    }

    /// A frame was refused, or the server has trouble.
    pub(super) fn on_error(&mut self, who: usize, frame: &[u8]) -> Option<()> {
        let refusal: parse::Refusal = serde_json::from_slice(frame).ok()?;
        self.tally.reason(&format!("error {}", refusal.code));
        let wait = refusal.retry_after_ms.map_or(RETRY, |ms| ms * MILLI);
        let Some(number) = refusal.id.and_then(|id| u32::try_from(id).ok()) else {
            // Not about a send: a polling client asks again a little later.
            self.people[who].link.poll_at = self.now + wait;
            return Some(());
        };
        let for_good = matches!(
            &*refusal.code,
            "key_reused"
                | "forbidden"
                | "no_such_room"
                | "too_big"
                | "text_too_long"
                | "bad_field"
                | "bad_json"
                | "unknown_type"
                | "bad_room_name"
                | "bad_position"
        );
        let now = self.now;
        let person = &mut self.people[who];
        let sends = &mut person.outgoing.unsent;
        let Some(index) = sends.iter().position(|send| send.number == number) else {
            return Some(());
        };
        if for_good {
            let room = person.places[sends[index].place].room;
            sends.remove(index);
            let key = key_of(person.user, number);
            person.note(now, &Event::Refused { room, key });
            self.tally.refused += 1;
            self.tally.reason(&refusal.message);
            self.pump(who);
        } else {
            sends[index].is_in_flight = false;
            person.outgoing.retry_at = now + wait;
            self.at(now + wait, who, Due::Retry);
        }
        Some(())
    }

    /// Sends again, in order, what was acknowledged and is gone: it stood above
    /// `after` and below the marker that followed.
    pub(super) fn send_taken_back(
        &mut self,
        who: usize,
        place: usize,
        after: Position,
        marker: Position,
    ) {
        let outgoing = &mut self.people[who].outgoing;
        let (gone, kept): (Vec<_>, Vec<_>) =
            outgoing.acked.drain(..).partition(|(position, send)| {
                send.place == place && after < *position && *position < marker
            });
        outgoing.acked.extend(kept);
        if gone.is_empty() {
            return;
        }
        for (_, send) in gone.into_iter().rev() {
            outgoing.unsent.push_front(Send {
                is_in_flight: false,
                ..send
            });
        }
        self.pump(who);
    }

    /// Asks who is in each room: one client per room and thread does.
    pub(super) fn ask_members(&mut self) {
        let mut asked = std::collections::HashSet::new();
        for who in 0..self.people.len() {
            let person = &self.people[who];
            if !person.link.is_up {
                continue;
            }
            let rooms: Vec<_> = person.places.iter().map(|place| place.room).collect();
            for room in rooms {
                if asked.insert(room) {
                    let name = self.shared.room_name(room);
                    let frame = format!(r#"{{"type":"members","room":"{name}"}}"#);
                    self.ask(who, frame);
                }
            }
        }
    }

    /// Sends a frame that is not a message.
    fn ask(&mut self, who: usize, frame: String) {
        let person = &mut self.people[who];
        if person.via == Via::Poll {
            person.outgoing.asks.push(frame);
            return self.post(who);
        }
        let Some(id) = person.link.sockets[person.link.current] else {
            return;
        };
        if let Some(wire) = &mut self.wires[id] {
            frame::write(wire.queue(), Opcode::Text, frame.as_bytes());
        }
        self.flush(id);
    }

    /// Leaves all rooms; who comes back later begins anew.
    pub(super) fn leave_rooms(&mut self, who: usize) {
        let now = self.now;
        for index in 0..self.people[who].places.len() {
            let room = self.people[who].places[index].room;
            let name = self.shared.room_name(room);
            let frame = format!(r#"{{"type":"leave","room":"{name}"}}"#);
            self.ask(who, frame);
            let person = &mut self.people[who];
            person.places[index].has_begun = false;
            person.note(now, &Event::Left { room });
        }
    }
}

/// Stands for a send: keys of different users have nothing to do with each
/// other.
fn key_of(user: Mark, number: u32) -> Mark {
    send_mark(user, format!("k{number:x}").as_bytes())
}
