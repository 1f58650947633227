//! Who is in which room, in Redis.

use async_trait::async_trait;
use redis::ScriptInvocation;
use tokio::time::timeout;
use tracing::debug;

use super::{
    RedisBroker,
    link::{Ask, Live},
    scripts,
};
use crate::{
    broker::{
        BrokerError, Departure, Presence, Roster, RosterHead, Seat, clock::whole_ms, locked::locked,
    },
    protocol::{name::RoomName, user::User},
};

/// How many users a script takes in one call.
pub(super) const USERS_AT_ONCE: usize = 500;
/// In how many rooms it is counted in one go who is there.
const ROOMS_AT_ONCE: usize = 200;

#[async_trait]
impl Presence for RedisBroker {
    async fn enter(
        &self,
        room: &RoomName,
        user: &User,
        seat: &Seat,
    ) -> Result<Option<RosterHead>, BrokerError> {
        match seat {
            Seat::Poll(connection) => {
                let period = whole_ms(self.settings.poll_deadline);
                let live = self.link.live()?;
                let mut script = self.on_roster(&scripts::ENTER, room);
                script.arg(connection.as_ref()).arg(period);
                script.arg(user.id.as_ref()).arg(json(user));
                let (due, head) = entered(live.run(Ask::Write, &script).await?);
                self.enlist(&live, room, &due).await?;
                Ok(Some(head))
            }
            Seat::Instance => {
                let Some(number) = self.wishes.enter(room, user) else {
                    return Ok(None);
                };
                let made = self.make_true_soon(room).await;
                if self.wishes.came_true(room, user, number) {
                    return Ok(self.wishes.head(room));
                }
                made.and(Err(BrokerError::Unavailable))
            }
        }
    }

    async fn leave(&self, room: &RoomName, user: &User, seat: &Seat, departure: Departure) {
        let outcome = match seat {
            Seat::Poll(connection) => self.leave_poll(room, user, connection, departure).await,
            Seat::Instance => {
                self.wishes.leave(room, user, departure);
                self.make_true_soon(room).await
            }
        };
        // A seat of the instance is given up again by the next round of upkeep,
        // a poll seat by its deadline.
        if let Err(error) = outcome {
            debug!(%room, %error, "a seat could not be given up yet");
        }
    }

    async fn members(&self, room: &RoomName) -> Result<Roster, BrokerError> {
        self.read_members(room, -1).await
    }

    async fn some_members(&self, room: &RoomName, most: usize) -> Result<Roster, BrokerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read_members(room, most).await
    }

    async fn count(&self, room: &RoomName) -> Result<RosterHead, BrokerError> {
        let live = self.link.live()?;
        let mut script = self.on_members(room);
        let (version, count, _): (u64, u64, Vec<String>) =
            live.run(Ask::Read, script.arg(0)).await?;
        Ok(RosterHead { version, count })
    }

    async fn counts(&self, rooms: &[RoomName]) -> Result<Vec<RosterHead>, BrokerError> {
        let mut heads = Vec::with_capacity(rooms.len());
        for some in rooms.chunks(ROOMS_AT_ONCE) {
            let live = self.link.live()?;
            let mut pipe = redis::pipe();
            for room in some {
                let [users, .., version] = self.keys.roster(room);
                pipe.cmd("EVALSHA").arg(scripts::MEMBERS.get_hash());
                pipe.arg(2).arg(users).arg(version).arg(0);
            }
            let answers: Vec<(u64, u64, Vec<String>)> = live.pipe(Ask::Read, &pipe).await?;
            let answers = answers.into_iter();
            heads.extend(answers.map(|(version, count, _)| RosterHead { version, count }));
        }
        Ok(heads)
    }
}

/// What the script that takes seats answers: when somebody's time is over
/// next, and how many are there.
fn entered((due, version, count): (String, u64, u64)) -> (String, RosterHead) {
    (due, RosterHead { version, count })
}

fn json(user: &User) -> String {
    // Two strings always serialise.
    serde_json::to_string(user).unwrap_or_default()
}

