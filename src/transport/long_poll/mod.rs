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
    broker::{Poller, RoomState},
    chat::{
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
    client::{fresh_name, known_poller, take_seats},
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
    let control = poll.control;
    match answer(hub, pass, request.connection, poll, shutdown).await {
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

async fn answer(
    hub: &Arc<Hub>,
    pass: Pass,
    claimed: Option<String>,
    poll: Poll,
    shutdown: &Shutdown,
) -> Result<PollAnswer, Refusal> {
    let deadline = Instant::now() + poll.hold;
    let known = known_poller(hub, &pass, claimed.as_deref()).await?;
    let name = match (&known, claimed) {
        (Some(_), Some(name)) => name,
        _ => fresh_name(),
    };
    let held = Held(Connection::open(hub, pass.clone(), ConnectionKind::Poll)?);
    let mut opening = Opening::default();
    if known.is_none() {
        hub.note_guest(&pass);
        opening.add(hub.hello(&pass.user, Some(&name)));
    }
    let open = open_rooms(hub, &held.0, &poll).await?;
    let rooms: Vec<RoomName> = open.iter().map(|(room, _)| room.clone()).collect();
    let poller = Poller {
        user: pass.user.clone(),
        session: pass.session.to_string(),
        rooms,
        turn: poll.turn,
    };
    if !take_seats(hub, &name, known, &poller).await? {
        let message = "a later poll of this connection was here before this one";
        let late = Refusal::later(ErrorCode::BadField, message, OVERTAKEN_MS);
        return Ok(PollAnswer {
            frames: raw(vec![late.frame(None).text()]),
            control: poll.control,
            more: false,
        });
    }
    held.0.follow_control(poll.control).await?;
    let mut skipped = false;
    for (room, from) in &open {
        if held.0.outbox.is_half_full() || opening.is_full() {
            // The rest comes with the next poll, which is asked for at once.
            skipped = true;
            break;
        }
        match follow(hub, &held.0, room, *from).await {
            Ok(snapshot) => snapshot.into_iter().for_each(|frame| opening.add(frame)),
            Err(refusal) if is_about_broker(&refusal) => return Err(refusal),
            // One room that cannot be followed does not stop the others.
            Err(refusal) => {
                let error = refusal.frame_about(None, Some(room.clone()));
                held.0.outbox.push(error.text());
            }
        }
    }
    if !skipped && opening.frames.is_empty() {
        held.fill(deadline, shutdown).await;
    } else if !skipped {
        held.0.refill().await;
    }
    let standing = held.0.detach();
    let batch = held.0.outbox.take();
    if batch.close == Some(CloseReason::SessionOver) {
        return Err(Refusal::new(
            ErrorCode::NoSession,
            "this session is over; sign in again",
        ));
    }
    opening.frames.extend(batch.frames);
    Ok(PollAnswer {
        frames: raw(opening.frames),
        control: standing.control.or(poll.control),
        more: standing.behind || skipped,
    })
}

/// The rooms that may be followed, which is looked at in every poll. Of the
/// others the client is told, and nobody takes a seat in them.
async fn open_rooms(
    hub: &Hub,
    connection: &Connection,
    poll: &Poll,
) -> Result<Vec<(RoomName, From)>, Refusal> {
    let looks = poll.rooms.iter().map(|(room, _)| async move {
        // First of all, whether they may know anything about it.
        hub.check_access(room, &connection.user).await?;
        Ok::<_, Refusal>(hub.broker.status(room).await?.state)
    });
    let states = join_all(looks).await;
    let mut open = Vec::with_capacity(poll.rooms.len());
    for ((room, from), state) in poll.rooms.iter().zip(states) {
        let state = match state {
            Err(refusal) if is_about_broker(&refusal) => return Err(refusal),
            Err(refusal) => {
                let error = refusal.frame_about(None, Some(room.clone()));
                connection.outbox.push(error.text());
                continue;
            }
            Ok(state) => state,
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
            open.push((room.clone(), *from));
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
    room: &RoomName,
    from: From,
) -> Result<Option<Text>, Refusal> {
    match from {
        From::Fresh => connection.join(room, None).await?,
        From::After(position, version) => {
            connection.resume(room, position).await?;
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

/// A poll under way: stops following when it is dropped, also because the
/// client hung up.
struct Held(Arc<Connection>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.detach();
    }
}

impl Held {
    /// Waits until there is something to answer, and no longer than that.
    async fn fill(&self, deadline: Instant, shutdown: &Shutdown) {
        let outbox = &self.0.outbox;
        loop {
            self.0.refill().await;
            if !outbox.is_idle() {
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
                    let _ = timeout(Duration::from_millis(spread), outbox.changed()).await;
                    self.0.refill().await;
                    return;
                }
            }
        }
    }
}

/// Frames are JSON already; they are put into the answer as they are.
fn raw(frames: Vec<Text>) -> Vec<Box<RawValue>> {
    frames
        .into_iter()
        .filter_map(|frame| RawValue::from_string(frame.as_str().to_owned()).ok())
        .collect()
}
