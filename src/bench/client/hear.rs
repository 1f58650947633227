//! What comes in: bytes become frames or answers, frames become what a client
//! knows.

use crate::{
    bench::check::{Event, How, Via, digest, mark},
    protocol::position::Position,
};

use super::{
    driver::{Driver, MILLI},
    frame::{self, Opcode},
    http, parse,
    person::Step,
    stats::time,
    text::Said,
    wire::{Phase, Role},
};

impl Driver {
    /// Takes all whole frames or answers out of what was read, and keeps the
    /// rest for later.
    pub(super) fn consume(&mut self, id: usize, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(wire) = &self.wires[id] else {
                return;
            };
            let taken = match (wire.role, wire.phase) {
                (Role::Socket(slot), Phase::Open) => self.take_frame(id, slot, rest),
                _ => self.take_answer(id, rest),
            };
            match taken {
                Some(0) => break,
                Some(count) => rest = &rest[count..],
                None => return self.lost(id, "not understood"),
            }
        }
        if let Some(wire) = &mut self.wires[id] {
            wire.partial.extend_from_slice(rest);
        }
    }

    /// Handles the frame at the start of some bytes and says how many it took;
    /// none if these bytes are no frame.
    fn take_frame(&mut self, id: usize, slot: usize, bytes: &[u8]) -> Option<usize> {
        let (opcode, payload, size) = match frame::read(bytes) {
            frame::Read::Whole(opcode, payload, size) => (opcode, payload, size),
            frame::Read::Part => return Some(0),
            frame::Read::Bad => return None,
        };
        match opcode {
            Opcode::Text => {
                let who = self.wires[id].as_ref()?.client;
                self.on_frame(who, slot, payload);
            }
            Opcode::Ping => {
                if let Some(wire) = &mut self.wires[id] {
                    frame::write(wire.queue(), Opcode::Pong, payload);
                }
                self.flush(id);
            }
            Opcode::Pong => {}
            Opcode::Close => self.on_close(id, payload),
            Opcode::Other => return None,
        }
        Some(size)
    }

    fn take_answer(&mut self, id: usize, bytes: &[u8]) -> Option<usize> {
        let (answer, size) = match http::read(bytes) {
            http::Read::Whole(answer, size) => (answer, size),
            http::Read::Part => return Some(0),
            http::Read::Bad => return None,
        };
        match self.wires[id].as_ref()?.role {
            Role::Socket(_) => self.on_upgrade(id, &answer),
            Role::Poll => self.on_poll_answer(id, &answer),
            Role::Post => self.on_post_answer(id, &answer),
            Role::SignIn => self.on_signed_in(id, &answer),
        }
        Some(size)
    }

    /// Handles one frame.
    pub(super) fn on_frame(&mut self, who: usize, slot: usize, frame: &[u8]) {
        let understood = match &*parse::kind(frame) {
            b"message" => {
                let link = &self.people[who].link;
                // What a poll brings right after a time away was missed.
                let how = if link.is_up { How::Live } else { How::Replay };
                self.on_message(who, slot, frame, how);
                Some(())
            }
            b"hello" => self.on_hello(who, slot, frame),
            b"joined" => self.on_joined(who, slot, frame),
            b"page" => self.on_page(who, slot, frame),
            b"ack" => self.on_ack(who, frame),
            b"error" => self.on_error(who, frame),
            b"epoch" => self.on_epoch(who, slot, frame),
            b"gap" | b"rollback" => self.on_break(who, slot, frame),
            b"presence" | b"members" => {
                self.on_people(who, slot, frame);
                Some(())
            }
            b"move" => {
                self.on_move_frame(who, slot, frame);
                Some(())
            }
            b"ping" | b"pong" | b"typing" | b"left" | b"read" | b"refreshed" | b"ok"
            | b"history" => Some(()),
            // An entry of another kind has a place in the log, too.
            _ => self.on_entry(who, slot, frame),
        };
        if understood.is_none() {
            self.tally.reason("a frame that is not understood");
        }
    }

    /// A message, new or missed.
    fn on_message(&mut self, who: usize, slot: usize, frame: &[u8], how: How) {
        let Some(message) = parse::message(frame) else {
            self.tally.reason("a message that is not understood");
            return;
        };
        let person = &mut self.people[who];
        let room = self.shared.room_number(&message.room);
        let Some((room, place)) = room.and_then(|room| Some((room, person.place_of(room)?))) else {
            self.tally.reason("a message of another room");
            return;
        };
        if how != How::Backlog {
            match person.places[place].advance(slot, message.position) {
                Step::Next => {}
                Step::Hole(count) => self.tally.holes += count,
                Step::Late => {
                    self.tally.holes = self.tally.holes.saturating_sub(1);
                    self.tally.reordered += 1;
                }
                Step::Again => self.tally.duplicated += 1,
                Step::Overlap => return,
            }
            self.tally.delivered += 1;
            self.tally.replayed += u64::from(how == How::Replay);
        }
        if let Some(journal) = &mut person.journal {
            let received = Event::Received {
                room,
                position: message.position,
                digest: digest(&message.from, &message.key, &message.text),
                how,
                via: person.via,
            };
            journal.push(self.now / 1_000, &received);
        }
        let Some(said) = Said::read(&message.text).filter(|_| how != How::Backlog) else {
            return;
        };
        if how == How::Live && !person.is_slow {
            time(&mut self.stages.delivery, said.due, self.now);
        }
        if said.slot != u32::MAX && self.shared.count_down(said.slot, said.number) {
            self.slot_is_free(said.client, said.slot);
        }
    }

    fn on_hello(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let hello: parse::Hello = serde_json::from_slice(frame).ok()?;
        let person = &mut self.people[who];
        person.user = mark(&[hello.user.id.as_bytes()]);
        if let Some(journal) = &mut person.journal {
            journal.set_user(person.user);
        }
        if hello.connection.is_some() {
            person.link.connection = hello.connection;
            return Some(());
        }
        let instance = mark(&[hello.instance.as_bytes()]);
        let is_second = slot != person.link.current;
        if is_second && instance == person.link.instance {
            // The same instance again: there is nothing to move to yet.
            self.hang_up(who, slot);
            self.try_again(who);
            return Some(());
        }
        person.link.instance = instance;
        self.join_rooms(who, slot);
        Some(())
    }

    fn join_rooms(&mut self, who: usize, slot: usize) {
        let person = &mut self.people[who];
        let Some(id) = person.link.sockets[slot] else {
            return;
        };
        let Some(wire) = &mut self.wires[id] else {
            return;
        };
        for place in &mut person.places {
            let room = self.shared.room_name(place.room);
            let frame = if place.has_begun {
                let after = place.last;
                format!(r#"{{"type":"join","room":"{room}","after":"{after}"}}"#)
            } else {
                format!(r#"{{"type":"join","room":"{room}"}}"#)
            };
            place.resume(slot);
            place.presence = None;
            frame::write(wire.queue(), Opcode::Text, frame.as_bytes());
        }
        self.flush(id);
        if self.people[who].places.is_empty() {
            self.caught_up(who, slot);
        }
    }

    fn on_joined(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let page: parse::Page<'_> = serde_json::from_slice(frame).ok()?;
        let room = self.shared.room_number(page.room.as_bytes())?;
        let head = page.head?;
        let now = self.now;
        let person = &mut self.people[who];
        let index = person.place_of(room)?;
        let resumed = person.places[index].has_begun;
        let start = match page.messages.last() {
            // The live frames begin after the last page, not after the head.
            Some(last) if page.more && !resumed => {
                parse::message(last.get().as_bytes()).map_or(head, |message| message.position)
            }
            _ => head,
        };
        if !resumed {
            person.places[index].begin(slot, start);
        }
        let joined = Event::Joined {
            room,
            head: start,
            resumed,
            recovered: page.recovered,
        };
        person.note(now, &joined);
        let how = if resumed { How::Replay } else { How::Backlog };
        self.take_page(who, slot, index, &page, how);
        Some(())
    }

    fn on_page(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let page: parse::Page<'_> = serde_json::from_slice(frame).ok()?;
        let room = self.shared.room_number(page.room.as_bytes())?;
        let index = self.people[who].place_of(room)?;
        self.take_page(who, slot, index, &page, How::Replay);
        Some(())
    }

    fn take_page(
        &mut self,
        who: usize,
        slot: usize,
        index: usize,
        page: &parse::Page<'_>,
        how: How,
    ) {
        if how != How::Backlog || self.people[who].journal.is_some() {
            for message in &page.messages {
                self.on_message(who, slot, message.get().as_bytes(), how);
            }
        }
        if !page.more {
            self.people[who].places[index].is_joined[slot] = true;
            self.caught_up(who, slot);
        }
    }

    /// Whether a WebSocket has caught up in every room; then it is the one.
    fn caught_up(&mut self, who: usize, slot: usize) {
        let person = &self.people[who];
        let all = person.places.iter().all(|place| place.is_joined[slot]);
        if !all || person.via == Via::Poll {
            return;
        }
        if slot != person.link.current {
            self.switch(who);
        }
        self.up(who);
    }

    fn on_epoch(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let entry: parse::Entry = serde_json::from_slice(frame).ok()?;
        let room = self.shared.room_number(entry.room?.as_bytes())?;
        let (position, prev) = (entry.position?, entry.prev?);
        let now = self.now;
        let person = &mut self.people[who];
        let index = person.place_of(room)?;
        if person.places[index].follow_marker(slot, position) {
            let epoch = Event::Epoch {
                room,
                position,
                prev,
            };
            person.note(now, &epoch);
            self.send_taken_back(who, index, prev, position);
        }
        Some(())
    }

    fn on_break(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let told: parse::Break = serde_json::from_slice(frame).ok()?;
        let room = self.shared.room_number(told.room.as_bytes())?;
        let now = self.now;
        let person = &mut self.people[who];
        let index = person.place_of(room)?;
        let place = &mut person.places[index];
        if let (Some(from), Some(to)) = (told.from, told.to) {
            place.skip_to(slot, to);
            person.note(now, &Event::Gap { room, from, to });
            self.tally.gaps += 1;
        } else if let Some(after) = told.after {
            let last = place.last;
            place.roll_back(slot, after);
            person.note(now, &Event::Rollback { room, after });
            self.tally.rollbacks += 1;
            let above = Position::new(last.epoch, u64::MAX);
            self.send_taken_back(who, index, after, above);
        }
        Some(())
    }

    fn on_entry(&mut self, who: usize, slot: usize, frame: &[u8]) -> Option<()> {
        let entry: parse::Entry = serde_json::from_slice(frame).ok()?;
        let (Some(room), Some(position)) = (entry.room, entry.position) else {
            // News for everybody has no room.
            return Some(());
        };
        let room = self.shared.room_number(room.as_bytes())?;
        let now = self.now;
        let person = &mut self.people[who];
        let index = person.place_of(room)?;
        if person.places[index].advance(slot, position) != Step::Overlap {
            person.note(now, &Event::Stepped { room, position });
        }
        Some(())
    }

    /// Who came and went. Large rooms tell a lot of it, so that it is read only
    /// if somebody wants to know.
    fn on_people(&mut self, who: usize, slot: usize, frame: &[u8]) {
        let now = self.now;
        let person = &mut self.people[who];
        if person.journal.is_none()
            || !self.shared.plan.follows_presence
            || slot != person.link.current
        {
            return;
        }
        let Ok(people) = serde_json::from_slice::<parse::People>(frame) else {
            return;
        };
        let Some(room) = self.shared.room_number(people.room.as_bytes()) else {
            return;
        };
        let marks = |users: &[parse::UserId]| -> Box<[u64]> {
            users
                .iter()
                .map(|user| mark(&[user.id.as_bytes()]))
                .collect()
        };
        let version = people.version;
        let event = if frame.starts_with(b"{\"type\":\"members\"") {
            Event::Snapshot {
                room,
                version,
                is_whole: people
                    .count
                    .is_none_or(|count| count == people.members.len() as u64),
                members: marks(&people.members),
            }
        } else {
            Event::Diff {
                room,
                prev: people.prev.unwrap_or(version.saturating_sub(1)),
                version,
                joined: marks(&people.joined),
                left: marks(&people.left),
            }
        };
        if let Some(index) = person.place_of(room) {
            person.places[index].presence = Some(version);
        }
        person.note(now, &event);
    }

    fn on_move_frame(&mut self, who: usize, slot: usize, frame: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Move {
            within_ms: u64,
        }
        let within = serde_json::from_slice::<Move>(frame).map_or(0, |told| told.within_ms);
        // Who polls lands elsewhere by itself. Polling again before the rest of
        // this answer is read would bring it twice.
        let person = &self.people[who];
        if person.via == Via::WebSocket && slot == person.link.current {
            self.on_move(who, within.saturating_mul(MILLI));
        }
    }
}