impl RedisBroker {
    fn on_members(&self, room: &RoomName) -> ScriptInvocation<'static> {
        let [users, .., version] = self.keys.roster(room);
        let mut call = scripts::MEMBERS.prepare_invoke();
        call.key(users).key(version);
        call
    }

    /// A script on a room's presence, with what they all take.
    pub(super) fn on_roster<'a>(
        &self,
        script: &'a redis::Script,
        room: &RoomName,
    ) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        for key in self.keys.roster(room) {
            call.key(key);
        }
        call.arg(self.keys.channel(room))
            .arg(whole_ms(self.presence_ttl()));
        call
    }

    async fn leave_poll(
        &self,
        room: &RoomName,
        user: &User,
        connection: &str,
        departure: Departure,
    ) -> Result<(), BrokerError> {
        let live = self.link.live()?;
        let mut script = self.on_roster(&scripts::LEAVE, room);
        script.arg(connection).arg(self.period(departure));
        script.arg(user.id.as_ref());
        let due: String = live.run(Ask::Write, &script).await?;
        self.enlist(&live, room, &due).await
    }

    /// The grace period as the scripts read it: none at all means at once.
    fn period(&self, departure: Departure) -> String {
        match departure {
            Departure::Now => String::new(),
            Departure::Grace => whole_ms(self.settings.grace).to_string(),
        }
    }

    /// Who is there: at most so many, or everybody (-1).
    async fn read_members(&self, room: &RoomName, most: i64) -> Result<Roster, BrokerError> {
        let live = self.link.live()?;
        let mut script = self.on_members(room);
        let (version, count, users): (u64, u64, Vec<String>) =
            live.run(Ask::Read, script.arg(most)).await?;
        let mut members: Vec<User> = users
            .iter()
            .filter_map(|user| serde_json::from_str(user).ok())
            .collect();
        members.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(Roster {
            version,
            count,
            members,
        })
    }

    /// Sees to it that somebody looks at the room when `due` has come.
    pub(super) async fn enlist(
        &self,
        live: &Live,
        room: &RoomName,
        due: &str,
    ) -> Result<(), BrokerError> {
        if due == "0" {
            return Ok(());
        }
        let mut script = scripts::ENLIST.prepare_invoke();
        for key in self.keys.due() {
            script.key(key);
        }
        live.run(Ask::Write, script.arg(room.as_str()).arg(due))
            .await
    }

    /// [`Self::make_true`], but not for ever: somebody waits. What is cut short
    /// is taken up by the next round of upkeep.
    async fn make_true_soon(&self, room: &RoomName) -> Result<(), BrokerError> {
        timeout(2 * self.settings.patience, self.make_true(room))
            .await
            .unwrap_or(Err(BrokerError::Timeout))
    }

    /// Brings Redis in line with what this instance wants of a room.
    pub(super) async fn make_true(&self, room: &RoomName) -> Result<(), BrokerError> {
        let _turn = self.turns.take(room).await;
        let live = self.link.live()?;
        loop {
            let todo = self.wishes.todo(room, USERS_AT_ONCE);
            let instance = locked(&self.incarnation).clone();
            if todo.announce {
                self.take_lease(&live, &instance).await?;
                let key = self.keys.rooms_of(&instance);
                let mut announce = redis::pipe();
                announce.cmd("SADD").arg(&key).arg(room.as_str());
                announce
                    .cmd("PEXPIRE")
                    .arg(&key)
                    .arg(whole_ms(self.presence_ttl()));
                live.pipe::<(u64, u64)>(Ask::Write, &announce).await?;
                self.wishes.announced(room);
            }
            if !todo.enter.is_empty() {
                let mut script = self.on_roster(&scripts::ENTER, room);
                script.key(self.keys.held(room, &instance)).arg("").arg(0);
                for (_, user) in &todo.enter {
                    script.arg(user.id.as_ref()).arg(json(user));
                }
                let (_, head) = entered(live.run(Ask::Write, &script).await?);
                if *locked(&self.incarnation) != instance {
                    // The lease was found gone meanwhile: what was just written
                    // for the old incarnation must not outlive it. The wishes
                    // are made true again for the new one.
                    locked(&self.strays).push((room.clone(), instance));
                    continue;
                }
                self.wishes.know(room, head);
                let done = todo.enter.iter().map(|(number, user)| (*number, &user.id));
                self.wishes.done(room, done);
            }
            for (gone, departure) in [
                (&todo.fade, Departure::Grace),
                (&todo.leave, Departure::Now),
            ] {
                if gone.is_empty() {
                    continue;
                }
                let mut script = self.on_roster(&scripts::LEAVE, room);
                script.key(self.keys.held(room, &instance)).arg("");
                script.arg(self.period(departure));
                for (_, id) in gone {
                    script.arg(id.as_ref());
                }
                let due: String = live.run(Ask::Write, &script).await?;
                self.enlist(&live, room, &due).await?;
                let done = gone.iter().map(|(number, id)| (*number, id));
                self.wishes.done(room, done);
            }
            if todo.enter.len() + todo.fade.len() + todo.leave.len() < USERS_AT_ONCE {
                return self.forget_if_empty(&live, room, &instance).await;
            }
        }
    }

    /// Takes a room off this instance's list when nobody is left in it.
    async fn forget_if_empty(
        &self,
        live: &Live,
        room: &RoomName,
        instance: &str,
    ) -> Result<(), BrokerError> {
        if !self.wishes.forget_if_empty(room) {
            return Ok(());
        }
        let mut forget = redis::cmd("SREM");
        forget.arg(self.keys.rooms_of(instance)).arg(room.as_str());
        live.command(Ask::Write, &forget).await
    }

    /// Gives up all seats that an instance holds in a room; the users' grace
    /// period counts from when it died, by Redis's clock (0: now).
    pub(super) async fn vacate(
        &self,
        live: &Live,
        room: &RoomName,
        instance: &str,
        died: u64,
    ) -> Result<(), BrokerError> {
        loop {
            let mut script = self.on_roster(&scripts::VACATE, room);
            script.key(self.keys.held(room, instance));
            script
                .arg(died)
                .arg(whole_ms(self.settings.grace))
                .arg(USERS_AT_ONCE);
            let (left, due): (u64, String) = live.run(Ask::Write, &script).await?;
            self.enlist(live, room, &due).await?;
            if left == 0 {
                return Ok(());
            }
        }
    }
}
