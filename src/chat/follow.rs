//! Following a room: joining, resuming and catching up, as far as that takes a
//! lock, the broker's log or a seat. What a follower gets is decided by the
//! room's sequencer; see `refill.rs`.

use std::sync::Arc;

use crate::{
    broker::{BrokerError, Departure, Seat},
    protocol::{position::Position, server_frame::Text, user::User},
};

use super::{
    outbox::Outbox,
    refill::{Greeting, PAGE, Part, Start},
    room::{ConnectionId, Room},
    sequencer::{Left, Mode, Shut, Sink},
};

/// How many messages a fresh join shows.
const LATEST: usize = 50;

/// Who follows a room, and how.
#[derive(Clone)]
pub(super) struct Follower {
    pub(super) id: ConnectionId,
    pub(super) user: User,
    pub(super) outbox: Arc<Outbox>,
    /// Whether it is a live socket of this instance, which holds a seat for its
    /// user, or one poll, whose client holds its own.
    pub(super) seated: bool,
}

impl Sink for Follower {
    fn offer_all(&self, frames: &[Text]) -> usize {
        self.outbox.offer_all(frames)
    }

    fn push(&self, frame: Text) {
        self.outbox.push(frame);
    }

    fn mark_behind(&self) {
        self.outbox.mark_behind();
    }
}

impl Room {
    /// Adds a follower and greets it. With `after`, what came since follows;
    /// without, the latest messages do.
    pub(super) async fn attach(
        &self,
        follower: &Follower,
        greeting: Greeting,
        after: Option<Position>,
    ) -> Result<Result<(), Shut>, BrokerError> {
        let start = match after {
            Some(position) => Start::Resumed(self.part_after(position).await?),
            None => Start::Fresh(self.latest().await?),
        };
        let mut state = self.lock();
        let sequencer = &mut state.sequencer;
        let before = sequencer.greet(follower.id, follower.clone(), greeting, &start);
        Ok(before.map(|before| state.note_arrival(follower, before.as_ref())))
    }

    /// Adds a follower that has everything up to a position and needs no
    /// greeting: a poll that goes on.
    pub(super) fn attach_behind(&self, follower: &Follower, from: Position) -> Result<(), Shut> {
        self.insert(follower, Mode::Behind(from))
    }

    /// Adds a follower of what comes from now on.
    pub(super) fn attach_live(&self, follower: &Follower) -> Result<(), Shut> {
        self.insert(follower, Mode::LIVE)
    }

    fn insert(&self, follower: &Follower, mode: Mode) -> Result<(), Shut> {
        let mut state = self.lock();
        let before = state
            .sequencer
            .follow(follower.id, follower.clone(), mode)?;
        state.note_arrival(follower, before.as_ref());
        Ok(())
    }

    async fn part_after(&self, from: Position) -> Result<Part, BrokerError> {
        if let Some(part) = self.lock().sequencer.recall(from) {
            return Ok(part);
        }
        let page = self.broker.read_after(&self.name, from, PAGE).await?;
        Ok(Part::after(from, page))
    }

    async fn latest(&self) -> Result<Part, BrokerError> {
        let page = self.broker.read_before(&self.name, None, LATEST).await?;
        Ok(Part::latest(page))
    }

    /// Removes a follower, and says where it stood.
    pub(super) fn detach(&self, id: ConnectionId) -> Option<Left> {
        let mut state = self.lock();
        let (follower, left) = state.sequencer.remove(id)?;
        state.note_departure(&follower);
        Some(left)
    }

    /// Whether this connection follows the room.
    pub(super) fn has(&self, id: ConnectionId) -> bool {
        self.lock().sequencer.mode(id).is_some()
    }

    /// Whether this connection follows the room and is behind in it.
    pub(super) fn is_behind(&self, id: ConnectionId) -> bool {
        let mode = self.lock().sequencer.mode(id);
        mode.is_some_and(Mode::is_behind)
    }

    /// Moves a member that is behind one step further. Returns whether another
    /// step would lead on: not if it is at the head, and not if its outbox took
    /// nothing more, which then asks for the next step when it has room.
    pub(super) async fn refill(&self, id: ConnectionId) -> Result<bool, BrokerError> {
        let Some(Mode::Behind(from)) = self.lock().sequencer.mode(id) else {
            return Ok(false);
        };
        let part = self.part_after(from).await?;
        let mut state = self.lock();
        let outcome = state.sequencer.refill(id, &part);
        self.carry_out(&mut state, &outcome);
        let mode = state.sequencer.mode(id);
        Ok(mode.is_some_and(|mode| mode.is_behind() && mode != Mode::Behind(from)))
    }

