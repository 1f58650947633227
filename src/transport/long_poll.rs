//! Long-poll: the client names its rooms and positions with every request, so
//! that any instance can answer and a lost answer costs nothing.
//!
//! A poll is a short-lived connection that is behind in its rooms; whatever its
//! outbox holds when it has caught up, or when something new came, is the
//! answer. Nothing that the next poll needs stays on this instance.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    broker::{Departure, Poller, RoomState, Seat},
    chat::{
        commands::look,
        connection::{Connection, ConnectionKind, Pass},
        hub::Hub,
        refusal::Refusal,
    },
    protocol::{
        client_frame::ClientFrame, code::ErrorCode, name::RoomName, position::Position,
        server_frame::Text, user::User,
    },
    shutdown::Shutdown,
    telemetry,
};

/// The most frames one request carries.
const FRAMES: usize = 100;
/// The most polls one client counts: Redis counts in doubles.
const MOST_TURNS: u64 = 1 << 53;
/// The most bytes of replies in one answer; one reply more may go beyond it.
const REPLIES_BYTES: usize = 256 * 1024;
/// How long a poll that was overtaken should wait before it comes again.
const OVERTAKEN_MS: u64 = 1_000;
/// Over how much time held polls are answered when the instance drains.
const DRAIN_SPREAD_MS: u64 = 2_000;

/// The body of `POST /api/v1/poll`.
#[derive(Debug, Deserialize)]
pub struct PollRequest {
    connection: Option<String>,
    #[serde(default)]
    rooms: BTreeMap<String, Value>,
    control: Option<String>,
    hold_ms: Option<u64>,
    /// Counts the polls of one client, so that one which it gave up, and which
    /// arrives late, changes nothing.
    #[serde(default)]
    turn: u64,
}

/// The body of `POST /api/v1/frames`.
#[derive(Debug, Deserialize)]
pub struct FramesRequest {
    connection: Option<String>,
    frames: Vec<Value>,
}

/// The answer to a poll.
#[derive(Debug, Serialize)]
pub struct PollAnswer {
    frames: Vec<Box<RawValue>>,
    /// None while it is not known: the next poll names none either.
    control: Option<Position>,
    more: bool,
}

/// The answer to a request that carries frames.
#[derive(Debug, Serialize)]
pub struct FramesAnswer {
    frames: Vec<Box<RawValue>>,
}

/// From where a poll follows a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Fresh,
    After(Position, Option<u64>),
}

/// A poll that has been read.
struct Poll {
    rooms: Vec<(RoomName, From)>,
    control: Option<Position>,
    hold: Duration,
    turn: u64,
}

impl Poll {
    fn read(request: &PollRequest, hub: &Hub, longest: Duration) -> Result<Self, Refusal> {
        let most = hub.settings.rooms_per_connection;
        if request.rooms.len() > most {
            let message = format!("a connection follows at most {most} rooms");
            return Err(Refusal::new(ErrorCode::TooManyRooms, message));
        }
        let rooms = request
            .rooms
            .iter()
            .map(|(name, from)| Ok((read_room(name)?, read_from(from)?)))
            .collect::<Result<_, Refusal>>()?;
        if request.turn > MOST_TURNS {
            let message = format!("`turn` is at most {MOST_TURNS}");
            return Err(Refusal::new(ErrorCode::BadField, message));
        }
        let control = request.control.as_deref().map(read_position).transpose()?;
        let hold = request.hold_ms.map_or(longest, Duration::from_millis);
        Ok(Self {
            rooms,
            control,
            hold: hold.min(longest),
            turn: request.turn,
        })
    }
}

fn read_room(name: &str) -> Result<RoomName, Refusal> {
    name.parse()
        .map_err(|error: crate::protocol::name::RoomNameError| {
            Refusal::new(ErrorCode::BadRoomName, error.to_string())
        })
}

