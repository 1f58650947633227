//! The names in use and the clients that poll, in memory.

use dashmap::{DashMap, Entry};

use crate::{
    broker::{DedupeKey, Poller},
    protocol::{name::RoomName, user::User},
};

/// Names and polling clients, each with the stopwatch time at which it lapses.
#[derive(Debug, Default)]
pub(super) struct Names {
    held: DashMap<String, (String, u64)>,
    pollers: DashMap<String, (Poller, u64)>,
    /// Who was last seen under a name, which need not be held any more.
    seen: DashMap<String, (User, u64)>,
    /// What the private rooms are called that were made under a key, and what was
    /// asked for.
    made: DashMap<DedupeKey, ((RoomName, String), u64)>,
    /// The private rooms that were there, and that all of their people left.
    gone: DashMap<RoomName, u64>,
}

impl Names {
    /// Holds a name at least until `until`. False if another user holds it.
    pub(super) fn claim(&self, skeleton: &str, user_id: &str, now: u64, until: u64) -> bool {
        match self.held.entry(skeleton.to_owned()) {
            Entry::Occupied(mut held) => {
                let (holder, lapses) = held.get_mut();
                if holder != user_id && *lapses > now {
                    return false;
                }
                *lapses = if holder == user_id {
                    until.max(*lapses)
                } else {
                    until
                };
                user_id.clone_into(holder);
            }
            Entry::Vacant(place) => {
                place.insert((user_id.to_owned(), until));
            }
        }
        true
    }

    /// Who holds a name.
    pub(super) fn holder(&self, skeleton: &str, now: u64) -> Option<String> {
        let held = self.held.get(skeleton)?;
        let (holder, lapses) = held.value();
        (*lapses > now).then(|| holder.clone())
    }

    /// Gives a name up, if this user holds it.
    pub(super) fn release(&self, skeleton: &str, user_id: &str) {
        self.held
            .remove_if(skeleton, |_, (holder, _)| holder == user_id);
    }

    /// Remembers until `until` what somebody is called, unless somebody else holds
    /// the name.
    pub(super) fn note(&self, skeleton: &str, user: &User, now: u64, until: u64) {
        let holder = self.holder(skeleton, now);
        if holder.is_none_or(|holder| *holder == *user.id) {
            self.seen.insert(skeleton.to_owned(), (user.clone(), until));
        }
    }

    /// Who is called that.
    pub(super) fn who(&self, skeleton: &str, now: u64) -> Option<User> {
        let seen = self.seen.get(skeleton).map(|seen| seen.value().clone());
        let seen = seen.filter(|(_, until)| *until > now).map(|(user, _)| user);
        match self.holder(skeleton, now) {
            None => seen,
            Some(holder) => seen
                .filter(|seen| *seen.id == *holder)
                .or_else(|| Some(User::new(holder, skeleton))),
        }
    }

    /// The name that was given under a key, or that is given now until `until`,
    /// and for what.
    pub(super) fn made(
        &self,
        key: &DedupeKey,
        proposed: Option<&RoomName>,
        asked: &str,
        now: u64,
        until: u64,
    ) -> Option<(RoomName, String)> {
        match self.made.entry(key.clone()) {
            Entry::Occupied(made) if made.get().1 > now => Some(made.get().0.clone()),
            place => {
                let made = (proposed?.clone(), asked.to_owned());
                place.insert((made.clone(), until));
                Some(made)
            }
        }
    }

    /// Remembers until `until` that a private room is gone.
    pub(super) fn bury(&self, room: &RoomName, until: u64) {
        self.gone.insert(room.clone(), until);
    }

    /// Whether a private room was there and is gone.
    pub(super) fn is_buried(&self, room: &RoomName, now: u64) -> bool {
        self.gone.get(room).is_some_and(|until| *until > now)
    }

    /// Remembers a polling client until `until`.
    pub(super) fn keep_poller(&self, connection: &str, poller: &Poller, until: u64) -> bool {
        let mut slot = self
            .pollers
            .entry(connection.to_owned())
            .or_insert_with(|| (poller.clone(), until));
        if slot.0.turn > poller.turn {
            return false;
        }
        *slot = (poller.clone(), until);
        true
    }

    /// The polling client of that name.
    pub(super) fn poller(&self, connection: &str, now: u64) -> Option<Poller> {
        let found = self.pollers.get(connection)?;
        let (poller, until) = found.value();
        (*until > now).then(|| poller.clone())
    }

    /// Forgets what has lapsed.
    pub(super) fn forget(&self, now: u64) {
        self.held.retain(|_, (_, until)| *until > now);
        self.pollers.retain(|_, (_, until)| *until > now);
        self.seen.retain(|_, (_, until)| *until > now);
        self.made.retain(|_, (_, until)| *until > now);
        self.gone.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_lapsed_can_be_claimed_by_another() {
        let names = Names::default();
        assert!(names.claim("ada", "u1", 0, 10));
        assert!(names.claim("ada", "u1", 5, 20));
        assert!(names.claim("ada", "u1", 6, 12));
        assert!(!names.claim("ada", "u2", 19, 30));
        assert_eq!(names.holder("ada", 19).as_deref(), Some("u1"));
        assert_eq!(
            (names.holder("ada", 20), names.holder("bob", 0)),
            (None, None)
        );
        assert!(names.claim("ada", "u2", 20, 30));
        names.release("ada", "u1");
        assert!(!names.claim("ada", "u1", 21, 30));
    }
}
