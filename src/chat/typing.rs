//! Who types. The server ends it by itself, so that a client which vanished
//! does not type for ever.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::protocol::{name::RoomName, user::User};

/// How long somebody types who says nothing more about it.
const LASTS: Duration = Duration::from_secs(6);
/// How often the same news are told at most.
const RETELL: Duration = Duration::from_secs(2);

type Key = (RoomName, Arc<str>);

struct Typist {
    user: User,
    /// Whether others were told that they type. Who stopped is remembered until
    /// they may be told of again.
    shown: bool,
    until: Instant,
    told: Instant,
}

/// The users who type on this instance.
#[derive(Default)]
pub(super) struct TypingTable(Mutex<HashMap<Key, Typist>>);

impl TypingTable {
    /// Notes that a user types or stopped. Returns whether others should hear.
    pub(super) fn note(&self, room: &RoomName, user: &User, on: bool, now: Instant) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (room.clone(), Arc::clone(&user.id));
        if !on {
            let shown = table.get_mut(&key).filter(|typist| typist.shown);
            return shown.is_some_and(|typist| {
                typist.shown = false;
                typist.until = typist.told + RETELL;
                true
            });
        }
        if let Some(typist) = table.get_mut(&key) {
            let due = now >= typist.told + RETELL;
            if due {
                typist.told = now;
                typist.shown = true;
            }
            if typist.shown {
                typist.until = now + LASTS;
            }
            return due;
        }
        table.insert(
            key,
            Typist {
                user: user.clone(),
                shown: true,
                until: now + LASTS,
                told: now,
            },
        );
        true
    }

    /// Takes out those who have not typed for a while.
    pub(super) fn expired(&self, now: Instant) -> Vec<(RoomName, User)> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .extract_if(|_, typist| typist.until <= now)
            .filter(|(_, typist)| typist.shown)
            .map(|((room, _), typist)| (room, typist.user))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_ends_by_itself_and_is_not_repeated_too_often() {
        let table = TypingTable::default();
        let ada = User::new("u1", "Ada");
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        assert!(table.note(&RoomName::lobby(), &ada, true, start));
        assert!(!table.note(&RoomName::lobby(), &ada, true, later(1)));
        assert!(table.note(&RoomName::lobby(), &ada, true, later(3)));
        assert!(table.expired(later(8)).is_empty());
        assert_eq!(table.expired(later(9)).len(), 1);
        assert!(!table.note(&RoomName::lobby(), &ada, false, later(9)));
    }

    #[test]
    fn who_stops_and_begins_again_is_told_no_more_often() {
        let table = TypingTable::default();
        let ada = User::new("u1", "Ada");
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let note = |on, ms| table.note(&RoomName::lobby(), &ada, on, at(ms));
        assert!(note(true, 0));
        assert!(note(false, 10), "that they stopped is told at once");
        let told = (20..2_000).step_by(10).filter(|ms| note(ms % 20 == 0, *ms));
        assert_eq!(told.count(), 0);
        assert!(note(true, 2_000));
        assert!(note(false, 2_010));
        // Nothing is kept of who stopped, and nobody hears of it twice.
        assert!(table.expired(at(4_000)).is_empty());
        assert!(table.0.lock().unwrap().is_empty());
    }
}
