//! Who may be in private rooms, in Redis: a hash for each room, which is the
//! truth, and a list for each user, which only says where to look.

use std::collections::HashSet;

use async_trait::async_trait;
use rand::Rng as _;
use redis::FromRedisValue;
use serde_json::json;

use super::{RedisBroker, link::Ask, log::parse, scripts};
use crate::{
    broker::{
        Admission, Admitted, BrokerError, Making, People, PrivateRoom, Untold,
        clock::{wall_ms, whole_ms},
        digest::{digest_of, may_be},
        people::{FOREIGN_ROOMS, NAMES_KEPT, PRIVATE_ROOMS},
    },
    protocol::{
        entry::Fields,
        name::{PEOPLE, RoomName},
        user::User,
    },
};

/// What is looked up of a private room for its line: title, closed and head; how
/// many are there; whether who asks is one of its people; and how many these are.
type Line = (
    (Option<String>, Option<String>, Option<String>),
    u64,
    bool,
    usize,
);

#[async_trait]
impl People for RedisBroker {
    async fn admit(&self, room: &RoomName, admission: Admission) -> Result<Admitted, BrokerError> {
        let own = self.check_lists(room, &admission).await?;
        let Admission { by, users, make } = admission;
        let live = self.link.live()?;
        let mut script = self.on_log(&scripts::ADMIT, room, &live);
        script
            .key(self.keys.people(room))
            .key(self.keys.untold(room))
            .key(self.keys.gone(room))
            .arg(self.settings.history)
            .arg(make.as_deref().unwrap_or_default())
            .arg(if make.is_some() { "make" } else { "" })
            .arg(if room.is_direct() { "direct" } else { "" })
            .arg(PEOPLE)
            .arg(&*by.id)
            .arg(format!("{:016x}", rand::rng().random::<u64>()));
        for user in &users {
            let invited = Fields::of(&json!({"by": by, "user": user}));
            script.arg(&*user.id).arg(write(user)).arg(invited.as_str());
        }
        let (what, title, ids, unaware): (String, String, Vec<String>, Vec<String>) =
            live.run(Ask::Write, &script).await?;
        match what.as_str() {
            "ok" => {}
            "no_such_room" => return Err(BrokerError::NoSuchRoom),
            "full" => return Err(BrokerError::RoomFull),
            _ => return Err(BrokerError::Unexpected(what)),
        }
        // Where nobody is let in who has left since, nobody is put on a list either.
        let asks_again = make.is_some() && !room.is_direct();
        let to_list = users.iter().zip(own).zip(&unaware);
        let to_list = to_list.filter(|(_, admission)| !asks_again || !admission.is_empty());
        let to_list: Vec<_> = to_list.map(|(user, _)| user).collect();
        let listed = self.put_on_lists(room, &to_list).await;
        listed.map_err(BrokerError::once_done)?;
        let is_new = |user: &User| ids.iter().any(|id| **id == *user.id);
        let unaware = users.iter().cloned().zip(unaware);
        let untold = unaware
            .filter(|(_, admission)| !admission.is_empty())
            .map(|(user, admission)| Untold { user, admission });
        Ok(Admitted {
            title,
            untold: untold.collect(),
            added: users.into_iter().filter(is_new).collect(),
        })
    }

    async fn name_for(
        &self,
        making: &Making,
        proposed: Option<&RoomName>,
    ) -> Result<Option<RoomName>, BrokerError> {
        let key = self.keys.made(&making.key);
        let asked = digest_of("create", &making.asked);
        let mut pipe = redis::pipe();
        if let Some(proposed) = proposed {
            pipe.cmd("SET")
                .arg(&key)
                .arg(format!("{proposed} {asked}"))
                .arg("NX")
                .arg("PX")
                .arg(whole_ms(self.settings.dedupe_window).max(1))
                .ignore();
        }
        pipe.cmd("GET").arg(&key);
        let ask = proposed.map_or(Ask::Read, |_| Ask::Write);
        let (made,): (Option<String>,) = self.link.live()?.pipe(ask, &pipe).await?;
        let Some(made) = made else {
            return Ok(None);
        };
        match made.split_once(' ') {
            Some((name, kept)) if may_be(kept, &asked) => parse(name).map(Some),
            _ => Err(BrokerError::KeyReused),
        }
    }

