//! What every instance does each second: it shows a sign of life, makes good
//! what failed before, and clears up after those whose time is over, be it a
//! user or an instance. Any instance may do any of the clearing up, several at
//! once too; nothing is told twice, because each step is one script.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use redis::Script;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::{
    RedisBroker,
    link::{Ask, Live},
    new_incarnation,
    presence::USERS_AT_ONCE,
    scripts,
};
use crate::{
    broker::{BrokerError, clock::whole_ms, locked::locked},
    protocol::name::RoomName,
};

/// How many rooms are cleared up in one go.
const ROOMS_AT_ONCE: usize = 100;
/// How many dead instances are looked at in one go.
const INSTANCES_AT_ONCE: usize = 10;
/// How many rooms are gone over again in one round, only to be sure.
const CHECKED_AT_ONCE: usize = 20;
/// When a room that was taken and not settled comes up again.
const AGAIN_MS: u64 = 2_000;

/// Runs the rounds as long as the broker is there.
pub(super) async fn run(broker: Weak<RedisBroker>, period: Duration) {
    let mut rounds = interval(period);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The server history in which the wishes were made true.
    let mut server = None;
    loop {
        rounds.tick().await;
        let Some(broker) = broker.upgrade() else {
            return;
        };
        let Ok(live) = broker.link.live() else {
            continue;
        };
        let started = Instant::now();
        if let Err(error) = broker.round(&live, &mut server, period).await {
            debug!(%error, "a round of upkeep was cut short");
        }
        let took = started.elapsed();
        if took > broker.settings.lease / 2 {
            warn!(?took, "a round of upkeep took long");
        }
    }
}

impl RedisBroker {
    async fn round(
        &self,
        live: &Live,
        server: &mut Option<String>,
        period: Duration,
    ) -> Result<(), BrokerError> {
        self.show_life(live).await?;
        if server.as_ref() != Some(&live.server) {
            // Another server, or the same one with what it had on disk: what
            // was written last may be missing.
            if server.replace(live.server.clone()).is_some() {
                self.wishes.reopen_all();
            }
        }
        self.wishes
            .reopen_older(self.presence_ttl() / 4, CHECKED_AT_ONCE);
        let deadline = Instant::now() + period;
        for room in self.wishes.open_rooms() {
            match self.make_true(&room).await {
                // One room with something odd in it does not hold up the rest.
                Ok(()) | Err(BrokerError::Unexpected(_)) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                self.show_life(live).await?;
                return Ok(());
            }
        }
        let strays = std::mem::take(&mut *locked(&self.strays));
        for (room, instance) in strays {
            if let Err(error) = self.vacate(live, &room, &instance, 0).await {
                debug!(%room, %error, "stray seats could not be given up yet");
                locked(&self.strays).push((room, instance));
            }
        }
        self.listed
            .retain(|_, listed| listed.elapsed() < super::LIST_EVERY);
        // After an outage everybody has had time to come back before anybody
        // is declared gone.
        if live.since.elapsed() < self.settings.lease + self.settings.grace {
            return Ok(());
        }
        self.bury_instances(live, deadline).await?;
        self.end_due(live, deadline).await
    }

    /// Renews the lease. If it is gone, others may have taken this instance
    /// for dead: it goes on under another name and says anew who is here.
    async fn show_life(&self, live: &Live) -> Result<(), BrokerError> {
        let instance = locked(&self.incarnation).clone();
        if self.take_lease(live, &instance).await? || self.lease(live, &instance, false).await? {
            return Ok(());
        }
        let reborn = new_incarnation(&self.settings.instance);
        info!(was = %instance, now = %reborn, "the lease was gone; its users are registered again");
        reborn.clone_into(&mut locked(&self.incarnation));
        self.wishes.reopen_all();
        self.take_lease(live, &reborn).await?;
        Ok(())
    }

    /// Takes the lease of an incarnation, if it has none yet. This comes before
    /// its first seat: what no lease stands for would never be cleared up.
    pub(super) async fn take_lease(
        &self,
        live: &Live,
        instance: &str,
    ) -> Result<bool, BrokerError> {
        if locked(&self.leased).as_deref() == Some(instance) {
            return Ok(false);
        }
        self.lease(live, instance, true).await?;
        *locked(&self.leased) = Some(instance.to_owned());
        Ok(true)
    }

    async fn lease(&self, live: &Live, instance: &str, new: bool) -> Result<bool, BrokerError> {
        let mut script = scripts::LEASE.key(self.keys.lease(instance));
        script
            .key(self.keys.instances())
            .arg(instance)
            .arg(whole_ms(self.settings.lease).max(1))
            .arg(u8::from(new));
        live.run(Ask::Write, &script).await
    }

    /// Gives up the seats of instances whose lease is over.
    async fn bury_instances(&self, live: &Live, deadline: Instant) -> Result<(), BrokerError> {
        let mut script = scripts::LAPSED.key(self.keys.instances());
        let dead: Vec<(String, u64)> = live.run(Ask::Read, script.arg(INSTANCES_AT_ONCE)).await?;
        for (instance, ended) in dead {
            // The grace period counts from the end of the lease, so that
            // nobody stays longer because there is much to clear up.
            loop {
                let mut some = redis::cmd("SRANDMEMBER");
                some.arg(self.keys.rooms_of(&instance)).arg(ROOMS_AT_ONCE);
                let rooms: Vec<String> = live.command(Ask::Read, &some).await?;
                if rooms.is_empty() {
                    self.forget_instance(live, &instance).await?;
                    break;
                }
                for room in rooms {
                    if let Ok(room) = room.parse::<RoomName>() {
                        self.vacate(live, &room, &instance, ended).await?;
                    }
                    let mut done = redis::cmd("SREM");
                    done.arg(self.keys.rooms_of(&instance)).arg(room);
                    live.command::<u64>(Ask::Write, &done).await?;
                }
                if Instant::now() >= deadline {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn forget_instance(&self, live: &Live, instance: &str) -> Result<(), BrokerError> {
        info!(instance, "an instance is gone; its users were given up");
        let mut forget = redis::cmd("ZREM");
        forget.arg(self.keys.instances()).arg(instance);
        live.command(Ask::Write, &forget).await
    }

    /// Ends grace periods and poll seats whose time is over.
    async fn end_due(&self, live: &Live, deadline: Instant) -> Result<(), BrokerError> {
        loop {
            let mut take = self.on_due(&scripts::TAKE);
            take.arg(ROOMS_AT_ONCE).arg(AGAIN_MS);
            let taken: Vec<(String, String)> = live.run(Ask::Write, &take).await?;
            let full = taken.len() == ROOMS_AT_ONCE;
            for (room, turn) in taken {
                let mut next = "0".to_owned();
                if let Ok(room) = room.parse::<RoomName>() {
                    let mut reap = self.on_roster(&scripts::REAP, &room);
                    next = match live.run(Ask::Write, reap.arg(USERS_AT_ONCE)).await {
                        Ok(next) => next,
                        // It comes up again; the others are not held up.
                        Err(BrokerError::Unexpected(_)) => continue,
                        Err(error) => return Err(error),
                    };
                }
                let mut settle = self.on_due(&scripts::SETTLE);
                settle.arg(room).arg(turn).arg(next);
                let _: u64 = live.run(Ask::Write, &settle).await?;
            }
            if !full || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    fn on_due(&self, script: &'static Script) -> redis::ScriptInvocation<'static> {
        let mut call = script.prepare_invoke();
        for key in self.keys.due() {
            call.key(key);
        }
        call
    }
}
