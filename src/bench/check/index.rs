//! What the parts of a check look up: the final log by position and by key,
//! when each message was acknowledged, what was taken back, who was where.

use std::collections::{BTreeMap, HashMap};

use crate::protocol::position::Position;

use super::{
    Event, Expectations, FinalLogs, FinalRoom, Invariant, Journal, Judge, Micros, RoomNumber, Via,
    mark::{Digest, Mark},
};

pub(super) struct Index<'a> {
    pub(super) rooms: Vec<Room>,
    pub(super) stays: HashMap<(RoomNumber, Mark), Vec<Stay>>,
    pub(super) expectations: &'a Expectations,
    pub(super) ended: Micros,
}

/// One room's final log.
#[derive(Default)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) entries: BTreeMap<Position, Slot>,
    pub(super) keys: HashMap<Mark, Position>,
    is_whole: bool,
    /// Ranges of positions that markers and rollbacks took back: above the
    /// first, up to and including the second.
    taken_back: Vec<(Position, Position)>,
}

/// One message of a final log.
pub(super) struct Slot {
    pub(super) digest: Digest,
    pub(super) acked: Option<Micros>,
}

/// A time in which a user was in a room.
#[derive(Clone, Copy)]
pub(super) struct Stay {
    pub(super) from: Micros,
    pub(super) to: Micros,
    /// Whether it ended because the user meant to leave.
    pub(super) is_meant: bool,
    pub(super) via: Via,
}

impl<'a> Index<'a> {
    pub(super) fn new(
        journals: &[Journal],
        logs: &FinalLogs,
        expectations: &'a Expectations,
        judge: &mut Judge,
    ) -> Self {
        let mut index = Self {
            rooms: logs
                .rooms
                .iter()
                .map(|room| Room::new(room, judge))
                .collect(),
            stays: HashMap::new(),
            expectations,
            ended: 0,
        };
        for journal in journals {
            index.read(journal);
        }
        for stays in index.stays.values_mut() {
            stays.sort_by_key(|stay| stay.from);
        }
        if let Some(ended) = expectations.ended {
            index.ended = ended;
        }
        index
    }

    fn read(&mut self, journal: &Journal) {
        let mut reader = Reader {
            user: journal.user(),
            via: Via::WebSocket,
            is_up: false,
            rooms: HashMap::new(),
        };
        for (at, event) in journal {
            self.ended = self.ended.max(at);
            self.note(&mut reader, at, &event);
        }
        for (room, at) in reader.rooms {
            if let Some(since) = at.since {
                let stay = reader_stay(since, Micros::MAX, false, reader.via);
                self.add_stay(room, reader.user, stay);
            }
        }
    }

    fn note(&mut self, reader: &mut Reader, at: Micros, event: &Event) {
        match *event {
            Event::Up(via) => {
                reader.via = via;
                reader.is_up = true;
                for place in reader.rooms.values_mut().filter(|place| place.is_in) {
                    place.since.get_or_insert(at);
                }
            }
            Event::Down { .. } => {
                reader.is_up = false;
                let ended: Vec<_> = reader
                    .rooms
                    .iter_mut()
                    .filter_map(|(room, place)| Some((*room, place.since.take()?)))
                    .collect();
                for (room, since) in ended {
                    let stay = reader_stay(since, at, false, reader.via);
                    self.add_stay(room, reader.user, stay);
                }
            }
            Event::Joined { room, .. } => {
                let place = reader.rooms.entry(room).or_default();
                place.is_in = true;
                place.since.get_or_insert(at);
            }
            Event::Left { room } => {
                let place = reader.rooms.entry(room).or_default();
                place.is_in = false;
                if let Some(since) = place.since.take() {
                    let stay = reader_stay(since, at, true, reader.via);
                    self.add_stay(room, reader.user, stay);
                }
            }
            Event::Acked { room, position, .. } => {
                if let Some(slot) = self.slot_mut(room, position) {
                    slot.acked = Some(slot.acked.map_or(at, |before| before.min(at)));
                }
            }
            Event::Received { room, position, .. } | Event::Stepped { room, position } => {
                let place = reader.rooms.entry(room).or_default();
                place.last = place.last.max(position);
            }
            Event::Epoch {
                room,
                position,
                prev,
            } => {
                let place = reader.rooms.entry(room).or_default();
                place.last = place.last.max(position);
                self.take_back(
                    room,
                    prev,
                    Position::new(position.epoch.saturating_sub(1), u64::MAX),
                );
            }
            Event::Rollback { room, after } => {
                let last = reader.rooms.entry(room).or_default().last;
                self.take_back(room, after, last);
            }
            _ => {}
        }
    }

