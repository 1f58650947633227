//! Guests: who came by a token, and so was never asked for a name. What they are
//! called is written down so that others can invite them: many at a time, and
//! not each time that somebody comes back.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::protocol::{name::UserName, user::User};

/// For so long a name that was written down is not written again. Meanwhile
/// somebody else may have connected under it to another instance.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// The most guests that are remembered. Whoever else comes meanwhile can be
/// invited once they come again.
const MOST: usize = 50_000;

/// A guest, and the skeleton of the name.
pub(super) type Named = (String, User);

/// The guests of this instance.
#[derive(Default)]
pub(super) struct Guests(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Whose names have yet to be written down, in the order they came: of those
    /// with the same one, the last is meant.
    waiting: VecDeque<Named>,
    /// Who was noted last under a name, and when.
    known: HashMap<String, (Arc<str>, Instant)>,
}

impl Guests {
    /// Notes a guest.
    pub(super) fn note(&self, user: &User) {
        let Ok(name) = user.name.parse::<UserName>() else {
            // Nobody can be asked for by what is no name.
            return;
        };
        let skeleton = name.skeleton();
        let mut kept = self.lock();
        let is_known = kept
            .known
            .get(&skeleton)
            .is_some_and(|(id, since)| *id == user.id && since.elapsed() < KNOWN_FOR);
        if is_known {
            return;
        }
        if kept.known.len() >= MOST {
            kept.known.clear();
        }
        if kept.waiting.len() < MOST {
            let noted = (Arc::clone(&user.id), Instant::now());
            kept.known.insert(skeleton.clone(), noted);
            kept.waiting.push_back((skeleton, user.clone()));
        }
    }

    /// Takes some whose names have yet to be written down, those first who came
    /// first.
    pub(super) fn take(&self, most: usize) -> Vec<Named> {
        let waiting = &mut self.lock().waiting;
        let count = most.min(waiting.len());
        waiting.drain(..count).collect()
    }

    /// Takes those back whose names could not be written down, before all others.
    pub(super) fn give_back(&self, guests: Vec<Named>) {
        let kept = &mut *self.lock();
        for (skeleton, user) in guests.into_iter().rev() {
            if kept.waiting.len() < MOST {
                kept.waiting.push_front((skeleton, user));
            } else if kept
                .known
                .get(&skeleton)
                .is_some_and(|(id, _)| *id == user.id)
            {
                // So that they are noted when they come again.
                kept.known.remove(&skeleton);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(user: &User) -> Named {
        (user.name.to_lowercase(), user.clone())
    }

    #[test]
    fn a_guest_who_comes_back_is_noted_once_and_under_another_name_again() {
        let guests = Guests::default();
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        guests.note(&ada);
        guests.note(&ben);
        guests.note(&ada);
        assert_eq!(guests.take(1), [named(&ada)]);
        assert_eq!(guests.take(10), [named(&ben)]);
        guests.note(&ada);
        assert_eq!(guests.take(10), []);
        let renamed = User::new("u1", "Ida");
        guests.note(&renamed);
        assert_eq!(guests.take(10), [named(&renamed)]);
    }

    #[test]
    fn whoever_came_last_under_a_name_is_noted_last() {
        let guests = Guests::default();
        let (one, other) = (User::new("u1", "Ada"), User::new("u2", "ADA"));
        for user in [&one, &other, &other, &one] {
            guests.note(user);
        }
        let noted = guests.take(10);
        assert_eq!(noted, [named(&one), named(&other), named(&one)]);
    }

    #[test]
    fn those_who_could_not_be_written_down_are_taken_again_first() {
        let guests = Guests::default();
        let (one, other) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        guests.note(&one);
        let failed = guests.take(10);
        guests.note(&other);
        guests.give_back(failed);
        assert_eq!(guests.take(10), [named(&one), named(&other)]);
    }
}