fn read_position(text: &str) -> Result<Position, Refusal> {
    text.parse()
        .map_err(|error: crate::protocol::position::PositionError| {
            Refusal::new(ErrorCode::BadPosition, error.to_string())
        })
}

fn read_from(value: &Value) -> Result<From, Refusal> {
    match value {
        Value::Null => Ok(From::Fresh),
        Value::String(text) => Ok(From::After(read_position(text)?, None)),
        Value::Object(object) => {
            let version = object.get("presence_version").and_then(Value::as_u64);
            match object.get("after") {
                None | Some(Value::Null) => Ok(From::Fresh),
                Some(Value::String(text)) => Ok(From::After(read_position(text)?, version)),
                Some(_) => Err(bad_from()),
            }
        }
        _ => Err(bad_from()),
    }
}

fn bad_from() -> Refusal {
    Refusal::new(
        ErrorCode::BadPosition,
        "a room is followed from a position (a string), from {after, presence_version}, or from null",
    )
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
    if known.is_none() {
        held.0.outbox.push(hub.hello(&pass.user, Some(&name)));
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
        if held.0.outbox.is_half_full() {
            // The rest comes with the next poll, which is asked for at once.
            skipped = true;
            break;
        }
        match follow(hub, &held.0, room, *from).await {
            Ok(()) => {}
            Err(refusal) if is_about_broker(&refusal) => return Err(refusal),
            // One room that cannot be followed does not stop the others.
            Err(refusal) => {
                let error = refusal.frame_about(None, Some(room.clone()));
                held.0.outbox.push(error.text());
            }
        }
    }
    if !skipped {
        held.fill(deadline, shutdown).await;
    }
    let standing = held.0.detach();
    let batch = held.0.outbox.take();
    if batch.close.is_some() {
        return Err(Refusal::new(
            ErrorCode::NoSession,
            "this session is over; sign in again",
        ));
    }
    Ok(PollAnswer {
        frames: raw(batch.frames),
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
    let looks = poll.rooms.iter().map(|(room, _)| hub.broker.status(room));
    let states = join_all(looks).await;
    let mut open = Vec::with_capacity(poll.rooms.len());
    for ((room, from), status) in poll.rooms.iter().zip(states) {
        let state = status?.state;
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

async fn follow(
    hub: &Arc<Hub>,
    connection: &Connection,
    room: &RoomName,
    from: From,
) -> Result<(), Refusal> {
    match from {
        From::Fresh => {
            connection.join(room, None).await?;
        }
        From::After(position, version) => {
            connection.resume(room, position).await?;
            if let Some(version) = version
                && hub.broker.count(room).await?.version != version
            {
                let members = look::members(hub, None, room.clone()).await?;
                connection.outbox.push(members.text());
            }
        }
    }
    Ok(())
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
                    sleep(Duration::from_millis(spread)).await;
                    return;
                }
            }
        }
    }
}

/// The client of that name, if it is this user's under this session.
async fn known_poller(
    hub: &Hub,
    pass: &Pass,
    claimed: Option<&str>,
) -> Result<Option<Poller>, Refusal> {
    let Some(name) = claimed.filter(|name| is_poller_name(name)) else {
        return Ok(None);
    };
    let found = hub.broker.poller(name).await?;
    Ok(found.filter(|poller| poller.user.id == pass.user.id && *poller.session == *pass.session))
}

/// 128 random bits, so that nobody can guess another client's name.
fn fresh_name() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn is_poller_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Renews the client's seats in the rooms it names and gives up the others.
/// Returns false for a poll that a later one has overtaken.
async fn take_seats(
    hub: &Hub,
    name: &str,
    known: Option<Poller>,
    poller: &Poller,
) -> Result<bool, Refusal> {
    let seat = Seat::Poll(name.into());
    // First of all: whoever sees somebody leave must not see them speak.
    if !hub.broker.keep_poller(name, poller).await? {
        return Ok(false);
    }
    let before = known.map(|known| known.rooms).unwrap_or_default();
    give_up(hub, &seat, &poller.user, &before, &poller.rooms).await;
    let rooms = &poller.rooms;
    let taken = rooms
        .iter()
        .map(|room| hub.broker.enter(room, &poller.user, &seat));
    for taken in join_all(taken).await {
        taken?;
    }
    // A later poll may have given up a seat before this one took it.
    match hub.broker.poller(name).await? {
        Some(later) if later.turn > poller.turn => {
            give_up(hub, &seat, &poller.user, rooms, &later.rooms).await;
            Ok(false)
        }
        _ => Ok(true),
    }
}

