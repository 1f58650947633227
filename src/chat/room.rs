//! One room of this instance: who follows it here, and delivery to them in
//! order and without a hole.
//!
//! Everybody who follows the room is either *live* (gets each entry as it comes)
//! or *behind* from a position on (refills by pages from the log; see
//! `follow.rs`). Joining, resuming, polling and slow reading are all that one
//! thing: being behind for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::{
    broker::{Broker, BrokerError, Departure},
    protocol::{
        entry::{Entry, Kind},
        event::{PresenceChange, Typing},
        name::RoomName,
        position::Position,
        server_frame::{ServerFrame, Text},
        user::User,
    },
    shutdown::Shutdown,
    telemetry,
};

use super::{
    outbox::Outbox,
    ring::{Recent, Ring},
    sequence::{self, Break, Live},
};

/// Names one connection on this instance.
pub type ConnectionId = u64;

/// Told of every entry of a room once, in order.
pub(super) type Hook = Box<dyn Fn(&Entry) + Send + Sync>;

/// How many entries one read of the log asks for.
pub(super) const PAGE: usize = 100;

/// A room of this instance.
pub struct Room {
    /// Its name.
    pub name: RoomName,
    pub(super) broker: Arc<dyn Broker>,
    shutdown: Shutdown,
    hook: Option<Hook>,
    /// Held while the subscription is made or ended, so that the one cannot
    /// overtake the other.
    gate: tokio::sync::Mutex<()>,
    /// The users for whom this instance holds a seat. Held while one is taken
    /// or given up, so that a return cannot be overtaken by a departure.
    pub(super) seated: tokio::sync::Mutex<HashMap<Arc<str>, User>>,
    state: Mutex<State>,
    me: Weak<Self>,
}

pub(super) struct State {
    phase: Phase,
    /// Everybody live has everything up to here.
    pub(super) last: Position,
    pub(super) ring: Ring,
    pub(super) members: HashMap<ConnectionId, Member>,
    /// How many live sockets each user has in the room here.
    pub(super) here: HashMap<Arc<str>, usize>,
    idle_since: Instant,
}

enum Phase {
    /// Not subscribed yet.
    New,
    /// Subscribed, and not yet at its head: nobody may follow it, and the
    /// highest live entry is remembered.
    Opening { seen: Position },
    /// Reading what is missing from the log; live entries are not applied, the
    /// highest one is remembered.
    Repairing { seen: Position },
    /// Applying live entries as they come.
    Live,
    /// Taken out of the hub; whoever still holds it must ask the hub again.
    Retired,
}

/// Somebody who follows the room here.
pub(super) struct Member {
    pub(super) user: User,
    pub(super) outbox: Arc<Outbox>,
    pub(super) mode: Mode,
    /// Whether it counts as a seat of this instance (a poll has its own).
    pub(super) seated: bool,
    /// Whether it refills by `page` frames or frame by frame.
    pub(super) paged: bool,
}

/// How a member gets its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As they come, apart from what it has already: a client may be ahead of
    /// this instance when it comes from another one.
    Live {
        /// It has everything up to here.
        above: Position,
    },
    /// From the log, from this position on.
    Behind(Position),
}

impl Mode {
    /// Live, with nothing to leave out.
    pub(super) const LIVE: Self = Self::Live {
        above: Position::ZERO,
    };
}