    /// Takes a seat for a user who is about to join.
    pub(super) async fn take_seat(&self, user: &User) -> Result<(), BrokerError> {
        let mut seated = self.seated.lock().await;
        if !seated.contains_key(&user.id) {
            self.broker.enter(&self.name, user, &Seat::Instance).await?;
            seated.insert(Arc::clone(&user.id), user.clone());
        }
        Ok(())
    }

    /// Makes the broker's picture of one user in this room true: a seat if the
    /// user has a live socket here, none otherwise.
    pub(super) async fn settle(
        &self,
        user: &User,
        departure: Departure,
    ) -> Result<(), BrokerError> {
        let mut seated = self.seated.lock().await;
        let wanted = self.lock().here.contains_key(&user.id);
        let taken = seated.contains_key(&user.id);
        if wanted && !taken {
            self.broker.enter(&self.name, user, &Seat::Instance).await?;
            seated.insert(Arc::clone(&user.id), user.clone());
        } else if taken && !wanted {
            seated.remove(&user.id);
            self.broker
                .leave(&self.name, user, &Seat::Instance, departure)
                .await;
        }
        Ok(())
    }
}

impl Room {
    /// Settles whoever has a seat and no socket here. Nobody should be in that
    /// state for longer than a join takes; a seat that was forgotten would stay,
    /// and its room with it, for as long as this instance runs.
    pub(super) async fn settle_strays(&self) {
        let strays: Vec<User> = {
            // If somebody is taking or giving up a seat, the next round will do.
            let Ok(seated) = self.seated.try_lock() else {
                return;
            };
            let here = &self.lock().here;
            if seated.len() == here.len() {
                return;
            }
            let absent = |user: &&User| !here.contains_key(&user.id);
            seated.values().filter(absent).cloned().collect()
        };
        for user in strays {
            // If the broker is away, it is made good when it is back.
            let _ = self.settle(&user, Departure::Grace).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{BrokerSettings, Draft, Presence, RoomLog, embedded::EmbeddedBroker},
        protocol::{
            entry::{Fields, Kind},
            name::RoomName,
        },
        shutdown::Shutdown,
    };
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn a_refill_that_finds_no_room_waits_for_the_outbox() {
        let broker = EmbeddedBroker::new(BrokerSettings::default());
        let draft = Draft {
            kind: Kind::Message,
            fields: Fields::of(&serde_json::json!({"text": "x".repeat(80)})),
            key: None,
            may_create: true,
        };
        broker.append(&RoomName::lobby(), draft).await.unwrap();
        let room = Room::new(RoomName::lobby(), broker, Shutdown::new(), None);
        room.open().await.unwrap();
        let follower = Follower {
            id: 1,
            user: User::new("u1", "Ada"),
            outbox: Arc::new(Outbox::new(100)),
            seated: false,
        };
        follower.outbox.push(Text::from("x".repeat(20)));
        room.attach_behind(&follower, Position::ZERO).unwrap();
        // The marker does not fit, although the outbox is not half full: whoever
        // goes on at once goes on for ever.
        for _ in 0..2 {
            while room.refill(1).await.unwrap() {}
            assert!(room.is_behind(1));
            assert!(follower.outbox.take().behind);
        }
        while room.refill(1).await.unwrap() {}
        assert!(!room.is_behind(1));
    }

    #[tokio::test]
    async fn a_seat_of_nobody_is_found_and_given_up() {
        let broker = EmbeddedBroker::new(BrokerSettings {
            grace: Duration::ZERO,
            ..BrokerSettings::default()
        });
        let room = Room::new(
            RoomName::lobby(),
            Arc::clone(&broker) as _,
            Shutdown::new(),
            None,
        );
        room.open().await.unwrap();
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        room.take_seat(&ada).await.unwrap();
        room.take_seat(&ben).await.unwrap();
        let follower = Follower {
            id: 1,
            user: ben.clone(),
            outbox: Arc::new(Outbox::new(100)),
            seated: true,
        };
        room.attach_live(&follower).unwrap();
        room.settle_strays().await;
        assert!(!room.retire(Duration::ZERO).await, "Ben is here");
        let end = Instant::now() + Duration::from_secs(10);
        while broker.members(&room.name).await.unwrap().members != [ben.clone()] {
            assert!(Instant::now() < end, "Ada stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        room.detach(1);
        assert!(!room.retire(Duration::ZERO).await, "he still has a seat");
        room.settle_strays().await;
        assert!(room.retire(Duration::ZERO).await);
    }
}
