//! What this instance wants Redis to say of its users.
//!
//! Entering and leaving only change the wish; bringing Redis in line with it is
//! a step of its own, which takes all wishes of a room at once and is repeated
//! until it succeeds. So what is said last holds, whatever was lost on the way.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    broker::{Departure, RosterHead, locked::locked},
    protocol::{name::RoomName, user::User},
};

/// The wishes of all rooms.
#[derive(Debug, Default)]
pub(super) struct Wishes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    rooms: HashMap<RoomName, Room>,
    last_number: u64,
}

#[derive(Debug)]
struct Room {
    /// Whether Redis knows that this instance has users in the room.
    announced: bool,
    /// When all wishes of the room were last made true.
    checked: Instant,
    users: HashMap<Arc<str>, Wish>,
    /// Those of whom Redis does not say so yet, as far as is known.
    open: HashSet<Arc<str>>,
    /// How many were there when somebody entered last.
    head: Option<RosterHead>,
}

#[derive(Clone, Debug)]
struct Wish {
    user: User,
    /// `None`: the user holds a seat of this instance.
    gone: Option<Departure>,
    /// Whether somebody was told that it is so.
    promised: bool,
    /// Tells this wish from later ones of the same user.
    number: u64,
}

/// A part of what is to be done for a room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Todo {
    /// Whether the room must be announced first.
    pub(super) announce: bool,
    /// Who comes, with the wish's number.
    pub(super) enter: Vec<(u64, User)>,
    /// Who goes, after the grace period.
    pub(super) fade: Vec<(u64, Arc<str>)>,
    /// Who goes now.
    pub(super) leave: Vec<(u64, Arc<str>)>,
}

impl Wishes {
    /// The user is to hold a seat. Returns the wish's number, or `None` if
    /// that is so already.
    pub(super) fn enter(&self, room: &RoomName, user: &User) -> Option<u64> {
        let mut kept = locked(&self.0);
        kept.last_number += 1;
        let number = kept.last_number;
        let room = kept.rooms.entry(room.clone()).or_insert_with(Room::new);
        let mut promised = false;
        let known = room.users.get(&user.id);
        if let Some(known) = known.filter(|known| known.gone.is_none()) {
            if !room.open.contains(&user.id) && known.user == *user {
                return None;
            }
            promised = known.promised;
        }
        let wish = Wish {
            user: user.clone(),
            gone: None,
            promised,
            number,
        };
        room.wish(wish);
        Some(number)
    }

    /// The user is not to hold a seat any more.
    pub(super) fn leave(&self, room: &RoomName, user: &User, departure: Departure) {
        let mut kept = locked(&self.0);
        kept.last_number += 1;
        let wish = Wish {
            user: user.clone(),
            gone: Some(departure),
            promised: true,
            number: kept.last_number,
        };
        let room = kept.rooms.entry(room.clone()).or_insert_with(Room::new);
        room.wish(wish);
    }

    /// Whether a wish has come true (or a later one has taken its place). If
    /// not, and nobody was promised anything, it is taken back: whether Redis
    /// has heard of it or not, the user is to be gone.
    pub(super) fn came_true(&self, room: &RoomName, user: &User, number: u64) -> bool {
        let mut kept = locked(&self.0);
        kept.last_number += 1;
        let next_number = kept.last_number;
        let Some(room) = kept.rooms.get_mut(room) else {
            return true;
        };
        let open = room.open.contains(&user.id);
        match room.users.get_mut(&user.id) {
            Some(wish) if open && wish.number == number => {
                if !wish.promised {
                    // A new number, because the old one may be on its way still.
                    wish.number = next_number;
                    wish.gone = Some(Departure::Grace);
                }
                false
            }
            _ => true,
        }
    }

    /// What is to be done for a room, at most `limit` users.
    pub(super) fn todo(&self, room: &RoomName, limit: usize) -> Todo {
        let kept = locked(&self.0);
        let mut todo = Todo::default();
        let Some(room) = kept.rooms.get(room) else {
            return todo;
        };
        let open = room
            .open
            .iter()
            .filter_map(|id| room.users.get_key_value(id));
        for (id, wish) in open.take(limit) {
            match wish.gone {
                None => todo.enter.push((wish.number, wish.user.clone())),
                Some(Departure::Grace) => todo.fade.push((wish.number, id.clone())),
                Some(Departure::Now) => todo.leave.push((wish.number, id.clone())),
            }
        }
        todo.announce = !room.announced && !todo.enter.is_empty();
        todo
    }

    /// Redis knows that this instance has users in the room.
    pub(super) fn announced(&self, room: &RoomName) {
        if let Some(room) = locked(&self.0).rooms.get_mut(room) {
            room.announced = true;
        }
    }

    /// So many are there, now that somebody entered.
    pub(super) fn know(&self, room: &RoomName, head: RosterHead) {
        if let Some(room) = locked(&self.0).rooms.get_mut(room) {
            room.head = Some(head);
        }
    }

    /// How many were there when somebody entered last.
    pub(super) fn head(&self, room: &RoomName) -> Option<RosterHead> {
        locked(&self.0).rooms.get(room).and_then(|room| room.head)
    }

