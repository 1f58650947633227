//! The names of everything that is kept in Redis. All keys of one room share
//! its hash tag, so that they lie in one slot of a Redis Cluster; a room's name
//! cannot contain what would mean something in a key.

use crate::{broker::DedupeKey, protocol::name::RoomName};

/// The form in which this release writes keys, values and scripts. A release
/// that writes another one takes another number.
const FORMAT: u32 = 1;

/// Makes key names under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: format!("{prefix}{FORMAT}:"),
        }
    }

    fn of(&self, room: &RoomName, what: &str) -> String {
        format!("{}{{{room}}}:{what}", self.prefix)
    }

    /// The channel on which a room's events travel.
    pub(super) fn channel(&self, room: &RoomName) -> String {
        self.of(room, "events")
    }

    /// What is said about the room, its log, and what became of the messages in
    /// it.
    pub(super) fn log(&self, room: &RoomName) -> [String; 3] {
        ["meta", "log", "folds"].map(|what| self.of(room, what))
    }

    /// What became of a send key.
    pub(super) fn sent(&self, room: &RoomName, key: &DedupeKey) -> String {
        let (user, key) = (&key.user_id, key.key.as_str());
        self.of(room, &format!("key:{user}:{key}"))
    }

    /// Who may be in a private room.
    pub(super) fn people(&self, room: &RoomName) -> String {
        self.of(room, "people")
    }

    /// Those of them who may not know it yet, and what their letting in is called.
    pub(super) fn untold(&self, room: &RoomName) -> String {
        self.of(room, "untold")
    }

    /// That a private room was there, and that all of its people left it.
    pub(super) fn gone(&self, room: &RoomName) -> String {
        self.of(room, "gone")
    }

    /// The keys of a room's presence, in the order the scripts name them.
    pub(super) fn roster(&self, room: &RoomName) -> [String; 5] {
        ["users", "holders", "polls", "grace", "version"].map(|what| self.of(room, what))
    }

    /// The users whom an instance holds in a room.
    pub(super) fn held(&self, room: &RoomName, instance: &str) -> String {
        self.of(room, &format!("at:{instance}"))
    }

    /// The lease of an instance.
    pub(super) fn lease(&self, instance: &str) -> String {
        format!("{}{{!instances}}:lease:{instance}", self.prefix)
    }

    /// All instances, by the end of their lease.
    pub(super) fn instances(&self) -> String {
        format!("{}{{!instances}}:all", self.prefix)
    }

    /// The rooms in which an instance holds users.
    pub(super) fn rooms_of(&self, instance: &str) -> String {
        format!("{}{{!instances}}:rooms:{instance}", self.prefix)
    }

    /// The rooms in which somebody's time is over soon, their turns, and the
    /// last turn given.
    pub(super) fn due(&self) -> [String; 3] {
        ["rooms", "turns", "turn"].map(|what| format!("{}{{!due}}:{what}", self.prefix))
    }

    /// The directory of rooms.
    pub(super) fn directory(&self) -> String {
        format!("{}rooms", self.prefix)
    }

    /// A name in use.
    pub(super) fn name(&self, skeleton: &str) -> String {
        format!("{}name:{skeleton}", self.prefix)
    }

    /// Who was last seen under a name.
    pub(super) fn seen(&self, skeleton: &str) -> String {
        format!("{}seen:{skeleton}", self.prefix)
    }

    /// What the private room is called that somebody made under a key.
    pub(super) fn made(&self, key: &DedupeKey) -> String {
        let (user, key) = (&key.user_id, key.key.as_str());
        format!("{}made:{user}:{key}", self.prefix)
    }

    /// The private rooms of a user, by when they came in, or else were let in.
    pub(super) fn private_rooms(&self, user_id: &str) -> String {
        format!("{}private:{user_id}", self.prefix)
    }

    /// How far a user has read in which room.
    pub(super) fn marks(&self, user_id: &str) -> String {
        format!("{}read:{user_id}", self.prefix)
    }

    /// A polling client.
    pub(super) fn poller(&self, connection: &str) -> String {
        format!("{}poller:{connection}", self.prefix)
    }

    /// The channel on which an instance hears its own probes.
    pub(super) fn probe(&self, instance: &str) -> String {
        format!("{}probe:{instance}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_room_share_its_hash_tag() {
        let keys = Keys::new("hubbub:");
        let den: RoomName = "den".parse().unwrap();
        let sent = DedupeKey {
            user_id: "u{1}".into(),
            key: "k".parse().unwrap(),
        };
        let all = keys.log(&den).into_iter().chain(keys.roster(&den)).chain([
            keys.channel(&den),
            keys.people(&den),
            keys.untold(&den),
            keys.gone(&den),
            keys.held(&den, "a"),
            keys.sent(&den, &sent),
        ]);
        for key in all {
            assert!(key.starts_with("hubbub:1:{den}:"), "{key}");
        }
    }
}
