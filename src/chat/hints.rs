//! What may be lost on its way to the members of a room: who came and went, and
//! who types. It needs no place among the entries, but an order of its own: a
//! presence frame that overtakes another one looks like a hole.
//!
//! One teller at a time takes the hints of a room out of a queue. In a small
//! room it is whoever brought the hint; in a big one a task, which lets others
//! have their turn after some members, so that the reader of the broker's link
//! waits for none of it.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    broker::RosterHead,
    protocol::{
        LARGE_ROOM,
        event::{PresenceChange, Typing},
        name::RoomName,
        server_frame::{ServerFrame, Text},
    },
};

use super::{
    outbox::Outbox,
    presence::{Diff, Heard, MERGED_FOR, Pending, Step},
    room::{ConnectionId, MEMBERS_PER_TURN, Room},
};

/// So many hints may wait before typing is left out. Presence is not: if the
/// last change were, nothing would show it.
const MOST_WAITING: usize = 64;

/// What waits to be told to the members of one room.
#[derive(Default)]
pub(super) struct Hints(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    heard: Heard,
    /// Changes that are merged before they become a hint.
    merging: Pending,
    queue: VecDeque<Hint>,
    /// Whether somebody is telling, or is about to.
    has_teller: bool,
    /// Who had no room for the last that was told of who came and went, and maybe
    /// is gone by now.
    missed: HashSet<ConnectionId>,
    /// How many people the room has, on all instances, as far as was heard.
    count: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Hint {
    Presence(Diff),
    Typing(Typing),
}

/// A hint on its way to the members.
struct Told {
    frame: Text,
    is_presence: bool,
    readers: Vec<Reader>,
}

/// A member, as far as hints go.
type Reader = (ConnectionId, Arc<Outbox>);

impl Hint {
    fn is_from(&self, user: &str) -> bool {
        matches!(self, Self::Typing(typing) if *typing.user.id == *user)
    }

    fn text(self, room: RoomName) -> Text {
        match self {
            Self::Presence(diff) => ServerFrame::Presence {
                room,
                prev: diff.prev,
                version: diff.version,
                joined: diff.joined,
                left: diff.left,
                count: diff.count,
            },
            Self::Typing(typing) => ServerFrame::Typing {
                room,
                user: typing.user,
                on: typing.on,
            },
        }
        .text()
    }
}

impl Hints {
    /// Held for a moment only, and never while anything is told.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // What a panic lost is a missing version, which clients notice.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Makes the caller the teller if something waits and nobody tells.
    fn begin(&mut self) -> bool {
        let begins = !self.has_teller && !self.queue.is_empty();
        self.has_teller |= begins;
        begins
    }

    /// The next hint for the teller, who is none any more if there is none.
    fn next(&mut self) -> Option<Hint> {
        let hint = self.queue.pop_front();
        self.has_teller = hint.is_some();
        hint
    }
}

impl Room {
    /// Passes on who came and went, in a large room some together.
    pub(super) fn on_presence(&self, change: PresenceChange) {
        let begins = {
            let mut hints = self.hints.lock();
            hints.count = change.count;
            hints.heard.note(change.version);
            // Into the queue under the same lock, so that the order is kept.
            match hints.merging.add(change) {
                Step::Tell(diff) => hints.queue.push_back(Hint::Presence(diff)),
                Step::Begin => {
                    drop(hints);
                    self.merge_for_a_while();
                    return;
                }
                Step::Wait => return,
            }
            hints.begin()
        };
        if begins {
            self.tell();
        }
    }

    fn merge_for_a_while(&self) {
        let Some(room) = self.me.upgrade() else {
            return;
        };
        self.shutdown.spawn_until_stopped(async move {
            tokio::time::sleep(MERGED_FOR).await;
            let begins = {
                let mut hints = room.hints.lock();
                let diff = hints.merging.take();
                hints.queue.extend(diff.map(Hint::Presence));
                hints.begin()
            };
            if begins {
                room.tell();
            }
        });
    }

    /// Notes a version of who is here that whoever comes now will know of, for a
    /// room of which no change was heard yet.
    pub(super) fn note_version(&self, version: u64) {
        self.hints.lock().heard.begin(version);
    }

    /// Whether anybody is to be told who comes and goes.
    pub(super) fn is_followed(&self) -> bool {
        !self.lock().sequencer.is_empty()
    }

    /// Compares what was heard of who is here with what there is, now and then.
    /// Where a change was lost on its way here, all members are reminded of it;
    /// else those whose outbox was full.
    pub(super) fn compare_presence(&self, there: RosterHead) {
        let (begins, missed, reminder) = {
            let mut hints = self.hints.lock();
            if let Some(lost) = hints.heard.look(there.version, Instant::now()) {
                hints.count = there.count;
                let reminder = Diff::reminder(lost, there.count);
                hints.queue.push_back(Hint::Presence(reminder));
            }
            let missed = std::mem::take(&mut hints.missed);
            let reminder = Diff::reminder(hints.heard.version(), hints.count);
            (hints.begin(), missed, Hint::Presence(reminder))
        };
        if begins {
            self.tell();
        }
        if !missed.is_empty() {
            let mut told = self.address(reminder);
            told.readers.retain(|(id, _)| missed.contains(id));
            self.offer(&told, &told.readers);
        }
    }

    /// Whether members who have that version of who is here are brought up to
    /// date in a moment.
    pub(super) fn will_tell_presence(&self, version: u64) -> bool {
        self.hints.lock().merging.follows(version)
    }

    /// Passes on who types, to everybody else; in a large room to nobody, where
    /// it would be more than all that is said.
    pub(super) fn on_typing(&self, typing: Typing) {
        let begins = {
            let mut hints = self.hints.lock();
            if hints.count > LARGE_ROOM || hints.queue.len() >= MOST_WAITING {
                return;
            }
            hints.queue.push_back(Hint::Typing(typing));
            hints.begin()
        };
        if begins {
            self.tell();
        }
    }

    /// Notes how many people the room has, for a room of which no change was
    /// heard yet.
    pub(super) fn note_count(&self, count: u64) {
        self.hints.lock().count = count;
    }

    /// Whether the room has more people than are told who types.
    pub(super) fn is_large(&self) -> bool {
        self.hints.lock().count > LARGE_ROOM
    }

    /// Tells what waits: at once if the room is small here, else in a task.
    fn tell(&self) {
        loop {
            let members = self.lock().sequencer.members().size_hint().0;
            if members > MEMBERS_PER_TURN
                && let Some(room) = self.me.upgrade()
            {
                self.shutdown
                    .spawn_until_stopped(async move { room.tell_in_turns().await });
                return;
            }
            let Some(hint) = self.hints.lock().next() else {
                return;
            };
            let told = self.address(hint);
            self.offer(&told, &told.readers);
        }
    }

    async fn tell_in_turns(&self) {
        loop {
            let Some(hint) = self.hints.lock().next() else {
                return;
            };
            let told = self.address(hint);
            for readers in told.readers.chunks(MEMBERS_PER_TURN) {
                self.offer(&told, readers);
                tokio::task::yield_now().await;
            }
        }
    }

    /// What a hint says, and to whom: those who follow the room now.
    fn address(&self, hint: Hint) -> Told {
        let readers = {
            let state = self.lock();
            let members = state.sequencer.members();
            members
                .filter(|follower| !hint.is_from(&follower.user.id))
                .map(|follower| (follower.id, Arc::clone(&follower.outbox)))
                .collect()
        };
        Told {
            is_presence: matches!(hint, Hint::Presence(_)),
            frame: hint.text(self.name.clone()),
            readers,
        }
    }

    /// Tells it to some. Whoever has no room for it is left out: of who came and
    /// went, a missing version is noticed, or they are reminded later.
    fn offer(&self, told: &Told, readers: &[Reader]) {
        let has_room = |(_, outbox): &&Reader| outbox.offer_hint(&told.frame);
        let full = readers.iter().filter(|reader| !has_room(reader));
        let full: Vec<_> = full.map(|(id, _)| *id).collect();
        if told.is_presence && !full.is_empty() {
            self.hints.lock().missed.extend(full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{BrokerSettings, embedded::EmbeddedBroker},
        chat::follow::Follower,
        protocol::{position::Position, user::User},
        shutdown::Shutdown,
    };

    async fn room_of(members: u64) -> (Arc<Room>, Vec<Follower>) {
        let broker = EmbeddedBroker::new(BrokerSettings::default());
        let room = Room::new(RoomName::lobby(), broker, Shutdown::new(), None);
        room.open().await.unwrap();
        let followers: Vec<_> = (1..=members).map(follower).collect();
        for follower in &followers {
            room.attach_live(follower).unwrap();
        }
        (room, followers)
    }

    fn follower(id: u64) -> Follower {
        Follower {
            id,
            user: User::new(format!("u{id}"), "Ada"),
            outbox: Arc::new(Outbox::new(10_000)),
            seated: true,
            since: Position::ZERO,
        }
    }

    fn change(version: u64, count: u64) -> PresenceChange {
        PresenceChange {
            version,
            joined: vec![User::new("new", "New")],
            left: Vec::new(),
            count,
        }
    }

    fn typing(user: &User) -> Typing {
        Typing {
            user: user.clone(),
            on: true,
        }
    }

    /// What somebody was told: the version, or 0 for typing.
    fn told(follower: &Follower) -> Vec<u64> {
        let frames = follower.outbox.take().frames;
        let version = |frame: &Text| {
            let frame: serde_json::Value = serde_json::from_str(frame.as_str()).unwrap();
            frame["version"].as_u64().unwrap_or(0)
        };
        frames.iter().map(version).collect()
    }

    #[tokio::test]
    async fn a_small_room_is_told_at_once_and_who_types_is_not() {
        let (room, followers) = room_of(3).await;
        room.on_presence(change(5, 3));
        room.on_typing(typing(&followers[0].user));
        room.on_presence(change(6, 3));
        assert_eq!(told(&followers[0]), [5, 6]);
        assert_eq!(told(&followers[1]), [5, 0, 6]);
    }

    #[tokio::test]
    async fn a_big_room_is_told_in_order_and_in_turns_by_a_task() {
        let many = 2 * MEMBERS_PER_TURN as u64 + 1;
        let (room, followers) = room_of(many).await;
        let (first, last) = (&followers[0], &followers[followers.len() - 1]);
        room.on_presence(change(5, LARGE_ROOM));
        room.on_presence(change(6, LARGE_ROOM));
        assert!(told(first).is_empty(), "the reader tells nobody");
        tokio::task::yield_now().await;
        assert_eq!((told(first), told(last)), (vec![5], vec![]));
        room.on_presence(change(7, LARGE_ROOM));
        room.on_typing(typing(&first.user));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(told(first), [6, 7]);
        assert_eq!(told(last), [5, 6, 7, 0]);
    }

    #[tokio::test]
    async fn nobody_hears_who_types_in_a_large_room() {
        let (room, followers) = room_of(2).await;
        room.note_count(LARGE_ROOM + 1);
        room.on_typing(typing(&followers[0].user));
        assert!(told(&followers[1]).is_empty());
        room.on_presence(change(5, LARGE_ROOM));
        room.on_typing(typing(&followers[0].user));
        assert_eq!(told(&followers[1]), [5, 0]);
    }
}
