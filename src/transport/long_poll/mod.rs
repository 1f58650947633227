//! Long-poll: the client names its rooms and positions with every request, so
//! that any instance can answer and a lost answer costs nothing.
//!
//! A poll is a short-lived connection that is behind in its rooms; whatever its
//! outbox holds when it has caught up, or when something new came, is the
//! answer. Nothing that the next poll needs stays on this instance.

mod client;
mod frames;
mod request;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use rand::Rng as _;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    broker::{Poller, RoomState, RoomStatus},
    chat::{
        catch_up::Refilled,
        commands::look,
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        refusal::Refusal,
    },
    protocol::{
        LARGE_ROOM,
        code::{CloseReason, ErrorCode},
        name::RoomName,
        position::Position,
        server_frame::Text,
    },
    shutdown::Shutdown,
    telemetry,
};

use self::{
    client::{Seats, fresh_name, known_poller, take_seats, vacate_late},
    request::{From, Poll},
};

pub use self::{
    frames::{FramesRequest, frames},
    request::PollRequest,
};

/// How long a poll that was overtaken should wait before it comes again.
const OVERTAKEN_MS: u64 = 1_000;
/// The most bytes of lists of members in one answer; one more may go beyond it.
const OPENING_BYTES: usize = 128 * 1024;
/// The most parts of a room's log that are read for one poll. What is for others
/// alone fills no answer: without a limit, a position of long ago would read the
/// whole control log.
const PARTS: usize = 10;
/// Over how much time held polls are answered when the instance drains.
const DRAIN_SPREAD_MS: u64 = 2_000;

/// The answer to a poll.
#[derive(Debug, Serialize)]
pub struct PollAnswer {
    frames: Vec<Box<RawValue>>,
    /// None while it is not known: the next poll names none either.
    control: Option<Position>,
    more: bool,
}

/// Answers `POST /api/v1/poll`.
pub async fn poll(
    hub: &Arc<Hub>,
    pass: Pass,
    request: PollRequest,
    longest: Duration,
    shutdown: &Shutdown,
) -> Result<PollAnswer, Refusal> {
    telemetry::poll();
    hub.requests.check(&pass.user.id)?;
    let poll = Poll::read(&request, hub, longest)?;
    let (claimed, control) = (request.connection.clone(), poll.control);
    let deadline = Instant::now() + poll.hold;
    drop(request);
    // In a box that is gone while the poll is held.
    let begun = Box::pin(begin(hub, pass, claimed, poll)).await;
    let answer = match begun {
        Ok(Begun::Held(held)) => held.answer(hub, deadline, shutdown).await,
        Ok(Begun::Over(answer)) => Ok(answer),
        Err(refusal) => Err(refusal),
    };
    match answer {
        // Redis is away: that is news for the client, not a failed request.
        Err(refusal) if is_about_broker(&refusal) => {
            let away = Refusal {
                code: ErrorCode::Unavailable,
                ..refusal
            };
            Ok(PollAnswer {
                frames: raw(vec![away.frame(None).text()]),
                control,
                more: false,
            })
        }
        answer => answer,
    }
}

/// Looks after a poll that is refused as nobody's, if there is a place for it;
/// only then it is read.
pub async fn see_off(
    hub: &Arc<Hub>,
    request: impl Future<Output = Option<PollRequest>>,
    shutdown: &Shutdown,
) {
    if let Some(place) = hub.place_for_goodbye()
        && let Some(name) = request.await.and_then(|request| request.connection)
    {
        vacate_late(hub, name, place, shutdown);
    }
}

/// How far a poll has come once its rooms are followed.
enum Begun {
    /// It may be held.
    Held(Held),
    /// There is nothing to hold.
    Over(PollAnswer),
}

