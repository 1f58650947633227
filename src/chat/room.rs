//! One room of this instance: the shell around its sequencer. It holds the
//! lock, subscribes and reads the log when the sequencer asks for it. What needs
//! no place among the entries, presence and typing, is passed on by `hints.rs`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::{
    broker::{Broker, BrokerError, Departure, RoomStatus},
    protocol::{entry::Entry, name::RoomName, position::Position},
    shutdown::Shutdown,
    telemetry,
    turns::Turns,
};

use super::{
    follow::Follower,
    hints::Hints,
    refill::PAGE,
    seats::Seats,
    sequencer::{Outcome, Sequencer},
    single_flight::SingleFlight,
};

pub use super::sequencer::ConnectionId;

/// How many members are written to before others get their turn: about a tenth
/// of a millisecond of work. Half as many would be still kinder to a quiet room,
/// and cost more system calls.
pub(super) const MEMBERS_PER_TURN: usize = 28;

/// Told of every entry of a room once, in order.
pub(super) type Hook = Box<dyn Fn(&Entry) + Send + Sync>;

/// A room of this instance.
pub struct Room {
    /// Its name.
    pub name: RoomName,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) shutdown: Shutdown,
    hook: Option<Hook>,
    /// Held while the subscription is made or ended, so that the one cannot
    /// overtake the other.
    gate: tokio::sync::Mutex<()>,
    /// Held while a seat is taken or given up; alone, by whoever retires the
    /// room.
    pub(super) seating: tokio::sync::RwLock<()>,
    /// Each user's own turn at that, so that a return cannot be overtaken by a
    /// departure. Users do not wait for each other: what many of them want at
    /// once, the broker does at once.
    pub(super) sitters: Turns<8>,
    /// What many who come ask the broker at once.
    status: SingleFlight<Result<RoomStatus, BrokerError>>,
    state: Mutex<State>,
    /// What may be lost and waits to be told.
    pub(super) hints: Hints,
    pub(super) me: Weak<Self>,
}

