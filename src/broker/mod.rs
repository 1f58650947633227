//! The contract between the chat and whatever keeps its rooms.
//!
//! A broker keeps each room's log, gives every entry its position, and carries
//! events to all instances. What holds for every broker:
//!
//! * **Order.** Positions of one room are given in the order in which entries
//!   are stored; events of one room are handed over in that order, though some
//!   may be missing. Whoever listens closes the holes by reading the log.
//! * **Atomic.** Dedupe, position and storage of one append are one step.
//!   `append` returns only after that step; an error other than
//!   [`BrokerError::Timeout`] means that nothing was stored.
//! * **Idempotent.** An append with a key that the room has seen within the
//!   dedupe window returns the old position and stores nothing.
//! * **Folded.** An entry that changes a message (`change`) is stored together
//!   with what becomes of the message, and reading shows that: nobody who reads
//!   gets a text that was taken back.
//! * **Reads create nothing.** Looking at an absent room leaves no trace.
//!
//! The same contract tests (`tests/it/broker_contract.rs`) run against every
//! implementation.

pub mod embedded;
pub mod insist;
pub mod people;
pub mod redis;

mod change;
mod clock;
mod digest;
mod locked;
mod look;

pub use self::change::{Change, What};

use std::{sync::Weak, time::Duration};

use async_trait::async_trait;

pub use self::people::{Admission, Admitted, Making, Marks, People, PrivateRoom, Untold};

use crate::protocol::{
    entry::{Entry, Fields, Kind},
    event::Event,
    name::{PEOPLE, RoomName, SendKey},
    position::Position,
    user::User,
};

/// All that the chat asks of a broker.
pub trait Broker: RoomLog + Relay + Presence + Registry + People + Marks {}

impl<T: RoomLog + Relay + Presence + Registry + People + Marks> Broker for T {}

/// The logs of the rooms.
#[async_trait]
pub trait RoomLog: Send + Sync {
    /// Appends an entry and tells all instances. A private room is never created
    /// by it, whatever the draft says.
    async fn append(&self, room: &RoomName, draft: Draft) -> Result<Appended, BrokerError>;

    /// Appends an entry that changes a message, if that is allowed and changes
    /// something. What changes nothing is a duplicate at the head of the room.
    async fn change(&self, room: &RoomName, change: Change) -> Result<Appended, BrokerError>;

    /// What the room is, and its head. If the broker lost entries since the
    /// head was written, this opens a new epoch first.
    async fn status(&self, room: &RoomName) -> Result<RoomStatus, BrokerError>;

    /// The heads of many rooms in one go, in the order asked. Like `status`,
    /// this opens a new epoch where entries were lost.
    async fn heads(&self, rooms: &[RoomName]) -> Result<Vec<Position>, BrokerError>;

    /// The entries after a position, oldest first, at most `limit`, and fewer
    /// where they are large. Messages look as they do now.
    async fn read_after(
        &self,
        room: &RoomName,
        after: Position,
        limit: usize,
    ) -> Result<Page, BrokerError>;

    /// The entries before a position (or the latest ones), oldest first, at
    /// most `limit`; `more` says whether older ones exist. Left out are those
    /// that only changed a message, unless there is nothing else for long: then
    /// the last one looked at is the page, and one can go on from there.
    async fn read_before(
        &self,
        room: &RoomName,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page, BrokerError>;

    /// Creates a room, or opens a closed one again, under a title. Returns
    /// false if it is open already (and leaves it as it is), and for a private
    /// room, which its people make.
    async fn open(&self, room: &RoomName, title: &str) -> Result<bool, BrokerError>;

    /// Closes a room: the last entry of its log is `room_closed`, and no append
    /// is taken until it is opened again. Returns false if there is no such
    /// open room.
    async fn close(&self, room: &RoomName) -> Result<bool, BrokerError>;
}

/// How events travel between instances.
#[async_trait]
pub trait Relay: Send + Sync {
    /// Names who hears the events. Called once, before any subscription.
    fn listen(&self, listener: Weak<dyn Listener>);

    /// Hears a room's events from now on: when this returns, no later event is
    /// missed for any other reason than a broken link.
    async fn subscribe(&self, room: &RoomName) -> Result<(), BrokerError>;

    /// Stops hearing a room's events.
    async fn unsubscribe(&self, room: &RoomName);

    /// Carries an event that may be lost (typing) to all instances.
    async fn tell(&self, room: &RoomName, event: &Event) -> Result<(), BrokerError>;

