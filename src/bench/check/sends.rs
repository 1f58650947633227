//! What became of every send: stored once where the ack said, never stored if
//! it was refused, and in the order in which it was said.

use std::collections::HashMap;

use crate::protocol::position::Position;

use super::{
    Event, Invariant, Journal, Judge, RoomNumber,
    index::{Index, Room},
    mark::Mark,
};

/// Looks at the sends of all clients.
pub(super) fn check(journals: &[Journal], index: &Index<'_>, judge: &mut Judge) {
    for journal in journals {
        let sends = Sends::read(journal, judge);
        for send in &sends.list {
            let Some(room) = index.room(send.room) else {
                continue;
            };
            judge_send(journal.client(), send, sends.is_up, room, judge);
        }
        if index.expectations.is_ordered {
            check_order(journal.client(), &sends.list, index, judge);
        }
    }
}

/// The sends of one client, in the order in which they first went out.
#[derive(Default)]
struct Sends {
    list: Vec<Send>,
    by_key: HashMap<Mark, usize>,
    is_up: bool,
}

struct Send {
    room: RoomNumber,
    key: Mark,
    acks: Vec<Position>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Acked,
    Refused,
    Unknown,
}

impl Sends {
    fn read(journal: &Journal, judge: &mut Judge) -> Self {
        let mut sends = Self::default();
        for (_, event) in journal {
            match event {
                Event::Up(_) => sends.is_up = true,
                Event::Down { .. } => sends.is_up = false,
                Event::Sent { room, key, .. } => {
                    sends.of(room, key);
                }
                Event::Acked {
                    room,
                    key,
                    position,
                    ..
                } => {
                    let send = sends.of(room, key);
                    send.fate = Fate::Acked;
                    if !send.acks.contains(&position) {
                        send.acks.push(position);
                    }
                }
                Event::Refused { room, key } => sends.of(room, key).fate = Fate::Refused,
                Event::Unknown { room, key } => sends.of(room, key).fate = Fate::Unknown,
                _ => {}
            }
        }
        for send in &sends.list {
            judge.counts.sent += 1;
            match send.fate {
                Fate::Acked => judge.counts.acknowledged += 1,
                Fate::Refused => judge.counts.refused += 1,
                Fate::Open | Fate::Unknown => judge.counts.unknown += 1,
            }
        }
        sends
    }

    fn of(&mut self, room: RoomNumber, key: Mark) -> &mut Send {
        let next = self.list.len();
        let number = *self.by_key.entry(key).or_insert(next);
        if number == next {
            self.list.push(Send {
                room,
                key,
                acks: Vec::new(),
                fate: Fate::Open,
            });
        }
        &mut self.list[number]
    }
}

fn judge_send(client: u32, send: &Send, is_up: bool, room: &Room, judge: &mut Judge) {
    let stored = room.keys.get(&send.key).copied();
    if send.fate != Fate::Acked {
        judge.can_tell(Invariant::I6);
        // One that is unknown may be there once; a second copy breaks I2.
        if let (Fate::Refused, Some(position)) = (send.fate, stored) {
            judge.broken(Invariant::I6, || {
                format!(
                    "client {client}'s send was refused, but {} holds it at {position}",
                    room.name
                )
            });
        }
        return;
    }
    judge.can_tell(Invariant::I4);
    for acked in &send.acks {
        if stored == Some(*acked) {
            continue;
        }
        let gone = room.is_taken_back(*acked);
        match stored {
            // Taken back, and sent again.
            Some(_) if gone => {}
            Some(other) => judge.broken(Invariant::I4, || {
                format!(
                    "client {client}'s send was acknowledged at {acked}, but {} holds it at {other}",
                    room.name
                )
            }),
            // Whoever is gone cannot send again.
            None if gone && !is_up => {}
            None if !gone && room.is_trimmed(*acked) => judge.counts.unjudged += 1,
            None => {
                judge.counts.lost += 1;
                judge.broken(Invariant::I4, || {
                    let again = if gone { " and never sent again" } else { "" };
                    format!(
                        "client {client}'s send was acknowledged at {acked}, but {} lost it{again}",
                        room.name
                    )
                });
            }
        }
    }
}

/// Whether one client's messages stand in the order in which it sent them.
/// What was taken back and sent again stands behind what came meanwhile.
fn check_order(client: u32, sends: &[Send], index: &Index<'_>, judge: &mut Judge) {
    let mut last: HashMap<RoomNumber, Position> = HashMap::new();
    for send in sends {
        let Some(room) = index.room(send.room) else {
            continue;
        };
        let Some(position) = room.keys.get(&send.key).copied() else {
            continue;
        };
        if send.acks.iter().any(|acked| room.is_taken_back(*acked)) {
            continue;
        }
        judge.can_tell(Invariant::I8);
        let before = last.entry(send.room).or_default();
        if position < *before {
            let earlier = *before;
            judge.broken(Invariant::I8, || {
                format!(
                    "client {client} sent the message at {position} of {} after the one at {earlier}",
                    room.name
                )
            });
        }
        *before = position.max(*before);
    }
}
