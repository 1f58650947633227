//! Who may be in private rooms, and how far everybody has read, in memory.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use serde_json::json;

use super::{EmbeddedBroker, log::Log, rooms::Room};
use crate::{
    broker::{
        Admission, Admitted, BrokerError, Draft, Making, Marks, People, PrivateRoom, Untold,
        clock::wall_ms,
        digest::digest_of,
        people::{self, FOREIGN_ROOMS, NAMES_KEPT, PRIVATE_ROOMS},
    },
    protocol::{
        entry::{Fields, Kind},
        name::{PEOPLE, RoomName},
        position::Position,
        user::User,
    },
};

#[async_trait]
impl People for EmbeddedBroker {
    async fn admit(&self, room: &RoomName, admission: Admission) -> Result<Admitted, BrokerError> {
        for user in &admission.users {
            let foreign = self.rooms_of(&user.id, |_, kept| {
                let is_open = kept.log.as_ref().is_some_and(|log| !log.closed);
                (is_open && kept.foreign_to.contains(&user.id)).then_some(())
            });
            let is_full = self.memberships.count(&user.id) >= PRIVATE_ROOMS
                || (foreign.len() >= FOREIGN_ROOMS && user.id != admission.by.id);
            if is_full && !self.is_one_of(room, &user.id).await? {
                return Err(BrokerError::TooManyRooms(user.name.to_string()));
            }
        }
        self.rooms
            .with(room, |kept| self.admit_locked(room, kept, admission))
    }

    async fn name_for(
        &self,
        making: &Making,
        proposed: Option<&RoomName>,
    ) -> Result<Option<RoomName>, BrokerError> {
        let (now, until) = (
            self.stopwatch.ms(),
            self.deadline(self.settings.dedupe_window),
        );
        let asked = digest_of("create", &making.asked);
        let made = self.names.made(&making.key, proposed, &asked, now, until);
        match made {
            Some((_, digest)) if digest != asked => Err(BrokerError::KeyReused),
            made => Ok(made.map(|(name, _)| name)),
        }
    }

    async fn told(&self, room: &RoomName, people: &[Untold]) -> Result<(), BrokerError> {
        self.rooms.look(room, |kept| {
            for Untold { user, admission } in people {
                let is_it = |kept: &u64| kept.to_string() == *admission;
                if kept.untold.get(&user.id).is_some_and(is_it) {
                    kept.untold.remove(&user.id);
                }
            }
        });
        Ok(())
    }

    async fn come_in(&self, room: &RoomName, user_id: &str) -> Result<(), BrokerError> {
        self.rooms.look(room, |kept| {
            kept.foreign_to.remove(user_id);
            kept.untold.remove(user_id);
        });
        Ok(())
    }

    async fn forget(&self, room: &RoomName, user: &User) -> Result<bool, BrokerError> {
        let forgotten = self.rooms.with(room, |kept| {
            if kept.people.remove(&user.id).is_none() {
                return Ok(false);
            }
            self.memberships.remove(&user.id, room);
            kept.foreign_to.remove(&user.id);
            kept.untold.remove(&user.id);
            if kept.people.is_empty() {
                kept.log = None;
                if !room.is_direct() {
                    let until = self.deadline(self.settings.dedupe_window);
                    self.names.bury(room, until);
                }
                // Whoever makes the room again starts a later epoch.
                self.epoch.fetch_max(wall_ms(), Ordering::Relaxed);
                self.epoch.fetch_add(1, Ordering::Relaxed);
                return Ok(true);
            }
            let gone = entry(Kind::Departed, &json!({"user": user}));
            match self.append_locked(room, kept, gone) {
                // A room that the operator closed takes no entries.
                Ok(_) | Err(BrokerError::NoSuchRoom) => Ok(true),
                Err(other) => Err(other),
            }
        })?;
        self.marks.drop_mark(&user.id, room);
        Ok(forgotten)
    }

    async fn is_one_of(&self, room: &RoomName, user_id: &str) -> Result<bool, BrokerError> {
        let found = self
            .rooms
            .look(room, |kept| kept.people.contains_key(user_id));
        Ok(found.unwrap_or(false))
    }

    async fn people(&self, room: &RoomName) -> Result<Vec<User>, BrokerError> {
        let people = self.rooms.look(room, |kept| sorted(kept));
        Ok(people.unwrap_or_default())
    }

