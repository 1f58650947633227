//! Which private rooms each user is in, in memory: whoever asks for those of one
//! user does not look into every room.

use std::{collections::HashSet, sync::Arc};

use dashmap::DashMap;

use crate::protocol::name::RoomName;

/// The private rooms of each user. The rooms themselves say who is in them; this
/// is changed under the lock of the room, together with them.
#[derive(Debug, Default)]
pub(super) struct Memberships(DashMap<Arc<str>, HashSet<RoomName>>);

impl Memberships {
    /// Somebody is in a room now.
    pub(super) fn add(&self, user_id: &Arc<str>, room: &RoomName) {
        let mut rooms = self.0.entry(Arc::clone(user_id)).or_default();
        rooms.insert(room.clone());
    }

    /// Somebody is not in it any more.
    pub(super) fn remove(&self, user_id: &str, room: &RoomName) {
        if let Some(mut rooms) = self.0.get_mut(user_id) {
            rooms.remove(room);
        }
        self.0.remove_if(user_id, |_, rooms| rooms.is_empty());
    }

    /// In how many rooms somebody is.
    pub(super) fn count(&self, user_id: &str) -> usize {
        self.0.get(user_id).map_or(0, |rooms| rooms.len())
    }

    /// The rooms of somebody, in no order.
    pub(super) fn of(&self, user_id: &str) -> Vec<RoomName> {
        let rooms = self.0.get(user_id);
        rooms.map_or_else(Vec::new, |rooms| rooms.iter().cloned().collect())
    }

    /// Of how many users anything is kept.
    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_somebody_who_is_in_no_room() {
        let memberships = Memberships::default();
        let (ada, room): (Arc<str>, RoomName) = ("u1".into(), "p-1".parse().unwrap());
        memberships.add(&ada, &room);
        memberships.add(&ada, &room);
        assert_eq!((memberships.count("u1"), memberships.count("u2")), (1, 0));
        assert_eq!(memberships.of("u1"), std::slice::from_ref(&room));
        memberships.remove("u2", &room);
        memberships.remove("u1", &room);
        assert_eq!((memberships.of("u1"), memberships.users()), (vec![], 0));
    }
}