    /// Called between two turns of long work: lets a server on the same
    /// processor have it, if somebody waits for its answer.
    fn give_way(&self) {}

    /// How the links to the broker are.
    fn health(&self) -> Health;

    /// Whether the broker answers on a fresh connection, whatever state the
    /// links are in.
    async fn is_reachable(&self) -> bool;

    /// Ends the links and releases what this instance holds (its lease).
    async fn release(&self);
}

/// Who hears events. Called from the task that reads the link: an
/// implementation must not wait.
pub trait Listener: Send + Sync {
    /// An event of a subscribed room.
    fn on_event(&self, room: &RoomName, event: Event);

    /// The link was gone and is back, all subscriptions included: what was said
    /// meanwhile must be looked up.
    fn on_restored(&self);
}

/// Who is in which room, over all instances.
///
/// A user is in a room while at least one seat is taken. Losing the last seat
/// with [`Departure::Grace`] shows nobody anything until the grace period is
/// over; who takes a seat again within it never left.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Takes a seat. Safe to repeat. Returns how many are there now, if that
    /// came along with it.
    async fn enter(
        &self,
        room: &RoomName,
        user: &User,
        seat: &Seat,
    ) -> Result<Option<RosterHead>, BrokerError>;

    /// Gives up a seat. Safe to repeat; if the broker is away, it is made good
    /// when it is back.
    async fn leave(&self, room: &RoomName, user: &User, seat: &Seat, departure: Departure);

    /// Who is there.
    async fn members(&self, room: &RoomName) -> Result<Roster, BrokerError>;

    /// Some of those who are there, or all if they are not more than `most`.
    async fn some_members(&self, room: &RoomName, most: usize) -> Result<Roster, BrokerError> {
        let mut roster = self.members(room).await?;
        roster.members.truncate(most);
        Ok(roster)
    }

    /// How many are there, and which version of the roster that is.
    async fn count(&self, room: &RoomName) -> Result<RosterHead, BrokerError>;

    /// The same of many rooms in one go, in the order asked.
    async fn counts(&self, rooms: &[RoomName]) -> Result<Vec<RosterHead>, BrokerError> {
        let mut heads = Vec::with_capacity(rooms.len());
        for room in rooms {
            heads.push(self.count(room).await?);
        }
        Ok(heads)
    }
}

/// What instances keep about the whole: the directory of rooms, the names in
/// use, the clients that poll.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The open rooms that were active most recently, at most `limit`. Private
    /// ones are never among them.
    async fn rooms(&self, limit: usize) -> Result<Vec<RoomSummary>, BrokerError>;

    /// Holds a name for a user, at least for so long; a longer hold of the same
    /// user stays. Returns false if another user holds it. `skeleton` is the
    /// form in which two names count as the same.
    async fn claim_name(
        &self,
        skeleton: &str,
        user_id: &str,
        hold: Duration,
    ) -> Result<bool, BrokerError>;

    /// Gives a name up, if this user holds it.
    async fn release_name(&self, skeleton: &str, user_id: &str) -> Result<(), BrokerError>;

    /// Remembers a polling client until the poll deadline passes. Returns false,
    /// and changes nothing, if a later turn of it is remembered already.
    async fn keep_poller(&self, connection: &str, poller: &Poller) -> Result<bool, BrokerError>;

    /// The polling client of that name, if it polled before its deadline.
    async fn poller(&self, connection: &str) -> Result<Option<Poller>, BrokerError>;
}

/// An entry that wants a place.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub fields: Fields,
    /// Under which it is recognised when it is sent again.
    pub key: Option<DedupeKey>,
    /// Whether an absent room is created by it.
    pub may_create: bool,
}

/// A send key, in its scope: the room and this user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DedupeKey {
    /// Whose key.
    pub user_id: std::sync::Arc<str>,
    /// The key.
    pub key: SendKey,
}

/// Where an entry stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its position.
    pub position: Position,
    /// When it got it, in milliseconds since 1970.
    pub at: u64,
    /// Whether an earlier append with the same key had put it there.
    pub duplicate: bool,
}

/// What a room is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomStatus {
    /// The position of its last entry; `0-0` if it has none.
    pub head: Position,
    /// Its title; empty if it has none.
    pub title: String,
    /// Absent, open or closed.
    pub state: RoomState,
}

/// Whether a room is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomState {
    /// Nobody created it and nobody said anything.
    Absent,
    /// It takes messages.
    Open,
    /// The operator closed it.
    Closed,
}

