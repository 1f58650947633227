//! The notes of one client, kept in few bytes: about nine for a message that
//! follows the one before it.

use crate::protocol::position::Position;

use super::{
    event::{Event, How, Micros, RoomNumber, Via},
    mark::Mark,
};

const UP: u8 = 0;
const DOWN: u8 = 1;
const JOINED: u8 = 2;
const LEFT: u8 = 3;
const SENT: u8 = 4;
const ACKED: u8 = 5;
const REFUSED: u8 = 6;
const UNKNOWN: u8 = 7;
const RECEIVED: u8 = 8;
const STEPPED: u8 = 9;
const EPOCH: u8 = 10;
const GAP: u8 = 11;
const ROLLBACK: u8 = 12;
const SNAPSHOT: u8 = 13;
const DIFF: u8 = 14;
const NOTICE: u8 = 15;

/// The kind takes the low four bits of a note's first byte; the high ones hold
/// what fits there.
const KIND: u8 = 0x0f;
const FLAG_A: u8 = 0x10;
const FLAG_B: u8 = 0x20;
const FLAG_C: u8 = 0x40;
/// The position is the one that follows the last noted.
const IS_NEXT: u8 = 0x80;

/// The notes of one client, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    client: u32,
    user: Mark,
    bytes: Vec<u8>,
    at: Micros,
    last: Position,
}

impl Journal {
    /// An empty journal of the client of this number.
    pub fn new(client: u32) -> Self {
        Self {
            client,
            ..Self::default()
        }
    }

    /// Says who the client is; `hello` tells.
    pub fn set_user(&mut self, user: Mark) {
        self.user = user;
    }

    /// The client's number.
    pub fn client(&self) -> u32 {
        self.client
    }

    /// Who the client is.
    pub fn user(&self) -> Mark {
        self.user
    }

    /// How many bytes the notes take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The notes, oldest first.
    pub fn iter(&self) -> Events<'_> {
        Events {
            rest: &self.bytes,
            at: 0,
            last: Position::ZERO,
        }
    }

    /// Notes an event. Time does not run backwards: an earlier time counts as
    /// that of the last note.
    pub fn push(&mut self, at: Micros, event: &Event) {
        let (kind, position) = head_of(event);
        let is_next = position.is_some_and(|position| position == self.last.next());
        self.bytes.push(if is_next { kind | IS_NEXT } else { kind });
        self.number(at.saturating_sub(self.at));
        self.at = self.at.max(at);
        if let Some(room) = room_of(event) {
            self.number(u64::from(room));
        }
        if let Some(position) = position {
            if !is_next {
                self.position(position);
            }
            self.last = position;
        }
        self.rest(event);
    }

    fn rest(&mut self, event: &Event) {
        match event {
            Event::Down { code } => self.number(u64::from(*code)),
            Event::Sent { key, .. }
            | Event::Acked { key, .. }
            | Event::Refused { key, .. }
            | Event::Unknown { key, .. } => self.mark(*key),
            Event::Received { digest, .. } => self.bytes.extend(digest.to_le_bytes()),
            Event::Epoch { prev, .. } => self.position(*prev),
            Event::Gap { to, .. } => self.position(*to),
            Event::Snapshot {
                version,
                is_whole,
                members,
                ..
            } => {
                self.number(*version);
                self.number(u64::from(*is_whole));
                self.marks(members);
            }
            Event::Diff {
                prev,
                version,
                joined,
                left,
                ..
            } => {
                self.number(*prev);
                self.number(*version);
                self.marks(joined);
                self.marks(left);
            }
            _ => {}
        }
    }

    /// Seven bits per byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(low_byte(number) | 0x80);
            number >>= 7;
        }
        self.bytes.push(low_byte(number));
    }

    fn position(&mut self, position: Position) {
        self.number(position.epoch);
        self.number(position.seq);
    }

    fn mark(&mut self, mark: Mark) {
        self.bytes.extend(mark.to_le_bytes());
    }

    fn marks(&mut self, marks: &[Mark]) {
        self.number(marks.len() as u64);
        for mark in marks {
            self.mark(*mark);
        }
    }
}

const fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

const fn flag(is: bool, bit: u8) -> u8 {
    if is { bit } else { 0 }
}

/// The first byte of a note, and the position that is written in short if it
/// follows the last one.
const fn head_of(event: &Event) -> (u8, Option<Position>) {
    match event {
        Event::Up(via) => (UP | flag(matches!(via, Via::Poll), FLAG_A), None),
        Event::Down { .. } => (DOWN, None),
        Event::Joined {
            head,
            resumed,
            recovered,
            ..
        } => (
            JOINED | flag(*resumed, FLAG_A) | flag(*recovered, FLAG_B),
            Some(*head),
        ),
        Event::Left { .. } => (LEFT, None),
        Event::Sent { again, .. } => (SENT | flag(*again, FLAG_A), None),
        Event::Acked {
            position,
            duplicate,
            ..
        } => (ACKED | flag(*duplicate, FLAG_A), Some(*position)),
        Event::Refused { .. } => (REFUSED, None),
        Event::Unknown { .. } => (UNKNOWN, None),
        Event::Received {
            position, how, via, ..
        } => (
            RECEIVED
                | flag(matches!(how, How::Replay), FLAG_A)
                | flag(matches!(how, How::Backlog), FLAG_B)
                | flag(matches!(via, Via::Poll), FLAG_C),
            Some(*position),
        ),
        Event::Stepped { position, .. } => (STEPPED, Some(*position)),
        Event::Epoch { position, .. } => (EPOCH, Some(*position)),
        Event::Gap { from, .. } => (GAP, Some(*from)),
        Event::Rollback { after, .. } => (ROLLBACK, Some(*after)),
        Event::Snapshot { .. } => (SNAPSHOT, None),
        Event::Diff { .. } => (DIFF, None),
        Event::Notice => (NOTICE, None),
    }
}

