//! Following a room: joining, resuming and catching up, as far as that takes a
//! lock, the broker's log or a seat. What a follower gets is decided by the
//! room's sequencer; see `refill.rs`.

use std::sync::Arc;

use crate::{
    broker::{BrokerError, Departure, RosterHead, Seat},
    protocol::{entry::Entry, position::Position, server_frame::Text, user::User},
};

use super::{
    outbox::Outbox,
    refill::{Greeting, PAGE, Part, Start},
    room::{ConnectionId, Room},
    seats::Need,
    sequencer::{Left, Mode, Shut, Sink},
};

/// How many messages a fresh join shows.
const LATEST: usize = 50;
/// How many parts of the log are passed over for them that hold only changes.
const PAGES_OF_CHANGES: usize = 8;

/// Who follows a room, and how.
#[derive(Clone)]
pub(super) struct Follower {
    pub(super) id: ConnectionId,
    pub(super) user: User,
    pub(super) outbox: Arc<Outbox>,
    /// Whether it is a live socket of this instance, which holds a seat for its
    /// user, or one poll, whose client holds its own.
    pub(super) seated: bool,
    /// The head of the room when it was found that they may come in.
    pub(super) since: Position,
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

    fn came_after(&self, position: Position) -> bool {
        position <= self.since
    }

    fn departs_by(&self, entry: &Entry) -> bool {
        entry.departed().is_some_and(|user| user.id == self.user.id)
    }

    fn is_addressee(&self, entry: &Entry) -> bool {
        entry.is_addressed_to(&self.user.id)
    }
}

impl Room {
    /// Adds a follower and greets it. With `after`, what came since follows;
    /// without, the latest messages do. Who may be in the room is filled in.
    pub(super) async fn attach(
        &self,
        follower: &Follower,
        mut greeting: Greeting,
        after: Option<Position>,
    ) -> Result<Result<(), Shut>, BrokerError> {
        let start = match after {
            Some(position) => Start::Resumed(self.part_after(position).await?),
            None => Start::Fresh(self.latest().await?),
        };
        // After the log, so that whoever was let in up to there is among them; of
        // whoever comes later, entries tell.
        greeting.people = self.people_met_by(&follower.user).await?;
        self.note_count(greeting.count);
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
        self.lock().sequencer.renew(&page);
        Ok(Part::after(from, page))
    }

    async fn latest(&self) -> Result<Part, BrokerError> {
        let mut page = self.broker.read_before(&self.name, None, LATEST).await?;
        // Nothing but changes may lie at the end of the log; what they changed is
        // worth looking for, but not for ever.
        for _ in 0..PAGES_OF_CHANGES {
            let oldest = page.entries.first().map(|entry| entry.position);
            if !page.more || page.entries.iter().any(Entry::is_message) {
                break;
            }
            let earlier = self.broker.read_before(&self.name, oldest, LATEST).await?;
            page.entries = earlier.entries;
            page.more = earlier.more;
        }
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

    /// Takes a seat for a user who is about to join. It is not given up again
    /// while the claim lives. There is none if the room was retired meanwhile,
    /// and nobody can join it.
    pub(super) async fn take_seat(&self, user: &User) -> Result<Option<Claim<'_>>, BrokerError> {
        let Some(mut claim) = self.claim(user) else {
            return Ok(None);
        };
        claim.head = self.settle(user, Departure::Grace).await?;
        if let Some(head) = claim.head {
            self.note_version(head.version);
        }
        Ok(Some(claim))
    }

