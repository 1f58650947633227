//! How far people have read: marks on their way to the broker, and from there to
//! the other connections of the same user.
//!
//! A client says where it is whenever it likes. The first word of a moment is
//! passed on at once; what follows within a second waits for the hub to look
//! after it, and only the furthest counts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::{DashMap, Entry as Slot};
use futures_util::stream::{self, StreamExt as _};

use crate::{
    broker::BrokerError,
    protocol::{
        event::{Event, ReadMark},
        name::RoomName,
        position::Position,
        server_frame::ServerFrame,
    },
};

use super::{
    hub::Hub,
    room::{ConnectionId, Room},
    sequencer::Mode,
};

/// How often the mark of a user in a room is passed on, at most.
const PER_MARK: Duration = Duration::from_secs(1);
/// How many of them are passed on at the same time.
const AT_ONCE: usize = 32;

/// The marks of the last moment, by user and room.
#[derive(Default)]
pub(super) struct ReadTable(DashMap<(Arc<str>, RoomName), Said>);

struct Said {
    passed_on: Instant,
    waiting: Option<(Position, String)>,
}

/// A mark that is to be passed on.
pub(super) struct Due {
    pub(super) user_id: Arc<str>,
    pub(super) room: RoomName,
    pub(super) position: Position,
    pub(super) origin: String,
}

impl ReadTable {
    /// Notes a mark. Returns it if it is to be passed on now; if not, it waits
    /// and will be [due](Self::due).
    fn note(&self, mark: Due, now: Instant) -> Option<Due> {
        let key = (Arc::clone(&mark.user_id), mark.room.clone());
        match self.0.entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(Said {
                    passed_on: now,
                    waiting: None,
                });
                Some(mark)
            }
            Slot::Occupied(mut said) => {
                let said = said.get_mut();
                let before = said.waiting.as_ref().map(|(position, _)| *position);
                if before.is_none_or(|before| before < mark.position) {
                    said.waiting = Some((mark.position, mark.origin));
                }
                if now.saturating_duration_since(said.passed_on) >= PER_MARK {
                    said.passed_on = now;
                    let furthest = said.waiting.take();
                    return furthest.map(|(position, origin)| Due {
                        position,
                        origin,
                        ..mark
                    });
                }
                None
            }
        }
    }

    /// The marks that have waited long enough; what is done with is forgotten.
    pub(super) fn due(&self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        self.0.retain(|(user_id, room), said| {
            if now.saturating_duration_since(said.passed_on) < PER_MARK {
                return true;
            }
            let Some((position, origin)) = said.waiting.take() else {
                return false;
            };
            due.push(Due {
                user_id: Arc::clone(user_id),
                room: room.clone(),
                position,
                origin,
            });
            said.passed_on = now;
            true
        });
        due
    }
}

impl Hub {
    /// Notes that a user has read so far.
    pub(super) async fn note_read(&self, mark: Due) -> Result<(), BrokerError> {
        match self.reads.note(mark, Instant::now()) {
            Some(mark) => self.pass_on(mark).await,
            None => Ok(()),
        }
    }

    /// Passes on the marks that waited, some at a time, in a task of its own: who
    /// looks after the rooms waits for none of it. What the broker does not take
    /// is lost, and made good by the next one.
    pub(super) fn pass_on_reads(self: &Arc<Self>) {
        let due = self.reads.due(Instant::now());
        if due.is_empty() {
            return;
        }
        let hub = Arc::clone(self);
        self.spawn_until_stopped(async move {
            let passing = stream::iter(due).for_each_concurrent(AT_ONCE, async |mark| {
                if let Err(error) = hub.pass_on(mark).await {
                    tracing::debug!(%error, "a mark could not be kept");
                }
            });
            passing.await;
        });
    }

    async fn pass_on(&self, mark: Due) -> Result<(), BrokerError> {
        let Due {
            user_id,
            room,
            position,
            origin,
        } = mark;
        // The mark may have waited while they left for good; if they are invited
        // again, all of the room is new to them.
        if room.is_private() && !self.broker.is_one_of(&room, &user_id).await? {
            return Ok(());
        }
        // Nobody has read what nobody has written: a mark beyond the end would
        // stay there for ever. Another instance may have told them of more than
        // this one has heard, so only the log knows what is beyond.
        let here = self.held_room(&room);
        let end = match here.and_then(|room| room.settled_head()) {
            Some(end) if position <= end => end,
            _ => self.broker.status(&room).await?.head,
        };
        let position = position.min(end);
        if position == Position::ZERO || !self.broker.mark_read(&room, &user_id, position).await? {
            return Ok(());
        }
        let event = Event::Read(ReadMark {
            user: user_id,
            position,
            origin,
        });
        // It may be lost, as docs/protocol.md says.
        let _ = self.broker.tell(&room, &event).await;
        Ok(())
    }

    /// How the other instances know a connection of this one.
    pub(super) fn origin(&self, id: ConnectionId) -> String {
        format!("{}.{id}", self.settings.instance)
    }

    /// Tells the other connections of a user how far one of them has read.
    pub(super) fn on_read(&self, room: &Room, mark: &ReadMark) {
        for connection in self.connections_of(&mark.user) {
            if self.origin(connection.id) != mark.origin {
                room.tell_read(connection.id, mark.position);
            }
        }
    }
}

impl Room {
    /// Tells a follower how far its user has read elsewhere. One that has not
    /// come so far itself is not told: to a client that does not know the frame
    /// it would look like an entry at that place.
    fn tell_read(&self, id: ConnectionId, position: Position) {
        let outbox = {
            let state = self.lock();
            match state.sequencer.mode(id) {
                Some(Mode::Live { above }) if above >= position => {}
                _ => return,
            }
            let member = state.sequencer.members.get(&id);
            member.map(|member| Arc::clone(&member.sink.outbox))
        };
        let frame = ServerFrame::Read {
            room: self.name.clone(),
            position,
        };
        if let Some(outbox) = outbox {
            outbox.offer_hint(&frame.text());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Due {
        Due {
            user_id: "u1".into(),
            room: RoomName::lobby(),
            position: Position::new(1, seq),
            origin: "a.1".to_owned(),
        }
    }

    #[test]
    fn of_many_marks_the_first_goes_at_once_and_then_the_furthest() {
        let table = ReadTable::default();
        let begin = Instant::now();
        assert!(table.note(mark(1), begin).is_some());
        for seq in [2, 9, 4] {
            assert!(table.note(mark(seq), begin).is_none());
        }
        assert!(table.due(begin).is_empty());
        let due = table.due(begin + PER_MARK);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].position, Position::new(1, 9));
        assert!(table.due(begin + 2 * PER_MARK).is_empty());
        assert!(table.0.is_empty(), "nothing is kept of who reads no more");
    }

    #[test]
    fn a_mark_that_waits_is_not_lost_to_one_that_says_less_and_comes_in_time() {
        let table = ReadTable::default();
        let begin = Instant::now();
        for seq in [1, 9] {
            let _ = table.note(mark(seq), begin);
        }
        // Another device, before the hub has looked after what waits.
        let other = Due {
            origin: "b.2".to_owned(),
            ..mark(4)
        };
        let passed_on = table.note(other, begin + PER_MARK).unwrap();
        assert_eq!(passed_on.position, Position::new(1, 9));
        assert_eq!(passed_on.origin, "a.1");
        assert!(table.due(begin + 2 * PER_MARK).is_empty());
    }
}
