//! Who of a room's users ought to have a seat at the broker, and who has one.
//! Knows no broker: `follow.rs` takes the seats and gives them up.

use std::{collections::HashMap, sync::Arc};

use crate::protocol::user::User;

/// The users of one room on this instance.
#[derive(Default)]
pub(super) struct Seats {
    users: HashMap<Arc<str>, Sitter>,
    /// Those whose seat is not as it ought to be, and whether a look found them
    /// like that before. Kept with every change, so that a look at a big room
    /// costs nothing while all is well.
    uneven: HashMap<Arc<str>, bool>,
}

struct Sitter {
    user: User,
    /// How many live sockets of the user follow the room.
    sockets: usize,
    /// How many joins of the user are under way: they take the seat before they
    /// follow the room, and it is not to be given up below them.
    joining: usize,
    /// Whether there is a seat for the user.
    has_seat: bool,
}

/// What is to be done about the seat of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Take it.
    Take,
    /// Give it up.
    GiveUp,
    /// All is well.
    Nothing,
}

impl Seats {
    /// A live socket of the user follows the room.
    pub(super) fn arrive(&mut self, user: &User) {
        self.change(user, |sitter| sitter.sockets += 1);
    }

    /// It does not any more.
    pub(super) fn depart(&mut self, user: &User) {
        self.change(user, |sitter| {
            sitter.sockets = sitter.sockets.saturating_sub(1);
        });
    }

    /// A join of the user begins.
    pub(super) fn begin_join(&mut self, user: &User) {
        self.change(user, |sitter| sitter.joining += 1);
    }

    /// A join of the user is over, however it ended.
    pub(super) fn end_join(&mut self, user: &User) {
        self.change(user, |sitter| {
            sitter.joining = sitter.joining.saturating_sub(1);
        });
    }

    /// The user has a seat from now on, or has none.
    pub(super) fn set_seat(&mut self, user: &User, has_seat: bool) {
        self.change(user, |sitter| sitter.has_seat = has_seat);
    }

    fn change(&mut self, user: &User, change: impl FnOnce(&mut Sitter)) {
        let sitter = self
            .users
            .entry(Arc::clone(&user.id))
            .or_insert_with(|| Sitter {
                user: user.clone(),
                sockets: 0,
                joining: 0,
                has_seat: false,
            });
        change(sitter);
        // Until a join is over, the seat may be there already or not yet.
        if sitter.joining > 0 || sitter.need() == Need::Nothing {
            self.uneven.remove(&user.id);
        } else {
            self.uneven.entry(Arc::clone(&user.id)).or_insert(false);
        }
        if sitter.sockets == 0 && sitter.joining == 0 && !sitter.has_seat {
            self.users.remove(&user.id);
        }
    }

    /// What is to be done about the seat of this user now.
    pub(super) fn need(&self, user: &User) -> Need {
        self.users.get(&user.id).map_or(Need::Nothing, Sitter::need)
    }

    /// Whether the user is here or about to be.
    pub(super) fn is_here(&self, user: &User) -> bool {
        self.users.get(&user.id).is_some_and(Sitter::is_here)
    }

    /// Whether nobody is here, nobody is about to be, and no seat is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Those whose seat has to be put right by somebody who looks now and then:
    /// whoever is here without a seat, and whoever had one without being here at
    /// the last look already. Who has just gone gives up the seat alone, and
    /// knows better how.
    pub(super) fn look(&mut self) -> Vec<User> {
        let users = &self.users;
        let mut found = Vec::new();
        for (id, was_found) in &mut self.uneven {
            let Some(sitter) = users.get(id) else {
                continue;
            };
            if std::mem::replace(was_found, true) || sitter.need() == Need::Take {
                found.push(sitter.user.clone());
            }
        }
        found
    }
}

impl Sitter {
    const fn is_here(&self) -> bool {
        self.sockets > 0 || self.joining > 0
    }

    const fn need(&self) -> Need {
        match (self.is_here(), self.has_seat) {
            (true, false) => Need::Take,
            (false, true) => Need::GiveUp,
            _ => Need::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_of_nobody_is_found_at_the_second_look() {
        let mut seats = Seats::default();
        let ada = User::new("u1", "Ada");
        seats.set_seat(&ada, true);
        assert!(seats.look().is_empty());
        assert_eq!(seats.look(), std::slice::from_ref(&ada));
        seats.arrive(&ada);
        seats.depart(&ada);
        assert!(seats.look().is_empty(), "it was in use meanwhile");
        seats.set_seat(&ada, false);
        assert!(seats.look().is_empty() && seats.is_empty());
    }

    #[test]
    fn who_is_here_without_a_seat_is_found_at_once() {
        let mut seats = Seats::default();
        let ada = User::new("u1", "Ada");
        seats.arrive(&ada);
        for _ in 0..2 {
            assert_eq!(seats.look(), std::slice::from_ref(&ada));
        }
        seats.set_seat(&ada, true);
        assert!(seats.look().is_empty() && !seats.is_empty());
    }

    #[test]
    fn a_join_under_way_is_no_stray_however_long_it_takes() {
        let mut seats = Seats::default();
        let ada = User::new("u1", "Ada");
        seats.begin_join(&ada);
        assert_eq!(seats.need(&ada), Need::Take);
        seats.set_seat(&ada, true);
        for _ in 0..3 {
            assert!(seats.look().is_empty());
        }
        assert_eq!(seats.need(&ada), Need::Nothing);
        seats.end_join(&ada);
        assert_eq!(seats.need(&ada), Need::GiveUp);
        assert!(seats.look().is_empty());
        assert_eq!(seats.look(), [ada]);
    }
}
