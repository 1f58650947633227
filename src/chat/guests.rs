//! Guests: who came by a token, and so was never asked for a name. What they are
//! called is written down so that others can invite them: many at a time, and
//! not each time that somebody comes back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::protocol::user::User;

/// For so long a name that was written down is not written again.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// The most guests that are remembered. Whoever else comes meanwhile can be
/// invited once they come again.
const MOST: usize = 50_000;

/// The guests of this instance.
#[derive(Default)]
pub(super) struct Guests(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Whose names have yet to be written down.
    waiting: Vec<User>,
    /// When a guest's name was noted, and what it was.
    known: HashMap<Arc<str>, (Arc<str>, Instant)>,
}

impl Guests {
    /// Notes a guest.
    pub(super) fn note(&self, user: &User) {
        let mut kept = self.lock();
        let is_known = kept
            .known
            .get(&user.id)
            .is_some_and(|(name, since)| *name == user.name && since.elapsed() < KNOWN_FOR);
        if is_known {
            return;
        }
        if kept.known.len() >= MOST {
            kept.known.clear();
        }
        if kept.waiting.len() < MOST {
            let noted = (Arc::clone(&user.name), Instant::now());
            kept.known.insert(Arc::clone(&user.id), noted);
            kept.waiting.push(user.clone());
        }
    }

    /// Takes some whose names have yet to be written down.
    pub(super) fn take(&self, most: usize) -> Vec<User> {
        let waiting = &mut self.lock().waiting;
        let from = waiting.len().saturating_sub(most);
        waiting.split_off(from)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_who_comes_back_is_noted_once_and_under_another_name_again() {
        let guests = Guests::default();
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        guests.note(&ada);
        guests.note(&ben);
        guests.note(&ada);
        assert_eq!(guests.take(1), std::slice::from_ref(&ben));
        assert_eq!(guests.take(10), std::slice::from_ref(&ada));
        guests.note(&ada);
        assert_eq!(guests.take(10), []);
        let renamed = User::new("u1", "Ida");
        guests.note(&renamed);
        assert_eq!(guests.take(10), [renamed]);
    }
}