    fn slot_mut(&mut self, room: RoomNumber, position: Position) -> Option<&mut Slot> {
        let room = self.rooms.get_mut(usize::try_from(room).ok()?)?;
        room.entries.get_mut(&position)
    }

    fn take_back(&mut self, room: RoomNumber, after: Position, to: Position) {
        let range = (after, to);
        let Some(room) = usize::try_from(room)
            .ok()
            .and_then(|room| self.rooms.get_mut(room))
        else {
            return;
        };
        if after < to && !room.taken_back.contains(&range) {
            room.taken_back.push(range);
        }
    }

    fn add_stay(&mut self, room: RoomNumber, user: Mark, stay: Stay) {
        self.stays.entry((room, user)).or_default().push(stay);
    }

    pub(super) fn room(&self, room: RoomNumber) -> Option<&Room> {
        self.rooms.get(usize::try_from(room).ok()?)
    }

    /// What a room is called, for people.
    pub(super) fn name(&self, room: RoomNumber) -> &str {
        self.room(room).map_or("?", |room| &room.name)
    }
}

struct Reader {
    user: Mark,
    via: Via,
    is_up: bool,
    rooms: HashMap<RoomNumber, Place>,
}

#[derive(Default)]
struct Place {
    is_in: bool,
    since: Option<Micros>,
    last: Position,
}

const fn reader_stay(from: Micros, to: Micros, is_meant: bool, via: Via) -> Stay {
    Stay {
        from,
        to,
        is_meant,
        via,
    }
}

impl Room {
    fn new(room: &FinalRoom, judge: &mut Judge) -> Self {
        let mut index = Self {
            name: room.name.clone(),
            is_whole: room.is_whole,
            ..Self::default()
        };
        for entry in &room.entries {
            judge.can_tell(Invariant::I2);
            let slot = Slot {
                digest: entry.digest,
                acked: None,
            };
            if index.entries.insert(entry.position, slot).is_some() {
                judge.broken(Invariant::I2, || {
                    format!("{} holds {} twice", room.name, entry.position)
                });
            }
            if let Some(other) = index.keys.insert(entry.key, entry.position) {
                judge.counts.duplicated += 1;
                judge.broken(Invariant::I2, || {
                    format!(
                        "one send became two messages of {}: {other} and {}",
                        room.name, entry.position
                    )
                });
            }
        }
        index
    }

    /// Whether history says nothing of this position, because it was trimmed.
    pub(super) fn is_trimmed(&self, position: Position) -> bool {
        let oldest = self.entries.keys().next();
        !self.is_whole && oldest.is_none_or(|oldest| position < *oldest)
    }

    /// Whether a marker or a rollback said that this position is gone.
    pub(super) fn is_taken_back(&self, position: Position) -> bool {
        self.taken_back
            .iter()
            .any(|(after, to)| *after < position && position <= *to)
    }

    /// What the log holds between two positions, both exclusive.
    pub(super) fn between(
        &self,
        after: Position,
        before: Position,
    ) -> impl Iterator<Item = (&Position, &Slot)> {
        use std::ops::Bound::Excluded;
        // A range whose ends are in the wrong order would panic.
        let before = before.max(after.next());
        self.entries.range((Excluded(after), Excluded(before)))
    }

    /// What the log holds above a position.
    pub(super) fn above(&self, after: Position) -> impl Iterator<Item = (&Position, &Slot)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.entries.range((Excluded(after), Unbounded))
    }
}
