//! What the embedded broker does by itself: it ends grace periods and poll
//! seats, forgets what has lapsed and lets idle rooms go.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{EmbeddedBroker, rooms::Room};
use crate::{
    broker::{
        clock::{wall_ms, whole_ms},
        locked::locked,
    },
    protocol::{event::Event, name::RoomName},
};

/// How many rounds lie between two sweeps over everything.
const SWEEP_EVERY: u64 = 30;

/// When which room has somebody whose time is over.
#[derive(Debug, Default)]
pub(super) struct Agenda(Mutex<BinaryHeap<Reverse<(u64, RoomName)>>>);

impl Agenda {
    /// Sees to it that a room is looked at when `due` has come. Called under
    /// the room's lock; a room that is looked at earlier anyway is left alone,
    /// so that renewing a poll seat does not make the agenda grow.
    pub(super) fn add(&self, name: &RoomName, room: &mut Room, due: u64) {
        if room.due.is_none_or(|standing| due < standing) {
            room.due = Some(due);
            locked(&self.0).push(Reverse((due, name.clone())));
        }
    }

    fn pop_due(&self, now: u64) -> Option<(u64, RoomName)> {
        let mut agenda = locked(&self.0);
        agenda.peek().filter(|next| next.0.0 <= now)?;
        agenda.pop().map(|Reverse(entry)| entry)
    }
}

/// Starts the background task, if there is a runtime to carry it.
pub(super) fn spawn(broker: &Arc<EmbeddedBroker>) -> Option<JoinHandle<()>> {
    let settings = &broker.settings;
    let period = (settings.grace.min(settings.poll_deadline) / 3)
        .clamp(Duration::from_millis(10), Duration::from_secs(1));
    let weak = Arc::downgrade(broker);
    let runtime = Handle::try_current().ok()?;
    Some(runtime.spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 1_u64.. {
            ticks.tick().await;
            let Some(broker) = weak.upgrade() else { break };
            broker.end_due();
            if round % SWEEP_EVERY == 0 {
                broker.sweep();
            }
        }
    }))
}

impl EmbeddedBroker {
    /// Ends what is due in the rooms on the agenda.
    fn end_due(&self) {
        let now = self.stopwatch.ms();
        while let Some((due, name)) = self.agenda.pop_due(now) {
            self.rooms.with(&name, |room| {
                if room.due != Some(due) {
                    return; // An earlier look has replaced this one.
                }
                room.due = None;
                if let Some(change) = room.roster.reap(now) {
                    self.emit(&name, Event::Presence(change));
                }
                if let Some(next) = room.roster.next_due() {
                    self.agenda.add(&name, room, next);
                }
            });
        }
    }

    /// Forgets names, pollers, send keys and the logs of idle rooms.
    fn sweep(&self) {
        let now = self.stopwatch.ms();
        let ttl = whole_ms(self.settings.room_ttl);
        self.names.forget(now);
        self.marks.forget(now);
        self.rooms.sweep(|name, room| {
            let Some(log) = &mut room.log else { return };
            log.forget_keys(now);
            if now.saturating_sub(log.touched) >= ttl {
                room.log = None;
                for user_id in std::mem::take(&mut room.people).keys() {
                    self.memberships.remove(user_id, name);
                }
                room.foreign_to.clear();
                room.untold.clear();
                // Whoever creates the room again starts a later epoch.
                self.epoch.fetch_max(wall_ms(), Ordering::Relaxed);
                self.epoch.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{Admission, BrokerSettings, Draft, People as _, RoomLog, RoomState},
        protocol::{
            entry::{Fields, Kind},
            position::Position,
            user::User,
        },
    };

    #[tokio::test]
    async fn an_idle_room_expires_and_comes_back_in_a_later_epoch() {
        let broker = EmbeddedBroker::new(BrokerSettings {
            room_ttl: Duration::ZERO,
            ..BrokerSettings::default()
        });
        let room: RoomName = "den".parse().unwrap();
        let draft = Draft {
            kind: Kind::Message,
            fields: Fields::default(),
            key: None,
            may_create: true,
        };
        let before = broker.append(&room, draft.clone()).await.unwrap();
        broker.sweep();
        let status = broker.status(&room).await.unwrap();
        assert_eq!(
            (status.state, status.head),
            (RoomState::Absent, Position::ZERO)
        );
        let after = broker.append(&room, draft).await.unwrap();
        assert!(after.position.epoch > before.position.epoch);
    }

    #[tokio::test]
    async fn nobody_is_in_a_private_room_that_has_expired() {
        let broker = EmbeddedBroker::new(BrokerSettings {
            room_ttl: Duration::ZERO,
            ..BrokerSettings::default()
        });
        let (ada, room) = (User::new("u1", "Ada"), RoomName::private(1));
        let admission = Admission {
            by: ada.clone(),
            users: vec![ada.clone()],
            make: Some("Plans".to_owned()),
        };
        broker.admit(&room, admission).await.unwrap();
        assert_eq!(broker.private_rooms("u1", 9).await.unwrap().len(), 1);
        broker.sweep();
        assert!(broker.people(&room).await.unwrap().is_empty());
        assert_eq!(broker.private_rooms("u1", 9).await.unwrap(), []);
        assert_eq!(broker.memberships.users(), 0);
    }
}
