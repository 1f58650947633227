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
            return table.remove(&key).is_some();
        }
        if let Some(typist) = table.get_mut(&key) {
            typist.until = now + LASTS;
            let due = now >= typist.told + RETELL;
            if due {
                typist.told = now;
            }
            return due;
        }
        table.insert(
            key,
            Typist {
                user: user.clone(),
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
}
