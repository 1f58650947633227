//! The part of the contract that is about people rather than rooms: who may be in
//! which private room, what somebody is called, and how far everybody has read.
//!
//! What holds for every broker:
//!
//! * **Its people are all who may know.** A private room begins with the people
//!   it was made with. Nothing but [`People::admit`] adds to them, and nothing
//!   else brings the room into being.
//! * **The list is the truth.** What else is kept of it, such as the rooms of a
//!   user, is compared with it before anybody sees it.
//! * **Nobody left, nothing left.** With the last of its people the log goes. Of a
//!   room that is not that of two, it is known within the dedupe window that it was
//!   there: whoever asks once more for what they made does not make it anew.

use std::time::Duration;

use async_trait::async_trait;

use super::{BrokerError, DedupeKey, Presence, RosterHead};
use crate::protocol::{
    entry::Fields,
    name::{RoomName, SendKey},
    position::Position,
    user::User,
};

/// In so many private rooms one user may be.
pub const PRIVATE_ROOMS: usize = 500;
/// Into so many of them others may put somebody who never comes into them.
pub const FOREIGN_ROOMS: usize = 100;
/// Of so many rooms it is kept how far a user has read.
pub const MARKS: usize = 1_000;
/// How long that is kept.
pub const MARKS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is kept what somebody who was here is called.
pub const NAMES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who may be in private rooms.
#[async_trait]
pub trait People: Send + Sync {
    /// Lets people into a private room, and makes it if it is to be made. Each
    /// one who was let into a room that was there gets an `invited` entry in its
    /// log, and so does everybody but the maker of a new one with a title.
    ///
    /// To make a private room that is there lets nobody in: whoever is one of its
    /// people asks again for what they made.
    ///
    /// One step for the room and its log. Fails with
    /// [`BrokerError::NoSuchRoom`] if the room is closed, or if it is absent and
    /// not to be made, or if all its people left it within the dedupe window (but
    /// for that of two), or if whoever lets them in is not one of its people; with
    /// [`BrokerError::TooManyRooms`] if somebody who is not in it yet is in
    /// [`PRIVATE_ROOMS`], or was put into [`FOREIGN_ROOMS`] by others.
    async fn admit(&self, room: &RoomName, admission: Admission) -> Result<Admitted, BrokerError>;

    /// What a private room is called that somebody makes under a key: as it was
    /// named for that key within the dedupe window, or else as is proposed here,
    /// and from now on. Without a proposal, nothing is changed. Fails with
    /// [`BrokerError::KeyReused`] if the key stands for another room.
    async fn name_for(
        &self,
        making: &Making,
        proposed: Option<&RoomName>,
    ) -> Result<Option<RoomName>, BrokerError>;

    /// Notes that people know where they were let in: no later admission names
    /// them as [`Admitted::untold`] for it. Who was let in anew since does not know
    /// of that.
    async fn told(&self, room: &RoomName, people: &[Untold]) -> Result<(), BrokerError>;

    /// Somebody comes into a private room: from now on it is one of their own,
    /// whoever let them in, and they know of it, as [`People::told`] notes.
    async fn come_in(&self, room: &RoomName, user_id: &str) -> Result<(), BrokerError>;

    /// Takes somebody out of a private room; the log says so. Returns false if
    /// they were not in it.
    async fn forget(&self, room: &RoomName, user: &User) -> Result<bool, BrokerError>;

    /// Whether somebody is one of a private room's people.
    async fn is_one_of(&self, room: &RoomName, user_id: &str) -> Result<bool, BrokerError>;

    /// The people of a private room, sorted by name.
    async fn people(&self, room: &RoomName) -> Result<Vec<User>, BrokerError>;

    /// The open private rooms of a user, at most [`PRIVATE_ROOMS`]. `names` is how
    /// many people are named in all, beside those of direct rooms.
    async fn private_rooms(
        &self,
        user_id: &str,
        names: usize,
    ) -> Result<Vec<PrivateRoom>, BrokerError>;

    /// Remembers what people are called, each with the skeleton of the name, so
    /// that others can invite them.
    async fn note_names(&self, people: &[(String, User)]) -> Result<(), BrokerError>;

    /// Who is called that: whoever holds the name, or else who was last seen
    /// under it. In the order asked.
    async fn named(&self, skeletons: &[String]) -> Result<Vec<Option<User>>, BrokerError>;
}

/// How far everybody has read.
#[async_trait]
pub trait Marks: Presence {
    /// Notes that somebody has read up to a position. Returns false, and changes
    /// nothing, if they had read so far already.
    async fn mark_read(
        &self,
        room: &RoomName,
        user_id: &str,
        position: Position,
    ) -> Result<bool, BrokerError>;

    /// How far somebody has read; `0-0` if that is not known.
    async fn read_mark(&self, room: &RoomName, user_id: &str) -> Result<Position, BrokerError>;

    /// What somebody who comes in is told: how many are there, and how far they
    /// have read. One question where the broker can answer both at once.
    async fn arrival(
        &self,
        room: &RoomName,
        user_id: &str,
    ) -> Result<(RosterHead, Position), BrokerError> {
        let head = self.count(room).await?;
        Ok((head, self.read_mark(room, user_id).await?))
    }
}

/// Who is to be let in where, and by whom.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who lets them in.
    pub by: User,
    /// Who is let in.
    pub users: Vec<User>,
    /// What a room that is not there yet is called; none if it must be there.
    pub make: Option<String>,
}

/// What somebody wants to make, and under which key.
#[derive(Clone, Debug)]
pub struct Making {
    /// The key, and whose it is.
    pub key: DedupeKey,
    /// What was asked for, in the words of whoever asked.
    pub asked: Fields,
}

/// What became of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What the room is called.
    pub title: String,
    /// Those who were not in it before.
    pub added: Vec<User>,
    /// Those of the named who may not know yet that they are in it: the new ones,
    /// and those who were let in earlier by somebody who did not come to say so.
    pub untold: Vec<Untold>,
}

/// Somebody who may not know yet that they were let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Who.
    pub user: User,
    /// What this letting in is called; the next one of the same user is called
    /// otherwise.
    pub admission: String,
}

impl Admitted {
    /// The key under which the untold are told, so that whoever tells the same
    /// people of the same admission once more tells nobody twice.
    pub fn news(&self, room: &RoomName) -> DedupeKey {
        let mut parts: Vec<[&str; 2]> = self
            .untold
            .iter()
            .map(|untold| [&*untold.user.id, &*untold.admission])
            .collect();
        parts.sort_unstable();
        DedupeKey {
            user_id: room.as_str().into(),
            key: SendKey::made_of(parts.as_flattened()),
        }
    }
}

/// A private room, as one of its people sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateRoom {
    /// Its name.
    pub name: RoomName,
    /// Its title; empty if it has none.
    pub title: String,
    /// How many users are in it right now.
    pub count: u64,
    /// Its people, or some of them, sorted by name.
    pub people: Vec<User>,
}

/// Keeps so many names in all; rooms beyond that are listed without their people,
/// but for those of two.
pub(super) fn name_some(mut rooms: Vec<PrivateRoom>, names: usize) -> Vec<PrivateRoom> {
    let mut left = names;
    for room in &mut rooms {
        match left.checked_sub(room.people.len()) {
            Some(rest) => left = rest,
            None if room.name.is_direct() => {}
            None => room.people.clear(),
        }
    }
    rooms
}