impl Room {
    pub(super) fn new(
        name: RoomName,
        broker: Arc<dyn Broker>,
        shutdown: Shutdown,
        hook: Option<Hook>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            name,
            broker,
            shutdown,
            hook,
            gate: tokio::sync::Mutex::default(),
            seated: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                phase: Phase::New,
                last: Position::ZERO,
                ring: Ring::default(),
                members: HashMap::new(),
                here: HashMap::new(),
                idle_since: Instant::now(),
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held may have left one member out; the
        // room itself stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes at the first call. Returns false if the room was retired
    /// meanwhile: ask the hub for it again.
    pub(super) async fn open(self: &Arc<Self>) -> Result<bool, BrokerError> {
        if let Phase::Live | Phase::Repairing { .. } = self.lock().phase {
            return Ok(true);
        }
        let _gate = self.gate.lock().await;
        match self.lock().phase {
            Phase::Live | Phase::Repairing { .. } => return Ok(true),
            Phase::Retired => return Ok(false),
            Phase::New | Phase::Opening { .. } => {}
        }
        // The phase comes first, so that no entry after the subscription is
        // overlooked.
        self.lock().phase = Phase::Opening {
            seen: Position::ZERO,
        };
        self.broker.subscribe(&self.name).await?;
        let head = self.broker.status(&self.name).await?.head;
        let mut state = self.lock();
        let seen = match state.phase {
            Phase::Opening { seen } => seen,
            _ => Position::ZERO,
        };
        state.last = head;
        state.ring.restart(head);
        state.idle_since = Instant::now();
        if seen > head {
            state.phase = Phase::Repairing { seen };
            drop(state);
            self.spawn_repair();
        } else {
            state.phase = Phase::Live;
        }
        Ok(true)
    }

    /// Ends the subscription if nobody followed the room for `linger`. Returns
    /// whether the room is retired now.
    pub(super) async fn retire(&self, linger: Duration) -> bool {
        if !self.is_idle(linger) {
            return false;
        }
        let _gate = self.gate.lock().await;
        let seated = self.seated.lock().await;
        {
            let mut state = self.lock();
            let idle = state.members.is_empty() && state.idle_since.elapsed() >= linger;
            if !idle || !seated.is_empty() {
                return false;
            }
            state.phase = Phase::Retired;
        }
        self.broker.unsubscribe(&self.name).await;
        true
    }

    fn is_idle(&self, linger: Duration) -> bool {
        let state = self.lock();
        state.members.is_empty()
            && state.idle_since.elapsed() >= linger
            && !matches!(state.phase, Phase::Repairing { .. } | Phase::Retired)
    }

    /// Where the room stands here, unless it is being repaired or not open.
    pub(super) fn settled_head(&self) -> Option<Position> {
        let state = self.lock();
        matches!(state.phase, Phase::Live).then_some(state.last)
    }

    /// Whether it is subscribed and at its head.
    pub(super) fn is_open(&self) -> bool {
        !Self::is_shut(&self.lock())
    }

    /// Whether nobody may be added: once it is retired, or before it is at its
    /// head. Who is told so asks the hub again, and waits there.
    pub(super) fn is_shut(state: &State) -> bool {
        !matches!(state.phase, Phase::Live | Phase::Repairing { .. })
    }

    /// Takes a live entry.
    pub(super) fn on_entry(self: &Arc<Self>, entry: Entry) {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::New | Phase::Retired => {}
            Phase::Opening { seen } | Phase::Repairing { seen } => {
                *seen = (*seen).max(entry.position);
            }
            Phase::Live => match sequence::judge(state.last, &entry) {
                Live::Next => self.deliver(&mut state, entry),
                Live::Old => {}
                Live::Hole => {
                    state.phase = Phase::Repairing {
                        seen: entry.position,
                    };
                    drop(state);
                    self.spawn_repair();
                }
            },
        }
    }