/// Gives up the seats in rooms that are not among those to keep.
async fn give_up(hub: &Hub, seat: &Seat, user: &User, rooms: &[RoomName], keep: &[RoomName]) {
    for room in rooms.iter().filter(|room| !keep.contains(room)) {
        hub.broker.leave(room, user, seat, Departure::Now).await;
    }
}

/// Answers `POST /api/v1/frames`: one reply per frame, in order.
pub async fn frames(
    hub: &Arc<Hub>,
    pass: Pass,
    request: FramesRequest,
) -> Result<FramesAnswer, Refusal> {
    if request.frames.len() > FRAMES {
        let message = format!("one request carries at most {FRAMES} frames");
        return Err(Refusal::new(ErrorCode::BadField, message));
    }
    let known = known_poller(hub, &pass, request.connection.as_deref()).await?;
    let rooms = known.as_ref().map(|poller| poller.rooms.clone());
    let held = Held(Arc::new(Connection::for_request(hub, pass, rooms)));
    let mut client = request.connection.zip(known);
    let mut replies = Vec::with_capacity(request.frames.len());
    let mut bytes = 0;
    for value in request.frames {
        let reply = match ClientFrame::from_value(value) {
            Ok((id, _)) if bytes > REPLIES_BYTES => {
                let message = "the answer is full; ask this again in another request";
                Refusal::later(ErrorCode::RateLimited, message, 1)
                    .frame(id)
                    .text()
            }
            Ok((id, frame)) => {
                let change = room_change(&frame);
                let reply = held.0.answer(id, frame).await;
                if let (Some(change), Some((name, poller))) = (change, &mut client) {
                    change_seat(hub, name, poller, change, &held.0).await;
                }
                reply
            }
            Err(bad) => {
                let id = bad.id.clone();
                Refusal::from(bad).frame(id).text()
            }
        };
        bytes += reply.len();
        replies.push(reply);
    }
    Ok(FramesAnswer {
        frames: raw(replies),
    })
}

enum RoomChange {
    Joined(RoomName),
    Left(RoomName),
}

fn room_change(frame: &ClientFrame) -> Option<RoomChange> {
    match frame {
        ClientFrame::Join { room, .. } => Some(RoomChange::Joined(room.clone())),
        ClientFrame::Leave { room } => Some(RoomChange::Left(room.clone())),
        _ => None,
    }
}

/// A polling client joined or left by a frame: its next poll says the same, and
/// until then this does.
async fn change_seat(
    hub: &Hub,
    name: &str,
    poller: &mut Poller,
    change: RoomChange,
    connection: &Connection,
) {
    let seat = Seat::Poll(name.into());
    match change {
        RoomChange::Joined(room) if connection.follows(&room) => {
            if !poller.rooms.contains(&room) {
                poller.rooms.push(room.clone());
            }
            // If a later poll was here, it has said what it wants.
            if let Ok(true) = hub.broker.keep_poller(name, poller).await {
                let _ = hub.broker.enter(&room, &poller.user, &seat).await;
            }
        }
        RoomChange::Joined(_) => {}
        RoomChange::Left(room) => {
            poller.rooms.retain(|held| *held != room);
            connection.forget_polled(&room);
            let _ = hub.broker.keep_poller(name, poller).await;
            hub.broker
                .leave(&room, &poller.user, &seat, Departure::Now)
                .await;
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