/// A part of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The room's head when the page was read.
    pub head: Position,
    /// Whether entries lie beyond the page, in the direction of reading.
    pub more: bool,
}

/// What holds a user in a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// At least one live socket on this instance. Gone with the instance.
    Instance,
    /// A client that polls, under the name of its connection. Gone when it has
    /// not been renewed (by entering again, on any instance) in time.
    Poll(std::sync::Arc<str>),
}

/// How a seat is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The user said so.
    Now,
    /// The connection ended; the user may be back in a moment.
    Grace,
}

/// Who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Grows with every change.
    pub version: u64,
    /// How many are there, also where not all of them are named.
    pub count: u64,
    /// Sorted by name.
    pub members: Vec<User>,
}

/// How many are in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterHead {
    /// Grows with every change.
    pub version: u64,
    /// How many users.
    pub count: u64,
}

/// A line of the room directory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// Its title; empty if it has none.
    pub title: String,
    /// How many users are in it.
    pub count: u64,
}

/// A client that polls.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Poller {
    /// Whose client.
    pub user: User,
    /// A digest of the session or token it was opened under.
    pub session: String,
    /// The rooms it named in its last poll.
    pub rooms: Vec<RoomName>,
    /// Which of its polls that was; 0 if it does not count them.
    #[serde(default)]
    pub turn: u64,
}

/// How the links to the broker are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// A probe came back through the broker within the last seconds.
    Up,
    /// No probe has come back yet, or not for a while.
    Down,
}

/// Why the broker did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The broker is away. Nothing was stored.
    #[error("the room store is away, try again in a moment")]
    Unavailable,
    /// The broker did not answer in time: it may have been stored. Asking again
    /// with the same key tells.
    #[error("the room store did not answer in time, send again with the same key")]
    Timeout,
    /// The key was used before, for something else.
    #[error("this key was used before, for something else")]
    KeyReused,
    /// The room is closed, or absent and not to be created this way.
    #[error("there is no such room")]
    NoSuchRoom,
    /// The room has as many people as a private room may have.
    #[error("a private room has at most {PEOPLE} people")]
    RoomFull,
    /// Somebody is in as many private rooms as anybody may be in.
    #[error("{0} is in as many private rooms as one may be in")]
    TooManyRooms(String),
    /// What is to be changed is not a message of this room, or is no longer kept.
    #[error("there is no such message in this room, or it is no longer kept")]
    NoSuchMessage,
    /// Somebody else wrote it.
    #[error("only who wrote a message may change it")]
    NotYours,
    /// It was taken back.
    #[error("this message was deleted")]
    Deleted,
    /// It has as many reactions as a message may have.
    #[error("this message has as many reactions as it can hold")]
    TooManyReactions,
    /// The broker answered something this release does not understand.
    #[error("the room store answered: {0}")]
    Unexpected(String),
}

impl BrokerError {
    /// Whether the broker failed, rather than refused what it was asked for.
    pub const fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Timeout | Self::Unexpected(_)
        )
    }

    /// What is said of it if it came after something was done: not that nothing
    /// was.
    pub(crate) fn once_done(self) -> Self {
        if let Self::Unexpected(_) = self {
            tracing::error!(error = %self, "something was done, and not all that belongs to it");
        }
        Self::Timeout
    }
}

/// What a broker is told about its work.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// The name of this instance.
    pub instance: String,
    /// How many entries a room's log keeps, at least.
    pub history: usize,
    /// How long an idle room's log is kept.
    pub room_ttl: Duration,
    /// How long a send key is remembered.
    pub dedupe_window: Duration,
    /// How long nobody is told that somebody lost the last connection.
    pub grace: Duration,
    /// How long a polling client counts as present after its last poll.
    pub poll_deadline: Duration,
    /// How long an instance counts as alive after its last sign of life.
    pub lease: Duration,
    /// The most rooms in the directory.
    pub directory: usize,
    /// How long a store elsewhere may take for one command.
    pub patience: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            instance: "hubbub".to_owned(),
            history: 10_000,
            room_ttl: Duration::from_secs(30 * 24 * 3600),
            dedupe_window: Duration::from_secs(600),
            grace: Duration::from_secs(15),
            poll_deadline: Duration::from_secs(45),
            lease: Duration::from_secs(6),
            directory: 1_000,
            patience: Duration::from_secs(1),
        }
    }
}