    async fn told(&self, room: &RoomName, people: &[Untold]) -> Result<(), BrokerError> {
        if people.is_empty() {
            return Ok(());
        }
        let mut script = scripts::TOLD.key(self.keys.untold(room));
        for Untold { user, admission } in people {
            script.arg(&*user.id).arg(admission);
        }
        self.link.live()?.run(Ask::Write, &script).await
    }

    async fn come_in(&self, room: &RoomName, user_id: &str) -> Result<(), BrokerError> {
        let mut script = scripts::COME_IN.key(self.keys.private_rooms(user_id));
        script.arg(room.as_str());
        // It is kept with the room, and not with the user.
        let mut strike = redis::cmd("HDEL");
        strike.arg(self.keys.untold(room)).arg(user_id);
        let live = self.link.live()?;
        let (came, known) = tokio::join!(
            live.run::<()>(Ask::Write, &script),
            live.command::<u64>(Ask::Write, &strike),
        );
        came.and(known.map(|_| ()))
    }

    async fn forget(&self, room: &RoomName, user: &User) -> Result<bool, BrokerError> {
        let live = self.link.live()?;
        let window = whole_ms(self.settings.dedupe_window).max(1);
        // Whoever is let in again before this is over is put on the list anew, and
        // that line is not ours to strike.
        let mut ask = redis::cmd("ZSCORE");
        ask.arg(self.keys.private_rooms(&user.id))
            .arg(room.as_str());
        let since: Option<String> = live.command(Ask::Read, &ask).await?;
        let mut script = self.on_log(&scripts::FORGET, room, &live);
        script
            .key(self.keys.people(room))
            .key(self.keys.untold(room))
            .key(self.keys.gone(room))
            .arg(self.settings.history)
            .arg(&*user.id)
            .arg(Fields::of(&json!({"user": user})).as_str())
            .arg(if room.is_direct() { 0 } else { window });
        let was_there: bool = live.run(Ask::Write, &script).await?;
        if let Some(since) = since {
            self.strike(&user.id, &[(room.clone(), since)]).await;
        }
        let mut unmark = redis::cmd("HDEL");
        unmark.arg(self.keys.marks(&user.id)).arg(room.as_str());
        // If it stays, they begin where they were when they are invited again.
        let _ = live.command::<u64>(Ask::Write, &unmark).await;
        Ok(was_there)
    }

    async fn is_one_of(&self, room: &RoomName, user_id: &str) -> Result<bool, BrokerError> {
        let mut ask = redis::cmd("HEXISTS");
        ask.arg(self.keys.people(room)).arg(user_id);
        self.link.live()?.command(Ask::Read, &ask).await
    }

    async fn people(&self, room: &RoomName) -> Result<Vec<User>, BrokerError> {
        let mut ask = redis::cmd("HVALS");
        ask.arg(self.keys.people(room));
        let people: Vec<String> = self.link.live()?.command(Ask::Read, &ask).await?;
        Ok(read_all(&people))
    }

    async fn private_rooms(
        &self,
        user_id: &str,
        names: usize,
    ) -> Result<Vec<PrivateRoom>, BrokerError> {
        let listed = self.list_of(user_id).await?;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for (name, _) in &listed {
            let [meta, ..] = self.keys.log(name);
            let [users, ..] = self.keys.roster(name);
            pipe.cmd("HMGET")
                .arg(meta)
                .arg(&["title", "closed", "head"]);
            pipe.cmd("HLEN").arg(users);
            pipe.cmd("HEXISTS").arg(self.keys.people(name)).arg(user_id);
            pipe.cmd("HLEN").arg(self.keys.people(name));
        }
        let answers: Vec<redis::Value> = self.link.live()?.pipe(Ask::Read, &pipe).await?;
        let mut rooms = Vec::with_capacity(listed.len());
        let (mut gone, mut left) = (Vec::new(), names);
        let mut asking = redis::pipe();
        for ((name, since), line) in listed.into_iter().zip(answers.chunks(4)) {
            let ((title, closed, head), count, is_one, size): Line =
                FromRedisValue::from_redis_value(redis::Value::Array(line.to_vec())).map_err(
                    |error: redis::ParsingError| BrokerError::Unexpected(error.to_string()),
                )?;
            if !is_one || (title.is_none() && head.is_none()) {
                gone.push((name, since));
            } else if closed.is_none() {
                let rest = left.checked_sub(size);
                let is_named = name.is_direct() || rest.is_some();
                left = rest.unwrap_or(left);
                let people = self.keys.people(&name);
                // Under no name nobody is.
                asking
                    .cmd("HVALS")
                    .arg(if is_named { people } else { String::new() });
                rooms.push(PrivateRoom {
                    name,
                    title: title.unwrap_or_default(),
                    count,
                    people: Vec::new(),
                });
            }
        }
        self.strike(user_id, &gone).await;
        if !rooms.is_empty() {
            let people: Vec<Vec<String>> = self.link.live()?.pipe(Ask::Read, &asking).await?;
            for (room, people) in rooms.iter_mut().zip(people) {
                room.people = read_all(&people);
            }
        }
        Ok(rooms)
    }

