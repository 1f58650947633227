//! What the threads of a run share, and what they tell each other.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use mio::Waker;

use crate::{
    bench::{
        check::{Journal, RoomNumber},
        plan::{Pace, Plan},
    },
    protocol::position::Position,
};

use super::stats::{Nanos, Stages, Tally};

/// What all threads see.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    began: Instant,
    room_names: Vec<String>,
    /// How many clients each room has.
    members: Vec<u32>,
    /// The highest position that was acknowledged in each room.
    heads: Vec<Mutex<Position>>,
    /// The messages of a closed loop.
    slots: Vec<Slot>,
    mailboxes: Mutex<Vec<Mailbox>>,
}

/// One message of a closed loop: how many members do not have it yet.
#[derive(Default)]
struct Slot {
    number: AtomicU32,
    left: AtomicU32,
    began: AtomicU64,
}

/// How to reach a thread.
#[derive(Clone)]
pub(crate) struct Mailbox {
    pub(crate) sender: Sender<Command>,
    pub(crate) waker: Arc<Waker>,
}

/// What a thread is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Connect the clients.
    Connect,
    /// Speak at this pace.
    Talk(Pace),
    /// Say nothing new.
    Hush,
    /// Cut every connection, and let nobody back before this time passed.
    Cut(Duration),
    /// Ask who is in each room.
    AskMembers,
    /// A message of this slot reached everybody.
    Finished(u32),
    /// End, and hand over everything.
    Stop,
}

/// What a thread tells.
pub(crate) enum Told {
    /// What happened in the last second.
    Second(Box<Second>),
    /// The thread is over.
    Over(Box<Remains>),
    /// The thread could not go on.
    Failed(String),
}

/// The last second of one thread.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Which thread.
    pub(crate) thread: u32,
    /// When the second ended, in nanoseconds since the run began.
    pub(crate) at: Nanos,
    /// All counts so far.
    pub(crate) tally: Tally,
    /// The times of this second alone.
    pub(crate) stages: Stages,
    /// Clients with a transport that works.
    pub(crate) up: u32,
    /// Clients that will not come back.
    pub(crate) ended: u32,
    /// Sends without an answer.
    pub(crate) unanswered: u64,
    /// Clients that do not have everything that was acknowledged.
    pub(crate) behind: u32,
}

/// What a thread leaves.
pub(crate) struct Remains {
    pub(crate) last: Second,
    pub(crate) journals: Vec<Journal>,
    /// What members who were up did not have in the end, by position alone.
    pub(crate) short: u64,
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut members = vec![0; plan.rooms as usize];
        for client in 0..plan.clients {
            for room in plan.rooms_of(client) {
                members[room as usize] += 1;
            }
        }
        let in_flight = match plan.pace {
            Pace::Closed { in_flight } => in_flight,
            _ => 0,
        };
        Self {
            began: Instant::now(),
            room_names: (0..plan.rooms).map(|room| plan.room_name(room)).collect(),
            members,
            heads: (0..plan.rooms).map(|_| Mutex::default()).collect(),
            slots: (0..in_flight).map(|_| Slot::default()).collect(),
            mailboxes: Mutex::default(),
            plan,
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    pub(crate) fn room_name(&self, room: RoomNumber) -> &str {
        &self.room_names[room as usize]
    }

    /// The number of a room of this run.
    pub(super) fn room_number(&self, name: &[u8]) -> Option<RoomNumber> {
        let rest = name.strip_prefix(self.plan.name.as_bytes())?;
        let digits = std::str::from_utf8(rest.strip_prefix(b"-")?).ok()?;
        let room: RoomNumber = digits.parse().ok()?;
        (room < self.plan.rooms).then_some(room)
    }

    pub(super) fn raise_head(&self, room: RoomNumber, position: Position) {
        let head = &self.heads[room as usize];
        let mut head = head.lock().unwrap_or_else(PoisonError::into_inner);
        *head = position.max(*head);
    }

    pub(super) fn head(&self, room: RoomNumber) -> Position {
        let head = &self.heads[room as usize];
        *head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_mailboxes(&self, boxes: Vec<Mailbox>) {
        *self.lock_mailboxes() = boxes;
    }

    fn lock_mailboxes(&self) -> std::sync::MutexGuard<'_, Vec<Mailbox>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a thread something.
    pub(crate) fn tell(&self, thread: usize, command: Command) {
        if let Some(mailbox) = self.lock_mailboxes().get(thread) {
            // A thread that is over needs no command.
            let _ = mailbox.sender.send(command);
            let _ = mailbox.waker.wake();
        }
    }

    /// How many slots a closed loop has.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// A message begins in a slot.
    pub(super) fn begin_slot(&self, slot: u32, number: u32, room: RoomNumber, now: Nanos) {
        let slot = &self.slots[slot as usize];
        slot.number.store(number, Ordering::Relaxed);
        slot.began.store(now, Ordering::Relaxed);
        slot.left
            .store(self.members[room as usize], Ordering::Release);
    }

    /// One more member has the message; whether it was the last.
    pub(super) fn count_down(&self, slot: u32, number: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| {
            slot.number.load(Ordering::Relaxed) == number
                && slot
                    .left
                    .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    == Ok(1)
        })
    }

    /// Whether the message of a slot is on its way for too long.
    pub(super) fn is_stalled(&self, slot: u32, before: Nanos) -> bool {
        let slot = &self.slots[slot as usize];
        slot.left.load(Ordering::Acquire) > 0 && slot.began.load(Ordering::Relaxed) < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(clients: u32, rooms: u32) -> Shared {
        let mut plan = Plan::new(Vec::new(), "run");
        plan.clients = clients;
        plan.rooms = rooms;
        plan.pace = Pace::Closed { in_flight: 2 };
        Shared::new(plan)
    }

    #[test]
    fn a_slot_is_free_once_every_member_has_its_message() {
        let shared = shared(6, 2);
        shared.begin_slot(1, 7, 0, 1);
        // Three of the six are in room 0; another message does not count.
        assert!(!shared.count_down(1, 6));
        assert!(!shared.count_down(1, 7));
        assert!(!shared.count_down(1, 7));
        assert!(shared.is_stalled(1, 2));
        assert!(shared.count_down(1, 7));
        assert!(!shared.count_down(1, 7));
        assert!(!shared.is_stalled(1, 2));
        assert!(!shared.count_down(9, 7));
    }

    #[test]
    fn only_rooms_of_the_run_have_a_number() {
        let shared = shared(6, 2);
        assert_eq!(shared.room_number(b"run-1"), Some(1));
        for other in ["run-2", "lobby", "run-", "run-x", "run1"] {
            assert_eq!(shared.room_number(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_head_only_rises() {
        let shared = shared(6, 2);
        shared.raise_head(0, Position::new(1, 5));
        shared.raise_head(0, Position::new(1, 4));
        assert_eq!(shared.head(0), Position::new(1, 5));
    }
}
