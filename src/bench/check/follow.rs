//! What one client received: without a hole, in order, once, in time, and
//! nothing that is not its own business.

use std::collections::{BTreeSet, HashMap};

use crate::protocol::position::Position;

use super::{
    Event, How, Invariant, Journal, Judge, Micros, RoomNumber,
    index::{Index, Room, Slot},
    mark::Digest,
};

/// A hole larger than this is noted by its ends only.
const HOLE: u64 = 100_000;

/// Follows one client through its journal.
pub(super) fn check(journal: &Journal, index: &Index<'_>, judge: &mut Judge) {
    let mut client = Client {
        number: journal.client(),
        up_since: 0,
        is_up: false,
        rooms: HashMap::new(),
        index,
        judge,
    };
    for (at, event) in journal {
        client.note(at, &event);
    }
    client.finish();
}

struct Client<'a> {
    number: u32,
    up_since: Micros,
    is_up: bool,
    rooms: HashMap<RoomNumber, Following>,
    index: &'a Index<'a>,
    judge: &'a mut Judge,
}

/// Where a client stands in a room.
#[derive(Default)]
struct Following {
    is_in: bool,
    last: Position,
    /// Passed over and not seen since.
    missing: BTreeSet<Position>,
    /// After a gap: the position that comes next, whatever it is.
    skip_to: Option<Position>,
    /// Whether the view differs from the final log.
    differs: bool,
}