    async fn note_names(&self, people: &[(String, User)]) -> Result<(), BrokerError> {
        if people.is_empty() {
            return Ok(());
        }
        let live = self.link.live()?;
        let mut ask = redis::pipe();
        for (skeleton, _) in people {
            ask.cmd("GET").arg(self.keys.name(skeleton));
        }
        let holders: Vec<Option<String>> = live.pipe(Ask::Read, &ask).await?;
        let mut set = redis::pipe();
        for ((skeleton, user), holder) in people.iter().zip(holders) {
            if holder.is_none_or(|holder| *holder == *user.id) {
                set.cmd("SET")
                    .arg(self.keys.seen(skeleton))
                    .arg(write(user))
                    .arg("PX")
                    .arg(whole_ms(NAMES_KEPT))
                    .ignore();
            }
        }
        if set.is_empty() {
            return Ok(());
        }
        live.pipe(Ask::Write, &set).await
    }

    async fn named(&self, skeletons: &[String]) -> Result<Vec<Option<User>>, BrokerError> {
        if skeletons.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for skeleton in skeletons {
            pipe.cmd("GET").arg(self.keys.name(skeleton));
            pipe.cmd("GET").arg(self.keys.seen(skeleton));
        }
        let answers: Vec<Option<String>> = self.link.live()?.pipe(Ask::Read, &pipe).await?;
        let who = skeletons.iter().zip(answers.chunks(2));
        Ok(who
            .map(|(skeleton, answer)| {
                let (holder, seen) = (answer.first()?, answer.get(1)?);
                let seen: Option<User> = seen
                    .as_deref()
                    .and_then(|user| serde_json::from_str(user).ok());
                match holder {
                    None => seen,
                    Some(holder) => seen
                        .filter(|seen| *seen.id == **holder)
                        .or_else(|| Some(User::new(holder.as_str(), skeleton.as_str()))),
                }
            })
            .collect())
    }
}

impl RedisBroker {
    /// Keeps a private room's people for as long as its log is kept.
    pub(super) async fn keep_people(&self, room: &RoomName) -> bool {
        let mut keep = redis::cmd("PEXPIRE");
        keep.arg(self.keys.people(room)).arg(self.people_ttl());
        match self.link.live() {
            Ok(live) => live.command::<u64>(Ask::Write, &keep).await.is_ok(),
            Err(_) => false,
        }
    }

    /// A day longer than the log, as the scripts keep what is said about it.
    fn people_ttl(&self) -> u64 {
        whole_ms(self.settings.room_ttl).saturating_add(86_400_000)
    }

