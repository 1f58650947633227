//! Synthetic runs: for every invariant one that keeps it and one that breaks
//! it, told in the words of a client's notes.

mod delivery;
mod journals;
mod people;
mod sends;

use crate::protocol::position::Position;

use super::*;

/// A run under construction. Time goes on by 10 ms with every note.
pub(super) struct Run {
    pub(super) journals: Vec<Journal>,
    pub(super) logs: FinalLogs,
    pub(super) expectations: Expectations,
    at: Micros,
}

pub(super) const ROOM: RoomNumber = 0;

pub(super) fn at(seq: u64) -> Position {
    Position::new(1, seq)
}

fn key(number: u64) -> Mark {
    mark(&[b"key", &number.to_le_bytes()])
}

fn text(number: u64) -> Digest {
    digest(b"user", b"key", &number.to_le_bytes())
}

impl Run {
    /// Some clients in one room that is empty at 1-0.
    pub(super) fn new(clients: u32) -> Self {
        let mut run = Self {
            journals: (0..clients).map(Journal::new).collect(),
            logs: FinalLogs {
                rooms: vec![FinalRoom {
                    name: "room".to_owned(),
                    entries: Vec::new(),
                    is_whole: true,
                }],
            },
            expectations: Expectations::default(),
            at: 0,
        };
        for client in 0..clients {
            run.journals[client as usize].set_user(u64::from(client));
            run.joins(client, at(0));
            run.note(client, &Event::Up(Via::WebSocket));
        }
        run
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.at += seconds * 1_000_000;
    }

    pub(super) fn now(&self) -> Micros {
        self.at
    }

    pub(super) fn note(&mut self, client: u32, event: &Event) {
        self.at += 10_000;
        self.journals[client as usize].push(self.at, event);
    }

    pub(super) fn joins(&mut self, client: u32, head: Position) {
        let joined = Event::Joined {
            room: ROOM,
            head,
            resumed: false,
            recovered: false,
        };
        self.note(client, &joined);
    }

    pub(super) fn sends(&mut self, client: u32, number: u64) {
        let sent = Event::Sent {
            room: ROOM,
            key: key(number),
            again: false,
        };
        self.note(client, &sent);
    }

    pub(super) fn acked(&mut self, client: u32, number: u64, position: Position) {
        let acked = Event::Acked {
            room: ROOM,
            key: key(number),
            position,
            duplicate: false,
        };
        self.note(client, &acked);
    }

    pub(super) fn hears(&mut self, client: u32, number: u64, position: Position) {
        let received = Event::Received {
            room: ROOM,
            position,
            digest: text(number),
            how: How::Live,
            via: Via::WebSocket,
        };
        self.note(client, &received);
    }

    /// The log holds message `number` at this position.
    pub(super) fn stored(&mut self, number: u64, position: Position) {
        self.logs.rooms[0].entries.push(FinalEntry {
            position,
            key: key(number),
            digest: text(number),
        });
    }

    /// Client 0 says messages 1 to `count`, and everybody hears them.
    pub(super) fn talk(&mut self, count: u64) {
        let clients = u32::try_from(self.journals.len()).unwrap();
        for number in 1..=count {
            self.sends(0, number);
            self.acked(0, number, at(number));
            self.stored(number, at(number));
            for client in 0..clients {
                self.hears(client, number, at(number));
            }
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        check(&self.journals, &self.logs, &self.expectations)
    }

    /// Which invariants are broken.
    pub(super) fn broken(&self) -> Vec<Invariant> {
        let verdict = self.verdict();
        let broken = |found: &&Finding| found.outcome == Outcome::Broken;
        let found = verdict.findings.iter().filter(broken);
        found.map(|found| found.invariant).collect()
    }
}