    /// These wishes have come true, unless later ones took their place.
    pub(super) fn done<'a>(
        &self,
        room: &RoomName,
        wishes: impl Iterator<Item = (u64, &'a Arc<str>)>,
    ) {
        let mut kept = locked(&self.0);
        let Some(room) = kept.rooms.get_mut(room) else {
            return;
        };
        for (number, id) in wishes {
            if let Some(wish) = room.users.get_mut(id).filter(|w| w.number == number) {
                room.open.remove(id);
                if wish.gone.is_some() {
                    // How many there are now was not said.
                    room.head = None;
                    room.users.remove(id);
                } else {
                    wish.promised = true;
                }
            }
        }
    }

    /// Whether no user of a room is left, nor a wish; if so, it is forgotten.
    pub(super) fn forget_if_empty(&self, room: &RoomName) -> bool {
        let mut kept = locked(&self.0);
        let empty = kept.rooms.get(room).is_some_and(|r| r.users.is_empty());
        if empty {
            kept.rooms.remove(room);
        }
        empty
    }

    /// Makes all wishes open again: Redis may have forgotten them.
    pub(super) fn reopen_all(&self) {
        for room in locked(&self.0).rooms.values_mut() {
            room.reopen();
        }
    }

    /// Makes the wishes of rooms open again that were made true longer than
    /// `age` ago, at most of `limit` rooms.
    pub(super) fn reopen_older(&self, age: Duration, limit: usize) {
        let mut kept = locked(&self.0);
        let old = kept.rooms.values_mut();
        for room in old.filter(|r| r.checked.elapsed() >= age).take(limit) {
            room.reopen();
        }
    }

    /// The rooms with open wishes.
    pub(super) fn open_rooms(&self) -> Vec<RoomName> {
        let kept = locked(&self.0);
        let open = |room: &Room| room.users.is_empty() || !room.open.is_empty();
        kept.rooms
            .iter()
            .filter(|(_, room)| open(room))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Room {
    fn new() -> Self {
        Self {
            announced: false,
            checked: Instant::now(),
            users: HashMap::new(),
            open: HashSet::new(),
            head: None,
        }
    }

    fn wish(&mut self, wish: Wish) {
        self.open.insert(wish.user.id.clone());
        self.users.insert(wish.user.id.clone(), wish);
    }

    fn reopen(&mut self) {
        self.announced = false;
        self.checked = Instant::now();
        self.open = self.users.keys().cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn den() -> RoomName {
        "den".parse().unwrap()
    }

    fn ada() -> User {
        User::new("u1", "Ada")
    }

    fn make_true(wishes: &Wishes) {
        let todo = wishes.todo(&den(), 10);
        wishes.announced(&den());
        wishes.done(&den(), todo.enter.iter().map(|(n, u)| (*n, &u.id)));
        wishes.done(&den(), todo.fade.iter().map(|(n, id)| (*n, id)));
        wishes.done(&den(), todo.leave.iter().map(|(n, id)| (*n, id)));
    }

    #[test]
    fn entering_twice_is_one_wish() {
        let wishes = Wishes::default();
        let number = wishes.enter(&den(), &ada()).unwrap();
        make_true(&wishes);
        assert!(wishes.came_true(&den(), &ada(), number));
        assert_eq!(wishes.enter(&den(), &ada()), None);
        assert_eq!(wishes.open_rooms(), []);
    }

    #[test]
    fn the_last_word_holds_while_the_first_is_on_its_way() {
        let wishes = Wishes::default();
        let number = wishes.enter(&den(), &ada()).unwrap();
        let on_its_way = wishes.todo(&den(), 10);
        wishes.leave(&den(), &ada(), Departure::Now);
        wishes.done(&den(), on_its_way.enter.iter().map(|(n, u)| (*n, &u.id)));
        assert!(wishes.came_true(&den(), &ada(), number));
        assert_eq!(wishes.todo(&den(), 10).leave.len(), 1);
        make_true(&wishes);
        assert!(wishes.forget_if_empty(&den()));
    }

    #[test]
    fn an_entry_that_failed_is_taken_back() {
        let wishes = Wishes::default();
        let number = wishes.enter(&den(), &ada()).unwrap();
        assert!(!wishes.came_true(&den(), &ada(), number));
        assert_eq!(wishes.todo(&den(), 10).fade.len(), 1);
    }

    #[test]
    fn an_entry_that_was_taken_back_too_early_is_undone() {
        let wishes = Wishes::default();
        let number = wishes.enter(&den(), &ada()).unwrap();
        let on_its_way = wishes.todo(&den(), 10);
        assert!(!wishes.came_true(&den(), &ada(), number));
        wishes.done(&den(), on_its_way.enter.iter().map(|(n, u)| (*n, &u.id)));
        assert_eq!(wishes.todo(&den(), 10).fade.len(), 1);
    }

    #[test]
    fn what_was_promised_is_not_taken_back_when_redis_forgot_it() {
        let wishes = Wishes::default();
        wishes.enter(&den(), &ada());
        make_true(&wishes);
        wishes.reopen_all();
        let number = wishes.enter(&den(), &ada()).unwrap();
        assert!(!wishes.came_true(&den(), &ada(), number));
        let todo = wishes.todo(&den(), 10);
        assert!(todo.announce && todo.enter.len() == 1);
    }
}