    /// Whether everybody has room for one more room. Returns of each whether it is
    /// one of their own: made or come into by themselves.
    async fn check_lists(
        &self,
        room: &RoomName,
        admission: &Admission,
    ) -> Result<Vec<bool>, BrokerError> {
        let Admission { by, users, .. } = admission;
        let mut pipe = redis::pipe();
        for user in users {
            let list = self.keys.private_rooms(&user.id);
            pipe.cmd("ZCARD").arg(&list);
            pipe.cmd("ZCOUNT").arg(&list).arg("-inf").arg("(0");
            pipe.cmd("ZSCORE").arg(&list).arg(room.as_str());
        }
        let answers: Vec<(usize, usize, Option<f64>)> = {
            let answers: Vec<redis::Value> = self.link.live()?.pipe(Ask::Read, &pipe).await?;
            let lines = answers.chunks(3);
            let lines = lines
                .map(|line| FromRedisValue::from_redis_value(redis::Value::Array(line.to_vec())));
            lines
                .collect::<Result<_, redis::ParsingError>>()
                .map_err(|error| BrokerError::Unexpected(error.to_string()))?
        };
        let mut own = Vec::with_capacity(users.len());
        for (user, (count, foreign, since)) in users.iter().zip(answers) {
            let is_own = user.id == by.id || since.is_some_and(|since| since > 0.0);
            own.push(is_own);
            let is_full = count >= PRIVATE_ROOMS || (!is_own && foreign >= FOREIGN_ROOMS);
            if is_full && since.is_none() {
                self.look_for_place(user, is_own).await?;
            }
        }
        Ok(own)
    }

    /// Looks whether a list that is full has place: what is gone still stands
    /// there until somebody looks.
    async fn look_for_place(&self, user: &User, is_own: bool) -> Result<(), BrokerError> {
        let rooms = self.private_rooms(&user.id, 0).await?;
        let open: HashSet<&RoomName> = rooms.iter().map(|room| &room.name).collect();
        let listed = self.list_of(&user.id).await?;
        let foreign = listed.iter().filter(|(_, since)| since.starts_with('-'));
        let foreign = foreign.filter(|(name, _)| open.contains(name)).count();
        if rooms.len() >= PRIVATE_ROOMS || (!is_own && foreign >= FOREIGN_ROOMS) {
            return Err(BrokerError::TooManyRooms(user.name.to_string()));
        }
        Ok(())
    }

    /// Puts a room on the lists of users: by the time, which is below zero for
    /// those who were let in by others and have yet to come.
    async fn put_on_lists(
        &self,
        room: &RoomName,
        users: &[(&User, bool)],
    ) -> Result<(), BrokerError> {
        if users.is_empty() {
            return Ok(());
        }
        let now = i64::try_from(wall_ms()).unwrap_or(i64::MAX);
        let mut pipe = redis::pipe();
        for (user, is_own) in users {
            let list = self.keys.private_rooms(&user.id);
            pipe.cmd("ZADD")
                .arg(&list)
                .arg(if *is_own { now } else { -now })
                .arg(room.as_str());
            pipe.cmd("PEXPIRE").arg(&list).arg(self.people_ttl());
        }
        let _: redis::Value = self.link.live()?.pipe(Ask::Write, &pipe).await?;
        Ok(())
    }

    /// The rooms on a user's list, and when they were put there, as Redis says.
    async fn list_of(&self, user_id: &str) -> Result<Vec<(RoomName, String)>, BrokerError> {
        let list = self.keys.private_rooms(user_id);
        let mut pipe = redis::pipe();
        pipe.cmd("ZREVRANGE")
            .arg(&list)
            .arg(0)
            .arg(PRIVATE_ROOMS)
            .arg("WITHSCORES");
        pipe.cmd("PEXPIRE")
            .arg(&list)
            .arg(self.people_ttl())
            .ignore();
        let (listed,): (Vec<(String, f64)>,) = self.link.live()?.pipe(Ask::Read, &pipe).await?;
        let named = listed.into_iter().filter_map(|(name, since)| {
            let name = name.parse().ok()?;
            Some((name, since.to_string()))
        });
        Ok(named.collect())
    }

    async fn strike(&self, user_id: &str, gone: &[(RoomName, String)]) {
        if gone.is_empty() {
            return;
        }
        let mut script = scripts::STRIKE.key(self.keys.private_rooms(user_id));
        for (name, since) in gone {
            script.arg(name.as_str()).arg(since);
        }
        // What stays is struck off when the list is read again.
        if let Ok(live) = self.link.live() {
            let _ = live.run::<u64>(Ask::Write, &script).await;
        }
    }
}

fn write(user: &User) -> String {
    // Two strings always serialise.
    serde_json::to_string(user).unwrap_or_default()
}

fn read_all(people: &[String]) -> Vec<User> {
    let read = people
        .iter()
        .filter_map(|user| serde_json::from_str(user).ok());
    let mut people: Vec<User> = read.collect();
    people.sort_by(|left, right| left.name.cmp(&right.name));
    people
}
