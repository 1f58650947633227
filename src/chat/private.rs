//! Private rooms on this instance: who may know of one, and what happens when
//! somebody comes into one or leaves it for good.
//!
//! To somebody who is not one of its people, a private room is a room that is not
//! there: the same answer, and nothing else of it, in every way. Whoever is asked
//! for anything about a room by its name calls [`Hub::check_access`] first. Who
//! leaves is told to all instances by the control log, and loses what it follows
//! at that moment; whoever was just coming in looks again when it is in.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    broker::{Admission, Admitted, BrokerError, DedupeKey, Departure, Draft, insist::insist},
    protocol::{
        entry::{
            Entry, Fields, Kind,
            addressed::{Forgotten, RoomAdded},
        },
        name::{RoomName, UserName},
        user::User,
    },
};

use super::{
    connection::{Connection, Pass},
    hub::Hub,
    refusal::Refusal,
    room::Room,
    sequencer::ConnectionId,
};

/// How many names are written down in one go.
const GUESTS_AT_ONCE: usize = 500;

impl Hub {
    /// Whether a user may know of a room. Nothing is asked for one that is open
    /// to everybody.
    pub async fn check_access(&self, room: &RoomName, user: &User) -> Result<(), Refusal> {
        if !room.is_private() || self.broker.is_one_of(room, &user.id).await? {
            Ok(())
        } else {
            Err(Refusal::no_such_room(room))
        }
    }

    /// Lets people into a private room, and tells those who do not know yet: the
    /// new ones, and whom an attempt before this one let in and did not tell.
    pub(super) async fn admit_people(
        &self,
        room: &RoomName,
        admission: Admission,
    ) -> Result<Admitted, Refusal> {
        let by = admission.by.clone();
        let admitted = self.broker.admit(room, admission).await?;
        if !admitted.untold.is_empty() {
            let untold = admitted.untold.iter().map(|untold| untold.user.clone());
            let mut users: Vec<User> = untold.collect();
            // The key stands for the list, in one order.
            users.sort_unstable_by(|left, right| left.id.cmp(&right.id));
            let key = Some(admitted.news(room));
            self.tell_added(room, &by, &admitted.title, &users, key)
                .await?;
            // If that is not noted they are told again, and the key says that they
            // were.
            let _ = self.broker.told(room, &admitted.untold).await;
        }
        Ok(admitted)
    }

    /// Tells people, on every instance, that they are in a private room; under a
    /// key, only once.
    pub(super) async fn tell_added(
        &self,
        room: &RoomName,
        by: &User,
        title: &str,
        users: &[User],
        key: Option<DedupeKey>,
    ) -> Result<(), BrokerError> {
        let added = RoomAdded {
            room,
            title,
            by,
            direct: room.is_direct(),
        };
        self.tell_people(Kind::RoomAdded, &added, users, key).await
    }

    /// Tells somebody, on every instance, that they left a private room; what
    /// they follow of it ends with that. It goes on by itself if it is not waited
    /// for: who asks again finds no room any more.
    pub(super) fn tell_forgotten(
        self: &Arc<Self>,
        room: &RoomName,
        user: &User,
    ) -> JoinHandle<Option<()>> {
        let (hub, room, user) = (Arc::clone(self), room.clone(), user.clone());
        self.shutdown.spawn_until_stopped(async move {
            let telling = || Arc::clone(&hub).tell_unless_back(room.clone(), user.clone());
            insist("somebody left a private room", telling).await;
        })
    }

    /// To whoever was let in again meanwhile it is no news any more.
    async fn tell_unless_back(
        self: Arc<Self>,
        room: RoomName,
        user: User,
    ) -> Result<(), BrokerError> {
        if self.broker.is_one_of(&room, &user.id).await? {
            return Ok(());
        }
        let users = std::slice::from_ref(&user);
        let forgotten = Forgotten { room: &room };
        self.tell_people(Kind::Forgotten, &forgotten, users, None)
            .await
    }

    /// Remembers what somebody is called, so that others can invite them. If the
    /// broker is away they can a little later.
    pub async fn note_name(&self, user: &User) {
        if let Ok(name) = user.name.parse::<UserName>() {
            let named = [(name.skeleton(), user.clone())];
            let _ = self.broker.note_names(&named).await;
        }
    }

    /// Remembers what somebody is called who comes by a token; written down
    /// within a second.
    pub fn note_guest(&self, pass: &Pass) {
        if pass.token.is_some() {
            self.guests.note(&pass.user);
        }
    }