    async fn private_rooms(
        &self,
        user_id: &str,
        names: usize,
    ) -> Result<Vec<PrivateRoom>, BrokerError> {
        let mut rooms = self.rooms_of(user_id, |name, room| {
            let log = room.log.as_ref().filter(|log| !log.closed)?;
            let line = PrivateRoom {
                name: name.clone(),
                title: log.title.clone(),
                count: room.roster.head().count,
                people: sorted(room),
            };
            Some((log.active_at, line))
        });
        rooms.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.name.cmp(&right.name)));
        let rooms = rooms.into_iter().map(|(_, room)| room);
        Ok(people::name_some(rooms.collect(), names))
    }

    async fn note_names(&self, people: &[(String, User)]) -> Result<(), BrokerError> {
        let until = self.deadline(NAMES_KEPT);
        for (skeleton, user) in people {
            self.names.note(skeleton, user, self.stopwatch.ms(), until);
        }
        Ok(())
    }

    async fn named(&self, skeletons: &[String]) -> Result<Vec<Option<User>>, BrokerError> {
        let now = self.stopwatch.ms();
        let who = skeletons.iter().map(|name| self.names.who(name, now));
        Ok(who.collect())
    }
}

#[async_trait]
impl Marks for EmbeddedBroker {
    async fn mark_read(
        &self,
        room: &RoomName,
        user_id: &str,
        position: Position,
    ) -> Result<bool, BrokerError> {
        let now = self.stopwatch.ms();
        Ok(self.marks.set(user_id, room, position, now))
    }

    async fn read_mark(&self, room: &RoomName, user_id: &str) -> Result<Position, BrokerError> {
        Ok(self.marks.get(user_id, room))
    }
}

impl EmbeddedBroker {
    fn admit_locked(
        &self,
        name: &RoomName,
        room: &mut Room,
        admission: Admission,
    ) -> Result<Admitted, BrokerError> {
        let Admission { by, users, make } = admission;
        let is_new = room.log.is_none();
        let may_be = match &room.log {
            Some(log) if log.closed => false,
            Some(_) => (make.is_some() && name.is_direct()) || room.people.contains_key(&by.id),
            None => make.is_some() && !self.names.is_buried(name, self.stopwatch.ms()),
        };
        if !may_be {
            return Err(BrokerError::NoSuchRoom);
        }
        // Whoever makes what is there asks again for what they made.
        let lets_in = is_new || make.is_none() || name.is_direct();
        let added: Vec<User> = users
            .iter()
            .filter(|user| lets_in && !room.people.contains_key(&user.id))
            .cloned()
            .collect();
        if room.people.len() + added.len() > PEOPLE {
            return Err(BrokerError::RoomFull);
        }
        if is_new {
            let terms = self.terms();
            let mut log = Log::new(self.epoch.load(Ordering::Relaxed), terms.at, terms.now);
            log.title = make.unwrap_or_default();
            room.log = Some(log);
        }
        let admission = self.admissions.fetch_add(1, Ordering::Relaxed);
        let new = added.iter().map(|user| (Arc::clone(&user.id), admission));
        room.untold.extend(new);
        let untold = users.iter().filter_map(|user| {
            room.untold.get(&user.id).map(|admission| Untold {
                user: user.clone(),
                admission: admission.to_string(),
            })
        });
        let untold = untold.collect();
        for user in users.into_iter().filter(|_| lets_in) {
            self.memberships.add(&user.id, name);
            room.people.insert(Arc::clone(&user.id), user);
        }
        let foreign = added.iter().filter(|user| user.id != by.id);
        room.foreign_to
            .extend(foreign.map(|user| Arc::clone(&user.id)));
        for user in &added {
            if !is_new || (!name.is_direct() && user.id != by.id) {
                let invited = entry(Kind::Invited, &json!({"by": by, "user": user}));
                self.append_locked(name, room, invited)?;
            }
        }
        let title = room.log.as_ref().map(|log| log.title.clone());
        Ok(Admitted {
            title: title.unwrap_or_default(),
            added,
            untold,
        })
    }

    /// What is picked of the private rooms of a user.
    fn rooms_of<R>(&self, user_id: &str, pick: impl Fn(&RoomName, &Room) -> Option<R>) -> Vec<R> {
        let rooms = self.memberships.of(user_id);
        let picked = rooms.iter().filter_map(|name| {
            let look =
                |room: &mut Room| pick(name, room).filter(|_| room.people.contains_key(user_id));
            self.rooms.look(name, look)?
        });
        picked.collect()
    }
}

fn entry(kind: Kind, fields: &serde_json::Value) -> Draft {
    Draft {
        kind,
        fields: Fields::of(fields),
        key: None,
        may_create: false,
    }
}

fn sorted(room: &Room) -> Vec<User> {
    let mut people: Vec<User> = room.people.values().cloned().collect();
    people.sort_by(|left, right| left.name.cmp(&right.name));
    people
}