async fn begin(
    hub: &Arc<Hub>,
    pass: Pass,
    claimed: Option<String>,
    poll: Poll,
) -> Result<Begun, Refusal> {
    let known = known_poller(hub, &pass, claimed.as_deref()).await?;
    let name = match (&known, claimed) {
        (Some(_), Some(name)) => name,
        _ => fresh_name(),
    };
    let connection = Connection::open(hub, pass.clone(), ConnectionKind::Poll)?;
    let mut held = Held::new(connection, poll.control);
    if known.is_none() {
        hub.note_guest(&pass);
        held.opening.add(hub.hello(&pass.user, Some(&name)));
    }
    let connection = Arc::clone(&held.following.0);
    let open = open_rooms(hub, &connection, &poll).await?;
    let rooms: Vec<RoomName> = open.iter().map(|open| open.room.clone()).collect();
    let poller = Poller {
        user: pass.user.clone(),
        session: pass.session.to_string(),
        rooms,
        turn: poll.turn,
    };
    if !take_seats(hub, &name, known, &poller).await? {
        let message = "a later poll of this connection was here before this one";
        let late = Refusal::later(ErrorCode::BadField, message, OVERTAKEN_MS);
        return Ok(Begun::Over(PollAnswer {
            frames: raw(vec![late.frame(None).text()]),
            control: poll.control,
            more: false,
        }));
    }
    held.seats = Some((name, poller.rooms));
    connection.follow_control(poll.control).await?;
    for open in &open {
        if connection.outbox.is_half_full() || held.opening.is_full() {
            // The rest comes with the next poll, which is asked for at once.
            held.skipped = true;
            break;
        }
        match follow(hub, &connection, open).await {
            Ok(snapshot) => snapshot
                .into_iter()
                .for_each(|frame| held.opening.add(frame)),
            Err(refusal) if is_about_broker(&refusal) => return Err(refusal),
            // One room that cannot be followed does not stop the others.
            Err(refusal) => {
                let error = refusal.frame_about(None, Some(open.room.clone()));
                connection.outbox.push(error.text());
            }
        }
    }
    held.refuse(hub.settings.rooms_per_connection, &poll.too_many);
    Ok(Begun::Held(held))
}

/// A room that may be followed.
struct Open {
    room: RoomName,
    from: From,
    /// Its head when that was found.
    since: Position,
}

/// The rooms that may be followed, which is looked at in every poll. Of the
/// others the client is told, and nobody takes a seat in them.
async fn open_rooms(hub: &Hub, connection: &Connection, poll: &Poll) -> Result<Vec<Open>, Refusal> {
    let looks = poll.rooms.iter().map(|(room, _)| async move {
        // First of all, whether they may know anything about it.
        hub.check_access(room, &connection.user).await?;
        Ok::<_, Refusal>(hub.status(room).await?)
    });
    let found = join_all(looks).await;
    let mut open = Vec::with_capacity(poll.rooms.len());
    for ((room, from), status) in poll.rooms.iter().zip(found) {
        let RoomStatus { state, head, .. } = match status {
            Err(refusal) if is_about_broker(&refusal) => return Err(refusal),
            Err(refusal) => {
                let error = refusal.frame_about(None, Some(room.clone()));
                connection.outbox.push(error.text());
                continue;
            }
            Ok(status) => status,
        };
        let followed = matches!(from, From::After(..));
        if state == RoomState::Closed && followed {
            // Whoever was in it may have missed the end.
            let end = hub.broker.read_before(room, None, 1).await?;
            for entry in end.entries {
                connection.outbox.push(entry.frame(room));
            }
        } else if let Err(refusal) = hub.settings.check_room(room, state) {
            let error = refusal.frame_about(None, Some(room.clone()));
            connection.outbox.push(error.text());
        } else {
            open.push(Open {
                room: room.clone(),
                from: *from,
                since: head,
            });
        }
    }
    Ok(open)
}

fn is_about_broker(refusal: &Refusal) -> bool {
    matches!(refusal.code, ErrorCode::Unavailable | ErrorCode::Timeout)
}

/// What an answer begins with, whatever else it holds.
#[derive(Default)]
struct Opening {
    frames: Vec<Text>,
    bytes: usize,
}

impl Opening {
    fn add(&mut self, frame: Text) {
        self.bytes += frame.len();
        self.frames.push(frame);
    }

    fn is_full(&self) -> bool {
        self.bytes > OPENING_BYTES
    }
}