    /// Writes down what guests are called.
    pub(super) async fn note_guests(&self) {
        loop {
            let guests = self.guests.take(GUESTS_AT_ONCE);
            if guests.is_empty() {
                return;
            }
            if self.broker.note_names(&guests).await.is_err() {
                // The next round will do.
                self.guests.give_back(guests);
                return;
            }
        }
    }

    /// Tells people of what is done already.
    async fn tell_people<T: serde::Serialize + Sync>(
        &self,
        kind: Kind,
        what: &T,
        users: &[User],
        key: Option<DedupeKey>,
    ) -> Result<(), BrokerError> {
        if users.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = users.iter().map(|user| &*user.id).collect();
        let draft = Draft {
            kind,
            fields: Fields::addressed(what, &ids),
            key,
            may_create: true,
        };
        let told = self.broker.append(&RoomName::control(), draft).await;
        told.map(|_| ()).map_err(BrokerError::once_done)
    }

    /// Takes an entry of the control log that is for some people: tells their
    /// sockets here. Polls follow the control log themselves.
    pub(super) fn on_addressed(self: &Arc<Self>, entry: &Entry) {
        let users = entry.addressees();
        if entry.kind == Kind::Forgotten
            && let Some(room) = entry.about().and_then(|name| self.held_room(&name))
        {
            room.forget_recent();
            for user in &users {
                self.expel_unless_back(&room, user);
            }
        }
        let frame = entry.frame(&RoomName::control());
        for user in &users {
            for connection in self.connections_of(user) {
                if connection.is_live() {
                    connection.outbox.push(frame.clone());
                }
            }
        }
    }
}

impl Hub {
    /// Lets go of what follows a room now for somebody who left it for good,
    /// unless they were let in again before the news of it came. Who begins to
    /// follow it later looks for themselves.
    fn expel_unless_back(self: &Arc<Self>, room: &Arc<Room>, user_id: &str) {
        let following = room.following(user_id);
        if following.is_empty() {
            return;
        }
        let (hub, room) = (Arc::clone(self), Arc::clone(room));
        let user_id = user_id.to_owned();
        self.spawn(async move {
            let asked = hub.broker.is_one_of(&room.name, &user_id).await;
            // If nobody can tell, the news counts.
            if !asked.unwrap_or(false) {
                room.let_go_of(&following);
            }
        });
    }
}

impl Connection {
    /// Looks again whether a room that is followed now may be. Who left for good
    /// between the first look and the following would not be found by the news
    /// of it, and follow the room for ever.
    pub(super) async fn confirm_access(&self, name: &RoomName) -> Result<(), Refusal> {
        let checked = self.hub.check_access(name, &self.user).await;
        if checked.is_err()
            && let Some(room) = self.let_go(name)
            && room.detach(self.id).is_some()
            && self.is_live()
        {
            // If the broker is away, the hub makes it good.
            let _ = room.settle(&self.user, Departure::Now).await;
        }
        checked
    }
}

impl Room {
    /// Who may be in the room, if that is not everybody, for somebody who comes
    /// in; which is noted.
    pub(super) async fn people_met_by(
        &self,
        user: &User,
    ) -> Result<Option<Vec<User>>, BrokerError> {
        if !self.name.is_private() {
            return Ok(None);
        }
        let come = self.broker.come_in(&self.name, &user.id);
        let (people, _) = tokio::join!(self.broker.people(&self.name), come);
        people.map(Some)
    }

    /// Somebody left for good. If that was the last one, all that was said in the
    /// room is gone, and no entry says so.
    fn forget_recent(&self) {
        self.lock().sequencer.forget_recent();
    }

    /// Lets go of everything of a user who left for good.
    pub(super) fn expel(&self, user_id: &str) {
        self.forget_recent();
        self.let_go_of(&self.following(user_id));
    }

    /// What follows this room for a user.
    fn following(&self, user_id: &str) -> Vec<ConnectionId> {
        let state = self.lock();
        let members = state.sequencer.members();
        let ids = members
            .filter(|follower| *follower.user.id == *user_id)
            .map(|follower| follower.id);
        ids.collect()
    }

    fn let_go_of(&self, ids: &[ConnectionId]) {
        let expelled: Vec<_> = {
            let mut state = self.lock();
            let removed = ids.iter().filter_map(|id| state.sequencer.remove(*id));
            let expelled: Vec<_> = removed.map(|(follower, _)| follower).collect();
            for follower in &expelled {
                state.note_departure(follower);
            }
            expelled
        };
        if !expelled.is_empty() {
            self.give_up_seats(&expelled);
        }
    }
}