impl Client<'_> {
    fn note(&mut self, at: Micros, event: &Event) {
        match *event {
            Event::Up(_) => {
                self.up_since = at;
                self.is_up = true;
                self.judge.can_tell(Invariant::I12);
            }
            Event::Down { .. } => self.is_up = false,
            Event::Notice => self.on_notice(at),
            Event::Joined {
                room,
                head,
                resumed,
                ..
            } => self.on_joined(room, head, resumed),
            Event::Left { room } => self.on_left(at, room),
            Event::Received {
                room,
                position,
                digest,
                how,
                ..
            } => self.on_received(at, room, position, digest, how),
            Event::Stepped { room, position } => {
                self.advance(room, position, "an entry");
            }
            Event::Epoch {
                room,
                position,
                prev,
            } => self.on_epoch(room, position, prev),
            Event::Gap { room, from, to } => self.on_gap(room, from, to),
            Event::Rollback { room, after } => self.on_rollback(room, after),
            _ => {}
        }
    }

    fn who(&self, room: RoomNumber) -> String {
        format!("client {} in {}", self.number, self.index.name(room))
    }

    fn on_notice(&mut self, at: Micros) {
        self.judge.counts.notices += 1;
        if self.index.expectations.may_notice(at) {
            return;
        }
        self.judge.counts.false_notices += 1;
        let number = self.number;
        self.judge.broken(Invariant::I12, || {
            format!("client {number} would show a notice at {}", seconds(at))
        });
    }

    fn on_joined(&mut self, room: RoomNumber, head: Position, resumed: bool) {
        for invariant in [Invariant::I1, Invariant::I7, Invariant::I10] {
            self.judge.can_tell(invariant);
        }
        let who = self.who(room);
        let place = self.rooms.entry(room).or_default();
        if !resumed {
            if place.is_in && place.last != head {
                let last = place.last;
                self.judge.broken(Invariant::I1, || {
                    format!("{who} was at {last} and began anew at {head}")
                });
            }
            place.last = head;
            place.missing.clear();
        }
        place.is_in = true;
    }

    fn on_left(&mut self, at: Micros, room: RoomNumber) {
        let Some(mut place) = self.rooms.remove(&room) else {
            return;
        };
        if place.is_in {
            let due = |acked: Micros| self.index.expectations.deadline(acked) < at;
            let late = self.tail(room, &place, due);
            self.settle(room, &mut place, late);
        }
        place.is_in = false;
        self.rooms.insert(room, place);
    }

    fn on_received(
        &mut self,
        at: Micros,
        room: RoomNumber,
        position: Position,
        digest: Digest,
        how: How,
    ) {
        self.judge.can_tell(Invariant::I9);
        self.judge.can_tell(Invariant::I3);
        if !self.rooms.get(&room).is_some_and(|place| place.is_in) {
            let who = self.who(room);
            self.judge.broken(Invariant::I9, || {
                format!("{who} got {position} without being there")
            });
            return;
        }
        self.compare(room, position, digest);
        if how == How::Backlog {
            return;
        }
        self.judge.counts.received += 1;
        if self.advance(room, position, "a message") {
            self.check_time(at, room, position);
        }
    }

    /// Compares what came with the final log.
    fn compare(&mut self, room: RoomNumber, position: Position, digest: Digest) {
        let Some(log) = self.index.room(room) else {
            return;
        };
        match log.entries.get(&position) {
            Some(slot) if slot.digest == digest => return,
            Some(_) => {
                let who = self.who(room);
                self.judge.broken(Invariant::I2, || {
                    format!("{who} got another text at {position} than the log holds")
                });
            }
            None if log.is_taken_back(position) => return,
            None if log.is_trimmed(position) => {
                self.judge.counts.unjudged += 1;
                return;
            }
            None => {
                let who = self.who(room);
                self.judge.broken(Invariant::I3, || {
                    format!("{who} got {position}, which the final log does not hold")
                });
            }
        }
        if let Some(place) = self.rooms.get_mut(&room) {
            place.differs = true;
        }
    }

    fn check_time(&mut self, at: Micros, room: RoomNumber, position: Position) {
        // Who is away, or just catching up, is served as soon as possible.
        if !self.is_up {
            return;
        }
        let slot = self
            .index
            .room(room)
            .and_then(|log| log.entries.get(&position));
        let Some(acked) = slot.and_then(|slot| slot.acked) else {
            return;
        };
        self.judge.can_tell(Invariant::I5);
        // Who was away gets it once a transport works again.
        let due = acked.max(self.up_since);
        if at > self.index.expectations.deadline(due) {
            let who = self.who(room);
            self.judge.counts.late += 1;
            self.judge.broken(Invariant::I5, || {
                let late = seconds(at - due);
                format!("{who} got {position} {late} after it was due")
            });
        }
    }

    /// Moves on to a position, and says whether it is a new one.
    fn advance(&mut self, room: RoomNumber, position: Position, what: &str) -> bool {
        self.judge.can_tell(Invariant::I2);
        let who = self.who(room);
        let Some(place) = self.rooms.get_mut(&room) else {
            return false;
        };
        let is_next = position == place.last.next() || place.skip_to == Some(position);
        if is_next {
            place.last = position;
            place.skip_to = None;
            return true;
        }
        if position > place.last {
            let log = self.index.room(room);
            place.pass_over(position, log);
            place.last = position;
            return true;
        }
        let last = place.last;
        if place.missing.remove(&position) {
            self.judge.counts.reordered += 1;
            self.judge.broken(Invariant::I2, || {
                format!("{who} got {what} at {position} after {last}")
            });
            true
        } else {
            self.judge.counts.duplicated += 1;
            self.judge.broken(Invariant::I2, || {
                format!("{who} got {what} at {position} twice")
            });
            false
        }
    }

    fn on_epoch(&mut self, room: RoomNumber, position: Position, prev: Position) {
        let who = self.who(room);
        let log = self.index.room(room);
        let Some(place) = self.rooms.get_mut(&room).filter(|place| place.is_in) else {
            return;
        };
        if position <= place.last {
            self.judge.counts.duplicated += 1;
            self.judge.broken(Invariant::I2, || {
                format!("{who} got the marker {position} twice")
            });
            return;
        }
        let is_skipped = place.skip_to.take() == Some(position);
        if prev > place.last && !is_skipped {
            place.pass_over(prev.next(), log);
        } else if prev < place.last && !is_skipped {
            let last = place.last;
            self.judge.broken(Invariant::I7, || {
                format!("{who} was at {last}; {position} took back all above {prev} untold")
            });
        }
        place.last = position;
    }

    fn on_gap(&mut self, room: RoomNumber, from: Position, to: Position) {
        self.judge.counts.gaps += 1;
        let who = self.who(room);
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        let last = place.last;
        if from != last {
            self.judge.broken(Invariant::I7, || {
                format!("{who} was at {last} and was told of a gap from {from}")
            });
        }
        let held = self
            .index
            .room(room)
            .and_then(|log| log.between(from, to).next().map(|(position, _)| *position));
        if let Some(held) = held {
            self.judge.broken(Invariant::I7, || {
                format!("{who} was told of a gap {from} to {to}, but the log holds {held}")
            });
        } else if !self.index.expectations.may_trim {
            self.judge.broken(Invariant::I7, || {
                format!("{who} was told of a gap {from} to {to} though nothing was trimmed")
            });
        }
        place.skip_to = Some(to);
        if to == Position::ZERO {
            place.last = to;
        }
    }

    fn on_rollback(&mut self, room: RoomNumber, after: Position) {
        self.judge.counts.rollbacks += 1;
        let who = self.who(room);
        let Some(place) = self.rooms.get_mut(&room) else {
            return;
        };
        let last = place.last;
        let held = self.index.room(room).and_then(|log| {
            let mut held = log.between(after, last.next());
            held.next().map(|(position, _)| *position)
        });
        if let Some(held) = held {
            self.judge.broken(Invariant::I7, || {
                format!("{who} was told that all above {after} is gone, but the log holds {held}")
            });
        } else if !self.index.expectations.may_roll_back {
            self.judge.broken(Invariant::I7, || {
                format!("{who} was told that all above {after} is gone though nothing was lost")
            });
        }
        place.last = after.min(last);
        place.missing.retain(|position| *position <= after);
    }

    /// What the log holds beyond where the client stands.
    fn tail(
        &self,
        room: RoomNumber,
        place: &Following,
        is_due: impl Fn(Micros) -> bool,
    ) -> Vec<Position> {
        let Some(log) = self.index.room(room) else {
            return Vec::new();
        };
        log.above(place.last)
            .filter(|(_, slot)| is_due(slot.acked.unwrap_or(self.index.ended)))
            .map(|(position, _)| *position)
            .collect()
    }

    /// Counts what the client never got.
    fn settle(&mut self, room: RoomNumber, place: &mut Following, tail: Vec<Position>) {
        let missing = std::mem::take(&mut place.missing);
        let lost: Vec<Position> = missing.into_iter().chain(tail).collect();
        place.differs |= !lost.is_empty();
        let who = self.who(room);
        for position in lost {
            let slot: Option<&Slot> = self
                .index
                .room(room)
                .and_then(|log| log.entries.get(&position));
            self.judge.broken(Invariant::I1, || {
                format!("{who} never got {position}, but what came after it or stayed in the log")
            });
            if slot.is_some_and(|slot| slot.acked.is_some()) {
                self.judge.counts.lost += 1;
                self.judge.broken(Invariant::I5, || {
                    format!("{who} never got {position}, which was acknowledged")
                });
            }
        }
    }

    fn finish(mut self) {
        let rooms = std::mem::take(&mut self.rooms);
        for (room, mut place) in rooms {
            if !place.is_in {
                continue;
            }
            let tail = if self.is_up {
                self.tail(room, &place, |_| true)
            } else {
                Vec::new()
            };
            self.settle(room, &mut place, tail);
            if self.is_up && place.differs {
                let who = self.who(room);
                self.judge.broken(Invariant::I10, || {
                    format!("{who} ends with another view than the final log")
                });
            }
        }
    }
}

impl Following {
    /// Notes what lies between the last position and this one as missing.
    fn pass_over(&mut self, to: Position, log: Option<&Room>) {
        let from = self.last;
        if from.epoch == to.epoch && to.seq - from.seq <= HOLE {
            let hole = (from.seq + 1)..to.seq;
            self.missing
                .extend(hole.map(|seq| Position::new(to.epoch, seq)));
        } else if let Some(log) = log {
            self.missing
                .extend(log.between(from, to).map(|(position, _)| *position));
            if to.seq > 1 {
                self.missing.insert(Position::new(to.epoch, to.seq - 1));
            }
        }
    }
}

/// A time for people.
pub(super) fn seconds(at: Micros) -> String {
    format!("{}.{:03} s", at / 1_000_000, at / 1_000 % 1_000)
}