pub(super) struct State {
    pub(super) sequencer: Sequencer<Follower>,
    /// Who has a seat, and who ought to.
    pub(super) seats: Seats,
    pub(super) idle_since: Instant,
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
            state: Mutex::new(State {
                sequencer: Sequencer::new(name.clone()),
                seats: Seats::default(),
                idle_since: Instant::now(),
            }),
            hints: Hints::default(),
            name,
            broker,
            shutdown,
            hook,
            gate: tokio::sync::Mutex::default(),
            seating: tokio::sync::RwLock::default(),
            sitters: Turns::default(),
            status: SingleFlight::default(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held may have left one member out; the
        // room itself stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes at the first call. Returns false if the room was retired
    /// meanwhile: ask the hub for it again.
    pub(super) async fn open(&self) -> Result<bool, BrokerError> {
        if self.lock().sequencer.is_open() {
            return Ok(true);
        }
        let _gate = self.gate.lock().await;
        {
            let sequencer = &mut self.lock().sequencer;
            if sequencer.is_open() || sequencer.is_retired() {
                return Ok(sequencer.is_open());
            }
            sequencer.begin_opening();
        }
        self.broker.subscribe(&self.name).await?;
        let head = self.broker.status(&self.name).await?.head;
        let mut state = self.lock();
        state.idle_since = Instant::now();
        let outcome = state.sequencer.opened(head);
        self.carry_out(&mut state, &outcome);
        Ok(true)
    }

    /// Ends the subscription if nobody followed the room for `linger`. Returns
    /// whether the room is retired now.
    pub(super) async fn retire(&self, linger: Duration) -> bool {
        if !self.is_idle(linger) {
            return false;
        }
        let _gate = self.gate.lock().await;
        let _seating = self.seating.write().await;
        {
            let mut state = self.lock();
            let idle = state.sequencer.is_empty() && state.idle_since.elapsed() >= linger;
            if !idle || !state.seats.is_empty() {
                return false;
            }
            state.sequencer.retire();
        }
        self.broker.unsubscribe(&self.name).await;
        true
    }

    /// What the room is, asked of the broker from now on.
    pub(super) async fn status(&self) -> Result<RoomStatus, BrokerError> {
        let (broker, name) = (Arc::clone(&self.broker), self.name.clone());
        let ask = async move { broker.status(&name).await };
        let answer = self.status.ask(ask).await;
        // None if the call broke off.
        answer.unwrap_or(Err(BrokerError::Unavailable))
    }

    fn is_idle(&self, linger: Duration) -> bool {
        let state = self.lock();
        let sequencer = &state.sequencer;
        sequencer.is_empty()
            && state.seats.is_empty()
            && state.idle_since.elapsed() >= linger
            && !(sequencer.is_repairing() || sequencer.is_retired())
    }

    /// Where the room stands here, unless it is being repaired or not open.
    pub(super) fn settled_head(&self) -> Option<Position> {
        self.lock().sequencer.settled_head()
    }

    /// Whether it is subscribed and at its head.
    pub(super) fn is_open(&self) -> bool {
        self.lock().sequencer.is_open()
    }

    /// Takes a live entry.
    pub(super) fn on_entry(&self, entry: Entry) {
        let mut state = self.lock();
        let outcome = state
            .sequencer
            .on_entry(entry, &|entry| self.call_hook(entry));
        self.carry_out(&mut state, &outcome);
    }

    /// Reads the log if the broker's head is not ours.
    pub(super) fn compare_head(&self, head: Position) {
        let mut state = self.lock();
        let outcome = state.sequencer.on_head(head);
        self.carry_out(&mut state, &outcome);
    }

    fn call_hook(&self, entry: &Entry) {
        if let Some(hook) = &self.hook {
            hook(entry);
        }
    }

    /// Does what the sequencer left to do.
    pub(super) fn carry_out(&self, state: &mut State, outcome: &Outcome<Follower>) {
        let next = self.note(state, outcome);
        let Some(room) = self.me.upgrade() else {
            return;
        };
        if outcome.walk {
            let room = Arc::clone(&room);
            // Nobody waits for it at the end: who was not told yet reads on
            // from another instance.
            tokio::spawn(async move { room.walk().await });
        }
        if let Some(from) = next {
            telemetry::repair();
            self.shutdown
                .spawn_until_stopped(async move { room.repair(from).await });
        }
    }

    /// Gives the members what they have not got yet, some members at a time, so
    /// that a big room keeps no other one waiting.
    async fn walk(&self) {
        let walker = Walker(self);
        loop {
            let more = {
                let mut state = self.lock();
                let outcome = state.sequencer.walk(MEMBERS_PER_TURN);
                self.note(&mut state, &outcome);
                outcome.walk
            };
            if !more {
                break;
            }
            tokio::task::yield_now().await;
            self.broker.give_way();
        }
        std::mem::forget(walker);
    }

    /// Notes what became of the members. Returns where the log is to be read.
    fn note(&self, state: &mut State, outcome: &Outcome<Follower>) -> Option<Position> {
        telemetry::deliveries(outcome.delivered);
        for _ in 0..outcome.fell_behind {
            telemetry::fell_behind();
        }
        if !outcome.let_go.is_empty() {
            for follower in &outcome.let_go {
                state.note_departure(follower);
            }
            self.give_up_seats(&outcome.let_go);
        }
        outcome.read
    }

    /// Delivers from the log until nothing is missing. Runs once at a time: the
    /// sequencer asks for no second page before it has the first.
    async fn repair(&self, from: Position) {
        let mut next = Some(from);
        let mut wait = Duration::from_millis(50);
        while let Some(from) = next {
            let walk = match self.broker.read_after(&self.name, from, PAGE).await {
                Ok(page) => {
                    let mut state = self.lock();
                    let outcome = state
                        .sequencer
                        .on_page(page, &|entry| self.call_hook(entry));
                    next = self.note(&mut state, &outcome);
                    outcome.walk
                }
                Err(error) => {
                    tracing::debug!(room = %self.name, %error, "repair waits for the broker");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(1));
                    false
                }
            };
            if walk {
                // Before the next page is there, so that nobody falls behind
                // only because much was missing.
                self.walk().await;
            }
        }
    }

    /// Gives up the seats of those whom the room let go. Somebody else may
    /// be about to join: then the room is there again, and the seat is wanted.
    pub(super) fn give_up_seats(&self, let_go: &[Follower]) {
        let Some(room) = self.me.upgrade() else {
            return;
        };
        let seated = let_go.iter().filter(|follower| follower.seated);
        let users: Vec<_> = seated.map(|follower| follower.user.clone()).collect();
        self.shutdown.spawn_until_stopped(async move {
            for user in users {
                // If the broker is away, it is made good when it is back.
                let _ = room.settle(&user, Departure::Now).await;
            }
        });
    }
}

/// Sees to it that a walk which broke off, by a panic over one member, leaves
/// the others in the room.
struct Walker<'a>(&'a Room);

impl Drop for Walker<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // The process ends, and with it everything here.
            return;
        }
        let begun = self.0.lock().sequencer.recover_walk();
        if begun && let Some(room) = self.0.me.upgrade() {
            tokio::spawn(async move { room.walk().await });
        }
    }
}

impl State {
    /// Counts a follower who came, in place of another one or not.
    pub(super) fn note_arrival(&mut self, follower: &Follower, before: Option<&Follower>) {
        if follower.seated && !before.is_some_and(|before| before.seated) {
            self.seats.arrive(&follower.user);
        }
    }

    /// Counts a follower who went; notes when nobody is left, for the linger.
    pub(super) fn note_departure(&mut self, follower: &Follower) {
        if follower.seated {
            self.seats.depart(&follower.user);
        }
        if self.sequencer.is_empty() {
            self.idle_since = Instant::now();
        }
    }
}
