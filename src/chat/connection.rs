//! A connection: one live client of this instance, or one poll.
//!
//! Text comes in, frames go into its outbox. It never touches a socket, so
//! that every transport shares it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

use crate::{
    broker::Departure,
    protocol::{
        client_frame::{BadFrame, ClientFrame, FrameId},
        code::{CloseReason, ErrorCode},
        name::RoomName,
        position::Position,
        server_frame::{ServerFrame, Text},
        user::User,
    },
};

use super::{
    commands,
    follow::Follower,
    hub::Hub,
    limits::FramePace,
    outbox::Outbox,
    refusal::Refusal,
    room::{ConnectionId, Room},
    vitals::{Beats, Vitals},
};

/// After this many frames in a row that nobody could read, the client is told
/// to go away.
const BAD_FRAMES: u8 = 3;
/// After this many frames in a row that came too fast, likewise.
const FAST_FRAMES: u32 = 200;

/// One live client, or one poll.
pub struct Connection {
    /// Names it on this instance.
    pub id: ConnectionId,
    /// Who it is.
    pub user: User,
    /// A digest of the session or token it was opened under.
    pub session: Arc<str>,
    /// What waits for it.
    pub outbox: Arc<Outbox>,
    pub(super) hub: Arc<Hub>,
    kind: ConnectionKind,
    /// For a request: the rooms its client polls, if it is one that polls. A
    /// client that does not may speak wherever it may join.
    polled: Mutex<Option<Vec<RoomName>>>,
    token: Option<TokenPass>,
    lease: Option<Arc<dyn Lease>>,
    beats: Beats,
    rooms: Mutex<HashMap<RoomName, Arc<Room>>>,
    bad_frames: AtomicU8,
    fast_frames: AtomicU32,
    pace: FramePace,
}

/// Under what a connection is opened.
#[derive(Clone)]
pub struct Pass {
    /// Who it is.
    pub user: User,
    /// A digest of the session or token.
    pub session: Arc<str>,
    /// Set if it was opened by a token rather than a session.
    pub token: Option<TokenPass>,
    /// Set if it was opened by a session, which may end meanwhile.
    pub lease: Option<Arc<dyn Lease>>,
}

/// What a connection depends on for as long as it lives.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Whether the session still lives; keeps it alive if so. A store that does
    /// not answer ends nobody's conversation.
    async fn is_alive(&self) -> bool;
}

/// A pass that ends at a known moment and can be renewed.
#[derive(Clone)]
pub struct TokenPass {
    /// When it ends, in seconds since 1970.
    pub expires: Arc<AtomicU64>,
    /// Reads a fresh token.
    pub verify: Arc<VerifyToken>,
}

/// A frame of the client, and the name it gave it.
pub type Asked = (Option<FrameId>, ClientFrame);

/// Reads a token: whose it is, and when it ends in seconds since 1970.
pub type VerifyToken = dyn Fn(&str) -> Result<(User, u64), Refusal> + Send + Sync;

/// Where a connection stood when it stopped following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// In the control log, if it followed that.
    pub control: Option<Position>,
    /// Whether some room has more for it.
    pub behind: bool,
}

/// How a connection counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A socket that stays open: it holds seats in its rooms.
    Live,
    /// One poll: its client holds seats of its own.
    Poll,
    /// One request that carries frames.
    Request,
}

impl Connection {
    /// Opens a connection, within the limits.
    pub fn open(hub: &Arc<Hub>, pass: Pass, kind: ConnectionKind) -> Result<Arc<Self>, Refusal> {
        hub.admit(&pass.user.clone(), |id| Self::new(hub, id, pass, kind))
    }

    /// Opens the connection of a socket, which begins with `hello`.
    pub fn open_live(hub: &Arc<Hub>, pass: Pass) -> Result<Arc<Self>, Refusal> {
        hub.note_guest(&pass);
        let connection = Self::open(hub, pass, ConnectionKind::Live)?;
        connection.outbox.push(hub.hello(&connection.user, None));
        Ok(connection)
    }

    /// A connection for the length of one request that carries frames. It is
    /// bounded by the request and so counts against no limit.
    pub fn for_request(hub: &Arc<Hub>, pass: Pass, polled: Option<Vec<RoomName>>) -> Self {
        let request = Self::new(hub, hub.next_id(), pass, ConnectionKind::Request);
        *request.lock_polled() = polled;
        request
    }

    fn new(hub: &Arc<Hub>, id: ConnectionId, pass: Pass, kind: ConnectionKind) -> Self {
        Self {
            id,
            user: pass.user,
            session: pass.session,
            token: pass.token,
            lease: pass.lease,
            beats: Beats::default(),
            outbox: Arc::new(Outbox::new(hub.settings.outbox_bytes)),
            hub: Arc::clone(hub),
            kind,
            polled: Mutex::default(),
            rooms: Mutex::default(),
            bad_frames: AtomicU8::new(0),
            fast_frames: AtomicU32::new(0),
            pace: FramePace::new(&hub.settings),
        }
    }