const fn room_of(event: &Event) -> Option<RoomNumber> {
    match event {
        Event::Up(_) | Event::Down { .. } | Event::Notice => None,
        Event::Joined { room, .. }
        | Event::Left { room }
        | Event::Sent { room, .. }
        | Event::Acked { room, .. }
        | Event::Refused { room, .. }
        | Event::Unknown { room, .. }
        | Event::Received { room, .. }
        | Event::Stepped { room, .. }
        | Event::Epoch { room, .. }
        | Event::Gap { room, .. }
        | Event::Rollback { room, .. }
        | Event::Snapshot { room, .. }
        | Event::Diff { room, .. } => Some(*room),
    }
}

impl<'a> IntoIterator for &'a Journal {
    type Item = (Micros, Event);
    type IntoIter = Events<'a>;

    fn into_iter(self) -> Events<'a> {
        self.iter()
    }
}

/// Reads the notes of a journal, each with its time.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
    at: Micros,
    last: Position,
}

impl Iterator for Events<'_> {
    type Item = (Micros, Event);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.byte()?;
        self.at += self.number()?;
        let event = self.event(first)?;
        Some((self.at, event))
    }
}

impl Events<'_> {
    fn event(&mut self, first: u8) -> Option<Event> {
        let kind = first & KIND;
        let is = |bit| first & bit != 0;
        let via = if is(FLAG_C) {
            Via::Poll
        } else {
            Via::WebSocket
        };
        match kind {
            UP => {
                let via = if is(FLAG_A) {
                    Via::Poll
                } else {
                    Via::WebSocket
                };
                return Some(Event::Up(via));
            }
            DOWN => {
                let code = u16::try_from(self.number()?).unwrap_or_default();
                return Some(Event::Down { code });
            }
            NOTICE => return Some(Event::Notice),
            _ => {}
        }
        let room = RoomNumber::try_from(self.number()?).ok()?;
        if matches!(kind, LEFT | SENT | REFUSED | UNKNOWN | SNAPSHOT | DIFF) {
            return self.without_position(kind, room, is(FLAG_A));
        }
        let position = self.place(is(IS_NEXT))?;
        Some(match kind {
            JOINED => Event::Joined {
                room,
                head: position,
                resumed: is(FLAG_A),
                recovered: is(FLAG_B),
            },
            ACKED => Event::Acked {
                room,
                key: self.mark()?,
                position,
                duplicate: is(FLAG_A),
            },
            RECEIVED => Event::Received {
                room,
                position,
                digest: u32::from_le_bytes(self.array()?),
                how: match (is(FLAG_A), is(FLAG_B)) {
                    (true, _) => How::Replay,
                    (false, true) => How::Backlog,
                    (false, false) => How::Live,
                },
                via,
            },
            STEPPED => Event::Stepped { room, position },
            EPOCH => Event::Epoch {
                room,
                position,
                prev: self.position()?,
            },
            GAP => Event::Gap {
                room,
                from: position,
                to: self.position()?,
            },
            _ => Event::Rollback {
                room,
                after: position,
            },
        })
    }

    fn without_position(&mut self, kind: u8, room: RoomNumber, flag: bool) -> Option<Event> {
        Some(match kind {
            LEFT => Event::Left { room },
            SENT => Event::Sent {
                room,
                key: self.mark()?,
                again: flag,
            },
            REFUSED => Event::Refused {
                room,
                key: self.mark()?,
            },
            UNKNOWN => Event::Unknown {
                room,
                key: self.mark()?,
            },
            SNAPSHOT => Event::Snapshot {
                room,
                version: self.number()?,
                is_whole: self.number()? != 0,
                members: self.marks()?,
            },
            _ => Event::Diff {
                room,
                prev: self.number()?,
                version: self.number()?,
                joined: self.marks()?,
                left: self.marks()?,
            },
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    fn mark(&mut self) -> Option<Mark> {
        self.array().map(Mark::from_le_bytes)
    }

    fn marks(&mut self) -> Option<Box<[Mark]>> {
        let count = self.number()?;
        (0..count).map(|_| self.mark()).collect()
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position::new(self.number()?, self.number()?))
    }

    fn place(&mut self, is_next: bool) -> Option<Position> {
        self.last = if is_next {
            self.last.next()
        } else {
            self.position()?
        };
        Some(self.last)
    }
}