    fn claim(&self, user: &User) -> Option<Claim<'_>> {
        let mut state = self.lock();
        if state.sequencer.is_retired() {
            // Nobody looks after its seats any more.
            return None;
        }
        state.seats.begin_join(user);
        drop(state);
        Some(Claim {
            room: self,
            user: user.clone(),
            head: None,
        })
    }

    /// Makes the broker's picture of one user in this room true: a seat if the
    /// user has a live socket here or is about to, none otherwise. Returns how
    /// many are in the room, if that came along with it.
    ///
    /// Done in a task of its own: a connection that ends may stop to wait at any
    /// moment, and a seat that was taken by then would be known to nobody, or the
    /// lock be held by somebody who does not go on.
    pub(super) async fn settle(
        &self,
        user: &User,
        departure: Departure,
    ) -> Result<Option<RosterHead>, BrokerError> {
        if self.lock().seats.need(user) == Need::Nothing {
            return Ok(None);
        }
        let room = self.me.upgrade().ok_or(BrokerError::Unavailable)?;
        let user = user.clone();
        let task = async move { room.settle_at_once(&user, departure).await };
        let done = self.shutdown.spawn(task).await;
        done.unwrap_or(Err(BrokerError::Unavailable))
    }

    async fn settle_at_once(
        &self,
        user: &User,
        departure: Departure,
    ) -> Result<Option<RosterHead>, BrokerError> {
        let _seating = self.seating.read().await;
        let _turn = self.sitters.take(&user.id).await;
        let mut head = None;
        loop {
            let need = {
                let seats = &mut self.lock().seats;
                let need = seats.need(user);
                if need == Need::GiveUp {
                    // Together with the look at it: who claims it from now on
                    // sees that it has to be taken again.
                    seats.set_seat(user, false);
                }
                need
            };
            match need {
                Need::Take => {
                    head = self.broker.enter(&self.name, user, &Seat::Instance).await?;
                    self.lock().seats.set_seat(user, true);
                }
                Need::GiveUp => {
                    let seat = Seat::Instance;
                    self.broker.leave(&self.name, user, &seat, departure).await;
                }
                Need::Nothing => return Ok(head),
            }
        }
    }

    /// Ends the grace period of a user who will not be back, unless they are here
    /// all the same. In a task of its own, like [`Self::settle`].
    pub(super) fn end_grace(self: Arc<Self>, user: &User) {
        let (user, shutdown) = (user.clone(), self.shutdown.clone());
        shutdown.spawn(async move {
            let _seating = self.seating.read().await;
            let _turn = self.sitters.take(&user.id).await;
            {
                let mut state = self.lock();
                if state.sequencer.is_retired() || state.seats.is_here(&user) {
                    return;
                }
                state.seats.set_seat(&user, false);
            }
            let (seat, now) = (Seat::Instance, Departure::Now);
            self.broker.leave(&self.name, &user, &seat, now).await;
        });
    }

    /// Puts right whoever has a seat and is not here, or is here without a seat.
    /// Nobody should be in that state for long; but a join may have been cut, or
    /// the broker have been away. A seat that was forgotten would stay, and its
    /// room with it, for as long as this instance runs.
    pub(super) async fn settle_strays(&self) {
        let users = self.lock().seats.look();
        for user in users {
            if self.settle(&user, Departure::Grace).await.is_err() {
                // The broker is away: the next round will do.
                return;
            }
        }
    }
}