    /// Follows the control log from a position, or from now on. A live
    /// connection need not: the hub passes on what it says.
    pub async fn follow_control(&self, after: Option<Position>) -> Result<(), Refusal> {
        loop {
            let room = self.hub.room(&RoomName::control()).await?;
            let follower = self.follower(Position::ZERO);
            let attached = match after {
                Some(position) => room.attach_behind(&follower, position),
                None => room.attach_live(&follower),
            };
            if attached.is_ok() {
                self.hold(room);
                return Ok(());
            }
        }
    }

    /// Joins a room as the `join` frame does; `joined` goes into the outbox.
    pub async fn join(&self, room: &RoomName, after: Option<Position>) -> Result<(), Refusal> {
        commands::join::run(self, None, room.clone(), after).await
    }

    /// Goes on following a room from a position, without a greeting. It was found
    /// to be open `since` its log had that head.
    pub async fn resume(
        &self,
        name: &RoomName,
        after: Position,
        since: Position,
    ) -> Result<(), Refusal> {
        let follower = self.follower(since);
        loop {
            let room = self.hub.room(name).await?;
            if room.attach_behind(&follower, after).is_ok() {
                self.hold(room);
                return self.confirm_access(name).await;
            }
        }
    }

    /// Answers a message that is not text.
    pub fn refuse_binary(&self) {
        self.on_bad_frame(BadFrame {
            id: None,
            code: ErrorCode::BadJson,
            message: "frames are JSON text, not binary".to_owned(),
        });
    }

    /// Reads one frame of the client, which is then to be run; what is wrong with
    /// it is answered here.
    pub fn read(&self, text: &str) -> Option<Asked> {
        let frame = ClientFrame::parse(text);
        if let Err(refusal) = self.pace.check() {
            let id = match frame {
                Ok((id, _)) => id,
                Err(bad) => bad.id,
            };
            self.outbox.push(refusal.frame(id).text());
            if self.fast_frames.fetch_add(1, Ordering::Relaxed) >= FAST_FRAMES {
                self.outbox.close(CloseReason::Rate);
            }
            return None;
        }
        self.fast_frames.store(0, Ordering::Relaxed);
        match frame {
            Ok(asked) => {
                self.bad_frames.store(0, Ordering::Relaxed);
                Some(asked)
            }
            Err(bad) => {
                self.on_bad_frame(bad);
                None
            }
        }
    }

    /// A frame that could not be understood at all counts; one that was
    /// understood and had a wrong field does not.
    fn on_bad_frame(&self, bad: BadFrame) {
        let counts = matches!(bad.code, ErrorCode::BadJson | ErrorCode::UnknownType);
        let count = if counts {
            self.bad_frames.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            self.bad_frames.store(0, Ordering::Relaxed);
            0
        };
        let id = bad.id.clone();
        self.outbox.push(Refusal::from(bad).frame(id).text());
        if count >= BAD_FRAMES {
            self.outbox.close(CloseReason::Protocol);
        }
    }

    /// Whether one more ping of the protocol is within measure.
    pub fn may_ping(&self) -> bool {
        self.pace.check().is_ok()
    }

    /// Does what a frame asks; the reply goes into the outbox.
    pub async fn run(&self, id: Option<FrameId>, frame: ClientFrame) {
        match commands::run(self, id.clone(), frame).await {
            Ok(Some(reply)) => self.outbox.push(reply.text()),
            Ok(None) => {}
            Err(refusal) => self.outbox.push(refusal.frame(id).text()),
        }
    }

    /// Does what one frame of a request asks, and returns the reply.
    pub async fn answer(&self, id: Option<FrameId>, frame: ClientFrame) -> Text {
        if let Err(refusal) = self.hub.requests.check(&self.user.id) {
            return refusal.frame(id).text();
        }
        let room_joined = match &frame {
            ClientFrame::Join { room, .. } => Some(room.clone()),
            _ => None,
        };
        self.run(id.clone(), frame).await;
        if let Some(room) = room_joined.and_then(|name| self.room(&name)) {
            // The reply is all this request wants of the room.
            room.detach(self.id);
        }
        let mut replies = self.outbox.take().frames.into_iter();
        replies
            .next()
            .unwrap_or_else(|| ServerFrame::Ok { id }.text())
    }

    /// Ends the connection: its rooms see it go, after the grace period if it may
    /// come back.
    pub async fn end(&self) {
        self.detach();
        let rooms = self.all_rooms();
        if self.lease.is_some() {
            // Before it is looked whether the session is over: whichever comes
            // second, this or the word of that, finds the other.
            let names = rooms.iter().map(|room| room.name.clone()).collect();
            let most = self.hub.settings.rooms_per_connection;
            let lost = &self.hub.just_lost;
            lost.note(&self.session, &self.user, names, most);
        }
        let departure = if self.hub.is_gone(&self.session) {
            Departure::Now
        } else {
            Departure::Grace
        };
        for room in rooms {
            // If the broker is away, the lease makes it good.
            let _ = room.settle(&self.user, departure).await;
        }
    }

