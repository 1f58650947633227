//! The loop of one thread: it waits for sockets, for the next due moment and
//! for commands, and plays its share of the clients.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::bench::{
    check::Via,
    plan::{Credentials, Pace},
};

use super::{
    http::Cookies,
    io::SPACE,
    pace::Pacing,
    person::{Link, Outgoing, Person, Place},
    shared::{Command, Mailbox, Remains, Second, Shared, Told},
    stats::{Nanos, Stages, Tally},
    wire::{Phase, Role, Wire},
};

pub(super) const SECOND: Nanos = 1_000_000_000;
pub(super) const MILLI: Nanos = 1_000_000;
/// How long a connection may take to open.
const OPENING: Nanos = 10 * SECOND;
/// How long a WebSocket may say nothing; the server speaks every 20 s.
const SILENT: Nanos = 50 * SECOND;
/// How long a request may take; polls are held for up to 25 s.
const ASKING: Nanos = 40 * SECOND;

const WAKE: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// What is due at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Connect, if still wanted.
    Attempt,
    /// Say that there is no connection, if there is none.
    Notice,
    /// Go on sending.
    Retry,
    /// Go on polling.
    Poll,
    /// A slow reader reads a little.
    Sip,
}

/// One thread.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) thread: u32,
    pub(super) poll: Poll,
    timer: OwnedFd,
    armed: Nanos,
    pub(super) wires: Vec<Option<Wire>>,
    /// Places in `wires` that may be used again; those that were given up in
    /// this turn only from the next one on, as events of it may name them.
    pub(super) free: Vec<usize>,
    pub(super) freed: Vec<usize>,
    pub(super) people: Vec<Person>,
    pub(super) tally: Tally,
    pub(super) stages: Stages,
    pub(super) now: Nanos,
    dues: BinaryHeap<Reverse<(Nanos, usize, Due)>>,
    pub(super) buffer: Vec<u8>,
    commands: Receiver<Command>,
    tell: Sender<Told>,
    pub(super) pacing: Pacing,
    connecting: Option<Nanos>,
    begun: usize,
    next_second: Nanos,
    is_talking: bool,
    is_over: bool,
}

impl Driver {
    /// A thread that plays every `threads`-th client.
    pub(super) fn new(
        shared: Arc<Shared>,
        thread: u32,
        commands: Receiver<Command>,
        tell: Sender<Told>,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        poll.registry()
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let threads = shared.plan.threads.max(1);
        let people = (0..shared.plan.clients)
            .filter(|number| number % threads == thread)
            .map(|number| person(&shared, number))
            .collect();
        let driver = Self {
            shared,
            thread,
            poll,
            timer,
            armed: 0,
            wires: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            people,
            tally: Tally::default(),
            stages: Stages::default(),
            now: 0,
            dues: BinaryHeap::new(),
            buffer: vec![0; SPACE],
            commands,
            tell,
            pacing: Pacing::default(),
            connecting: None,
            begun: 0,
            next_second: SECOND,
            is_talking: false,
            is_over: false,
        };
        Ok((driver, waker))
    }