/// Keeps the seat of a user who is about to join.
pub(super) struct Claim<'a> {
    room: &'a Room,
    user: User,
    /// How many were in the room when the seat was taken, if it had to be.
    pub(super) head: Option<RosterHead>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.room.lock().seats.end_join(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{
            BrokerSettings, Change, Draft, Presence, RoomLog, What, embedded::EmbeddedBroker,
        },
        protocol::{
            entry::{Fields, Kind, MessageFields},
            name::{RoomName, SendKey},
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
            since: Position::ZERO,
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

    async fn den() -> (Arc<EmbeddedBroker>, Arc<Room>) {
        let broker = EmbeddedBroker::new(BrokerSettings {
            grace: Duration::ZERO,
            ..BrokerSettings::default()
        });
        let kept = Arc::clone(&broker) as _;
        let name = "den".parse().unwrap();
        let room = Room::new(name, kept, Shutdown::new(), None);
        room.open().await.unwrap();
        (broker, room)
    }

    #[tokio::test]
    async fn what_was_changed_is_read_from_the_log_once_and_remembered() {
        let (broker, room) = den().await;
        let key: SendKey = "k1".parse().unwrap();
        let (from, text) = (User::new("u1", "Ada"), "taken back");
        let fields = Fields::of(&MessageFields {
            key: &key,
            from: &from,
            text,
            reply_to: None,
            mentions: &[],
        });
        let draft = Draft {
            kind: Kind::Message,
            fields: fields.clone(),
            key: None,
            may_create: true,
        };
        let said = broker.append(&room.name, draft).await.unwrap().position;
        let change = Change {
            target: said,
            by: from,
            key,
            what: What::Delete,
        };
        broker.change(&room.name, change).await.unwrap();
        // As it was told: first what was said, then that it was taken back.
        let log = broker.read_after(&room.name, Position::ZERO, 9).await;
        for mut entry in log.unwrap().entries {
            if entry.position == said {
                entry.fields = fields.clone();
            }
            room.on_entry(entry);
        }
        let recall = |from| room.lock().sequencer.recall(from);
        let before = Position::new(said.epoch, 0);
        assert!(recall(said).is_some(), "what came after it has not changed");
        assert!(recall(before).is_none());
        let read = room.part_after(before).await.unwrap();
        let remembered = recall(before).unwrap();
        assert_eq!(format!("{read:?}"), format!("{remembered:?}"));
        assert!(!format!("{remembered:?}").contains(text));
    }

    fn seated(id: ConnectionId, user: &User) -> Follower {
        Follower {
            id,
            user: user.clone(),
            outbox: Arc::new(Outbox::new(10_000)),
            seated: true,
            since: Position::ZERO,
        }
    }

    /// Waits until these are the members, while the hub looks after the room.
    async fn comes_to(broker: &EmbeddedBroker, room: &Room, members: &[User]) {
        let end = Instant::now() + Duration::from_secs(10);
        while broker.members(&room.name).await.unwrap().members != members {
            assert!(Instant::now() < end, "{members:?} it should be");
            room.settle_strays().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_seat_of_nobody_is_found_and_given_up() {
        let (broker, room) = den().await;
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        drop(room.take_seat(&ada).await.unwrap());
        let claim = room.take_seat(&ben).await.unwrap();
        room.attach_live(&seated(1, &ben)).unwrap();
        drop(claim);
        assert!(!room.retire(Duration::ZERO).await, "Ben is here");
        comes_to(&broker, &room, std::slice::from_ref(&ben)).await;
        room.detach(1);
        assert!(!room.retire(Duration::ZERO).await, "he still has a seat");
        comes_to(&broker, &room, &[]).await;
        assert!(room.retire(Duration::ZERO).await);
        assert!(room.take_seat(&ada).await.unwrap().is_none(), "too late");
    }

    #[tokio::test]
    async fn who_is_here_without_a_seat_gets_one() {
        let (broker, room) = den().await;
        let ben = User::new("u2", "Ben");
        // What a join leaves when the broker is away in its middle.
        room.attach_live(&seated(1, &ben)).unwrap();
        room.settle_strays().await;
        assert_eq!(broker.members(&room.name).await.unwrap().members, [ben]);
    }

    #[tokio::test]
    async fn as_many_seats_as_people_need_not_be_those_of_the_same_people() {
        let (broker, room) = den().await;
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        drop(room.take_seat(&ada).await.unwrap());
        room.attach_live(&seated(1, &ben)).unwrap();
        comes_to(&broker, &room, &[ben]).await;
    }

    #[tokio::test]
    async fn a_join_under_way_keeps_its_seat_in_a_room_that_is_closed() {
        let (broker, room) = den().await;
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        let claim = room.take_seat(&ada).await.unwrap();
        for _ in 0..3 {
            room.settle_strays().await;
        }
        room.attach_live(&seated(1, &ben)).unwrap();
        room.settle(&ben, Departure::Now).await.unwrap();
        RoomLog::open(&*broker, &room.name, "Den").await.unwrap();
        assert!(RoomLog::close(&*broker, &room.name).await.unwrap());
        let head = broker.status(&room.name).await.unwrap().head;
        room.compare_head(head);
        let end = Instant::now() + Duration::from_secs(10);
        while room.has(1) {
            assert!(Instant::now() < end, "Ben is let go");
            tokio::task::yield_now().await;
        }
        comes_to(&broker, &room, std::slice::from_ref(&ada)).await;
        // Not even somebody who asks for it takes it.
        room.settle(&ada, Departure::Now).await.unwrap();
        assert!(!room.retire(Duration::ZERO).await);
        drop(claim);
        assert_eq!(broker.members(&room.name).await.unwrap().members, [ada]);
        comes_to(&broker, &room, &[]).await;
    }
}