    /// Reads the log if the broker's head is not ours.
    pub(super) fn compare_head(self: &Arc<Self>, head: Position) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Live) && state.last != head {
            state.phase = Phase::Repairing { seen: head };
            drop(state);
            self.spawn_repair();
        }
    }

    fn spawn_repair(self: &Arc<Self>) {
        telemetry::repair();
        let room = Arc::clone(self);
        self.shutdown
            .spawn_until_stopped(async move { room.repair().await });
    }

    /// Delivers from the log until nothing is missing. Runs once at a time: the
    /// phase is `Repairing` from before it starts until it ends.
    async fn repair(&self) {
        let mut wait = Duration::from_millis(50);
        loop {
            let last = self.lock().last;
            match self.broker.read_after(&self.name, last, PAGE).await {
                Ok(page) => {
                    let mut state = self.lock();
                    let nothing = page.entries.is_empty();
                    for entry in page.entries {
                        self.deliver_from_log(&mut state, entry);
                    }
                    let Phase::Repairing { seen } = state.phase else {
                        return;
                    };
                    // An entry that was seen and is not in the log went away
                    // with the tail the log lost: there is nothing to wait for.
                    if nothing || (!page.more && state.last >= seen) {
                        state.phase = Phase::Live;
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(room = %self.name, %error, "repair waits for the broker");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(1));
                }
            }
        }
    }

    fn deliver_from_log(&self, state: &mut State, entry: Entry) {
        if entry.position <= state.last {
            return;
        }
        if let Some(found) = sequence::find_break(state.last, &entry) {
            let frame = break_frame(&self.name, state.last, found);
            let from = state.last;
            for member in state.members.values_mut() {
                if matches!(member.mode, Mode::Live { .. }) && !member.outbox.offer(&frame) {
                    member.mode = Mode::Behind(from);
                }
            }
            // Positions below the break are not covered by what is kept here.
            state.ring.restart(entry.position);
            self.fan_out(state, &self.recent(entry));
        } else {
            self.deliver(state, entry);
        }
    }

    fn deliver(&self, state: &mut State, entry: Entry) {
        let recent = self.recent(entry);
        state.ring.push(Arc::clone(&recent));
        self.fan_out(state, &recent);
    }

    fn recent(&self, entry: Entry) -> Arc<Recent> {
        let frame = entry.frame(&self.name);
        Arc::new(Recent { entry, frame })
    }

    /// Gives an entry to everybody who is live. The finished frame is shared.
    fn fan_out(&self, state: &mut State, recent: &Recent) {
        let from = state.last;
        state.last = recent.entry.position;
        if let Some(hook) = &self.hook {
            hook(&recent.entry);
        }
        if !self.is_for_members(&recent.entry) {
            return;
        }
        if let Kind::Epoch { prev } = recent.entry.kind {
            self.tell_ahead(state, from, prev);
        }
        let mut delivered = 0;
        for member in state.members.values_mut() {
            let Mode::Live { above } = member.mode else {
                continue;
            };
            if above >= recent.entry.position {
                continue;
            }
            if member.outbox.offer(&recent.frame) {
                delivered += 1;
            } else {
                member.mode = Mode::Behind(from.max(above));
                telemetry::fell_behind();
            }
        }
        telemetry::deliveries(delivered);
        if recent.entry.kind == Kind::RoomClosed {
            self.dissolve(state);
        }
    }

    /// Lets everybody go from a room that was closed.
    fn dissolve(&self, state: &mut State) {
        state.members.clear();
        state.here.clear();
        Self::note_departure(state);
        let Some(room) = self.me.upgrade() else {
            return;
        };
        self.shutdown.spawn_until_stopped(async move {
            let users: Vec<_> = room.seated.lock().await.values().cloned().collect();
            for user in users {
                // If the broker is away, the lease makes it good.
                let _ = room.settle(&user, Departure::Now).await;
            }
        });
    }

    /// Tells those who had come with more than this instance knew, and more than
    /// the log kept, what is gone: rollback is decided per position.
    fn tell_ahead(&self, state: &State, from: Position, prev: Position) {
        for member in state.members.values() {
            if let Mode::Live { above } = member.mode
                && above > from
                && above > prev
            {
                let found = Break::Rollback { after: prev };
                member.outbox.push(break_frame(&self.name, above, found));
            }
        }
    }

    /// Of the control log, clients see only what is said to them.
    pub(super) fn is_for_members(&self, entry: &Entry) -> bool {
        !self.name.is_control() || entry.kind == Kind::Notice
    }

    /// Passes on who came and went. Whoever has no room for it notices the
    /// missing version and asks for the members.
    pub(super) fn on_presence(&self, change: PresenceChange) {
        let frame = ServerFrame::Presence {
            room: self.name.clone(),
            version: change.version,
            joined: change.joined,
            left: change.left,
            count: change.count,
        };
        self.tell_all(&frame.text(), None);
    }

    /// Passes on who types, to everybody else.
    pub(super) fn on_typing(&self, typing: Typing) {
        let typist = Arc::clone(&typing.user.id);
        let frame = ServerFrame::Typing {
            room: self.name.clone(),
            user: typing.user,
            on: typing.on,
        };
        self.tell_all(&frame.text(), Some(&typist));
    }

    fn tell_all(&self, frame: &Text, except: Option<&str>) {
        let state = self.lock();
        for member in state.members.values() {
            if except != Some(&*member.user.id) {
                member.outbox.offer_hint(frame);
            }
        }
    }

    /// Notes that nobody follows the room any more, for the linger.
    pub(super) fn note_departure(state: &mut State) {
        if state.members.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

/// The frame that tells of missing history.
pub(super) fn break_frame(room: &RoomName, from: Position, found: Break) -> Text {
    match found {
        Break::Gap { to } => ServerFrame::Gap {
            room: room.clone(),
            from,
            to,
        },
        Break::Rollback { after } => ServerFrame::Rollback {
            room: room.clone(),
            after,
        },
    }
    .text()
}