    /// Goes on until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        while !self.is_over {
            if let Err(error) = self.turn(&mut events) {
                let _ = self.tell.send(Told::Failed(error.to_string()));
                return;
            }
        }
        let remains = self.remains();
        let _ = self.tell.send(Told::Over(Box::new(remains)));
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.arm()?;
        match self.poll.poll(events, Some(Duration::from_secs(1))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.now = self.shared.now();
        for event in events.iter() {
            match event.token() {
                WAKE => {}
                TIMER => {
                    // Whatever it counted, it is due.
                    let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
                }
                Token(id) => {
                    let readable = event.is_readable() || event.is_read_closed();
                    self.on_event(id, readable, event.is_read_closed());
                }
            }
        }
        while let Ok(command) = self.commands.try_recv() {
            self.obey(&command);
        }
        self.run_dues();
        self.connect_more();
        self.keep_pace();
        if self.now >= self.next_second {
            self.end_second();
        }
        let freed = std::mem::take(&mut self.freed);
        self.free.extend(freed);
        Ok(())
    }

    /// Sets the timer to the next due moment. `epoll_wait` counts in whole
    /// milliseconds, which is too coarse for an open loop.
    fn arm(&mut self) -> io::Result<()> {
        let mut next = self.next_second;
        if let Some(Reverse((at, ..))) = self.dues.peek() {
            next = next.min(*at);
        }
        if let Some(at) = self.connecting {
            next = next.min(at);
        }
        if let Some(at) = self.pacing.next() {
            next = next.min(at);
        }
        if next == self.armed {
            return Ok(());
        }
        self.armed = next;
        let wait = Duration::from_nanos(next.saturating_sub(self.shared.now()).max(1));
        let value = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(wait.subsec_nanos()),
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }

    /// Remembers that something is due for a client.
    pub(super) fn at(&mut self, at: Nanos, who: usize, due: Due) {
        self.dues.push(Reverse((at, who, due)));
    }

    fn run_dues(&mut self) {
        while let Some(Reverse((at, who, due))) = self.dues.peek().copied() {
            if at > self.now {
                return;
            }
            self.dues.pop();
            match due {
                Due::Attempt => self.attempt(who),
                Due::Notice => self.notice(who),
                Due::Retry => self.pump(who),
                Due::Poll => self.go_on_polling(who),
                Due::Sip => self.sip(who),
            }
        }
    }

    fn obey(&mut self, command: &Command) {
        match command {
            Command::Connect => self.connecting = Some(self.now),
            Command::Talk(pace) => {
                self.is_talking = true;
                self.talk(*pace);
            }
            Command::Hush => {
                self.is_talking = false;
                self.talk(Pace::Silent);
                self.read_all();
            }
            Command::Cut(away) => self.cut_all(*away),
            Command::AskMembers => self.ask_members(),
            Command::Finished(slot) => self.pacing.is_free(*slot),
            Command::Stop => self.is_over = true,
        }
    }

    /// Lets the next clients begin to connect, at the pace of the plan.
    fn connect_more(&mut self) {
        let Some(at) = self.connecting.filter(|at| *at <= self.now) else {
            return;
        };
        let threads = u64::from(self.shared.plan.threads.max(1));
        let step = match self.shared.plan.connects_per_second {
            Some(rate) => SECOND * threads / u64::from(rate.max(1)),
            None => 0,
        };
        let mut at = at;
        while at <= self.now && self.begun < self.people.len() {
            let who = self.begun;
            self.begun += 1;
            self.people[who].is_wanted = true;
            self.people[who].link.back_from = self.now;
            self.attempt(who);
            at += step;
        }
        self.connecting = (self.begun < self.people.len()).then_some(at);
    }

    /// Once a second: tells what happened, and looks for what hangs.
    fn end_second(&mut self) {
        self.next_second += SECOND;
        let second = self.second();
        self.stages = Stages::default();
        let _ = self.tell.send(Told::Second(Box::new(second)));
        for id in 0..self.wires.len() {
            let Some(wire) = &self.wires[id] else {
                continue;
            };
            let silent = self.now.saturating_sub(wire.heard);
            let why = match (wire.role, wire.phase) {
                (_, Phase::Opening) if silent > OPENING => "no answer while opening",
                (Role::Socket(_), Phase::Open) if silent > SILENT && !wire.has_unread => "silent",
                (_, Phase::Asking) if silent > ASKING => "no answer",
                _ => continue,
            };
            self.lost(id, why);
        }
        self.check_pace();
        if self.is_talking {
            self.churn();
        }
    }

    fn second(&self) -> Second {
        let mut second = Second {
            thread: self.thread,
            at: self.now,
            tally: self.tally.clone(),
            stages: self.stages.clone(),
            ..Second::default()
        };
        for (who, person) in self.people.iter().enumerate() {
            second.up += u32::from(person.link.is_up);
            second.ended += u32::from(who < self.begun && !person.is_wanted);
            second.unanswered += person.outgoing.unsent.len() as u64;
            let is_behind = |place: &Place| place.last < self.shared.head(place.room);
            second.behind += u32::from(person.places.iter().any(is_behind));
        }
        second
    }

    fn remains(&mut self) -> Remains {
        let mut short = 0;
        for person in self.people.iter().filter(|person| person.link.is_up) {
            for place in &person.places {
                let head = self.shared.head(place.room);
                if head > place.last {
                    short += if head.epoch == place.last.epoch {
                        head.seq - place.last.seq
                    } else {
                        1
                    };
                }
            }
        }
        let last = self.second();
        let journals = self.people.iter_mut();
        let journals = journals.filter_map(|person| person.journal.take());
        Remains {
            last,
            journals: journals.collect(),
            short,
        }
    }
}

fn person(shared: &Shared, number: u32) -> Person {
    let plan = &shared.plan;
    let token = match &plan.credentials {
        Credentials::Tokens(tokens) => tokens.get(number as usize).map(|token| (**token).into()),
        Credentials::SignIn => None,
    };
    Person {
        number,
        via: if plan.polls(number) {
            Via::Poll
        } else {
            Via::WebSocket
        },
        token,
        cookies: Cookies::default(),
        user: 0,
        journal: plan
            .keeps_journals
            .then(|| crate::bench::check::Journal::new(number)),
        places: plan.rooms_of(number).map(Place::of).collect(),
        link: Link::default(),
        outgoing: Outgoing::default(),
        is_slow: plan.reads_slowly(number),
        is_wanted: false,
    }
}

/// Starts all threads of a run.
pub(crate) fn start(
    shared: &Arc<Shared>,
    tell: &Sender<Told>,
) -> io::Result<Vec<std::thread::JoinHandle<()>>> {
    let mut boxes = Vec::new();
    let mut drivers = Vec::new();
    for thread in 0..shared.plan.threads.max(1) {
        let (sender, commands) = std::sync::mpsc::channel();
        let (driver, waker) = Driver::new(Arc::clone(shared), thread, commands, tell.clone())?;
        boxes.push(Mailbox { sender, waker });
        drivers.push(driver);
    }
    shared.set_mailboxes(boxes);
    drivers
        .into_iter()
        .map(|driver| {
            std::thread::Builder::new()
                .name(format!("clients-{}", driver.thread))
                .spawn(move || driver.run())
        })
        .collect()
}