/// Follows a room. Returns who is there, if that is news for the client; it
/// belongs before all that is told of the room from now on.
async fn follow(
    hub: &Arc<Hub>,
    connection: &Connection,
    Open { room, from, since }: &Open,
) -> Result<Option<Text>, Refusal> {
    match *from {
        From::Fresh => connection.join(room, None).await?,
        From::After(position, version) => {
            connection.resume(room, position, *since).await?;
            // In a large room, where somebody comes or goes all the time, a list
            // for every poll would be far more than the changes.
            if let Some(version) = version
                && !connection.will_hear_presence(room, version)
                && hub.broker.count(room).await?.version != version
            {
                let most = usize::try_from(LARGE_ROOM).ok();
                let members = look::members(connection, None, room.clone(), most).await?;
                return Ok(Some(members.text()));
            }
        }
    }
    Ok(None)
}

/// A request under way: stops following when it is dropped, also because the
/// client hung up.
struct Following(Arc<Connection>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.detach();
    }
}

/// A poll that follows its rooms.
struct Held {
    following: Following,
    opening: Opening,
    /// Rooms were left for the next poll.
    skipped: bool,
    control: Option<Position>,
    /// The name of the client, and where it has a seat.
    seats: Option<(String, Vec<RoomName>)>,
}

impl Held {
    fn new(connection: Arc<Connection>, control: Option<Position>) -> Self {
        Self {
            following: Following(connection),
            opening: Opening::default(),
            skipped: false,
            control,
            seats: None,
        }
    }

    /// Says of rooms that they are more than may be followed, and no more than a
    /// part of an answer holds: of the others the next one does.
    fn refuse(&mut self, most: usize, rooms: &[RoomName]) {
        let outbox = &self.following.0.outbox;
        for room in rooms {
            if outbox.is_half_full() {
                self.skipped = true;
                return;
            }
            let error = Refusal::too_many_rooms(most).frame_about(None, Some(room.clone()));
            outbox.push(error.text());
        }
    }

    /// Waits for something to tell, if there is nothing yet, and tells it.
    async fn answer(
        mut self,
        hub: &Arc<Hub>,
        deadline: Instant,
        shutdown: &Shutdown,
    ) -> Result<PollAnswer, Refusal> {
        if !self.skipped && self.opening.frames.is_empty() {
            self.fill(deadline, shutdown).await;
        } else if !self.skipped {
            self.refill().await;
        }
        let standing = self.following.0.detach();
        let batch = self.following.0.outbox.take();
        if batch.close == Some(CloseReason::SessionOver) {
            let connection = &self.following.0;
            if let Some((name, rooms)) = self.seats
                && hub.is_gone(&connection.session)
            {
                let user = connection.user.clone();
                Seats { name, user, rooms }.vacate(hub, shutdown);
            }
            return Err(Refusal::new(
                ErrorCode::NoSession,
                "this session is over; sign in again",
            ));
        }
        let mut frames = std::mem::take(&mut self.opening.frames);
        frames.extend(batch.frames);
        Ok(PollAnswer {
            frames: raw(frames),
            control: standing.control.or(self.control),
            more: standing.behind || self.skipped,
        })
    }

    /// Waits until there is something to answer, and no longer than that.
    async fn fill(&self, deadline: Instant, shutdown: &Shutdown) {
        let outbox = &self.following.0.outbox;
        loop {
            let reached = self.refill().await;
            if reached == Refilled::Unfinished || !outbox.is_idle() {
                return;
            }
            tokio::select! {
                woken = timeout_at(deadline, outbox.changed()) => {
                    if woken.is_err() {
                        return;
                    }
                }
                () = shutdown.draining() => {
                    let spread = rand::rng().random_range(0..DRAIN_SPREAD_MS);
                    // News end the wait as they always do.
                    let last = timeout(Duration::from_millis(spread), outbox.changed());
                    let _ = Box::pin(last).await;
                    self.refill().await;
                    return;
                }
            }
        }
    }

    /// In a box: it is rare, and large.
    async fn refill(&self) -> Refilled {
        Box::pin(self.following.0.refill_by(PARTS)).await
    }
}

/// Frames are JSON already; they are put into the answer as they are.
fn raw(frames: Vec<Text>) -> Vec<Box<RawValue>> {
    frames
        .into_iter()
        .filter_map(|frame| RawValue::from_string(frame.as_str().to_owned()).ok())
        .collect()
}