    /// Stops following everything. Returns where it stood in the control log,
    /// and whether it was behind anywhere.
    pub fn detach(&self) -> Standing {
        let mut standing = Standing {
            control: None,
            behind: false,
        };
        for room in self.all_rooms() {
            let Some(left) = room.detach(self.id) else {
                continue;
            };
            standing.behind |= left.behind;
            if room.name.is_control() {
                standing.control = Some(left.position);
            }
        }
        self.hub.dismiss(self);
        standing
    }

    /// This connection as a follower of a room that had this head when it was
    /// found that it may come in.
    pub(super) fn follower(&self, since: Position) -> Follower {
        Follower {
            id: self.id,
            user: self.user.clone(),
            outbox: Arc::clone(&self.outbox),
            seated: self.is_live(),
            since,
        }
    }

    /// Notes that a byte of the client was read.
    pub fn note_heard(&self) {
        self.beats.note_heard();
    }

    /// Counts a beat of the pulse, and says how the socket does. Called by the
    /// pulse alone.
    pub fn vitals(&self) -> Vitals {
        let is_blocked = self.outbox.is_blocked();
        self.beats.count(is_blocked, self.outbox.has_moved())
    }

    /// For how many beats it has been open.
    pub fn age(&self) -> u32 {
        self.beats.age()
    }

    /// Whether the session it was opened under still lives.
    pub async fn is_session_alive(&self) -> bool {
        match &self.lease {
            Some(lease) => lease.is_alive().await,
            None => true,
        }
    }

    /// Whether this is a socket that stays open.
    pub fn is_live(&self) -> bool {
        self.kind == ConnectionKind::Live
    }

    /// Whether this client may speak in a room.
    pub(super) fn may_send(&self, room: &RoomName) -> bool {
        if self.is_in(room) {
            return true;
        }
        self.kind == ConnectionKind::Request
            && self
                .lock_polled()
                .as_ref()
                .is_none_or(|polled| polled.contains(room))
    }

    /// The client of this request polls a room no more.
    pub fn forget_polled(&self, room: &RoomName) {
        if let Some(polled) = &mut *self.lock_polled() {
            polled.retain(|held| held != room);
        }
    }

    fn lock_polled(&self) -> MutexGuard<'_, Option<Vec<RoomName>>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this connection is in the room.
    pub fn is_in(&self, room: &RoomName) -> bool {
        self.room(room).is_some_and(|room| self.is_member(&room))
    }

    /// Whether this connection, which knows that version of who is in the room,
    /// is brought up to date in a moment.
    pub fn will_hear_presence(&self, room: &RoomName, version: u64) -> bool {
        self.room(room)
            .is_some_and(|room| self.is_member(&room) && room.will_tell_presence(version))
    }

    /// Whether a room that is held has this connection in it: the operator may
    /// have closed it. A request is in a room from its `join` to its end.
    fn is_member(&self, room: &Room) -> bool {
        self.kind == ConnectionKind::Request || room.has(self.id)
    }

    /// When the token this connection was opened by ends, in seconds since
    /// 1970; none for a session.
    pub fn expires(&self) -> Option<u64> {
        let token = self.token.as_ref()?;
        Some(token.expires.load(Ordering::Relaxed))
    }

    /// Goes on under a fresh token of the same user.
    pub(super) fn refresh(&self, token: &str) -> Result<u64, Refusal> {
        let pass = self.token.as_ref().filter(|_| self.is_live());
        let pass = pass.ok_or_else(|| {
            Refusal::new(
                ErrorCode::BadField,
                "only a socket that was opened by a token can refresh it",
            )
        })?;
        let (user, expires) = (pass.verify)(token)?;
        if user.id != self.user.id {
            return Err(Refusal::new(
                ErrorCode::Forbidden,
                "this token is for somebody else",
            ));
        }
        pass.expires.store(expires, Ordering::Relaxed);
        Ok(expires)
    }

    fn lock_rooms(&self) -> MutexGuard<'_, HashMap<RoomName, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, room: Arc<Room>) {
        self.lock_rooms().insert(room.name.clone(), room);
    }

    pub(super) fn let_go(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.lock_rooms().remove(name)
    }

    pub(super) fn room(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.lock_rooms().get(name).cloned()
    }

    /// Whether one more room is within measure: for a request, that of the client
    /// that polls. Forgets rooms that let this connection go.
    pub(super) fn may_join(&self, name: &RoomName) -> bool {
        let polled = self.lock_polled();
        let mut rooms = self.lock_rooms();
        rooms.retain(|_, room| self.is_member(room));
        let polled = polled.iter().flatten();
        let others: Vec<_> = polled.filter(|room| !rooms.contains_key(room)).collect();
        let here = rooms.keys().filter(|name| !name.is_control()).count();
        let is_new = !rooms.contains_key(name) && !others.contains(&name);
        !is_new || here + others.len() < self.hub.settings.rooms_per_connection
    }

    pub(super) fn all_rooms(&self) -> Vec<Arc<Room>> {
        self.lock_rooms().values().cloned().collect()
    }
}
