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
    pace::Pacing,
    person::{Link, Outgoing, Person, Place},
    shared::{Command, Mailbox, Remains, Second, Shared, Told},
    stats::{Nanos, Stages, Tally},
    wire::{Role, Took, Wire},
};

pub(super) const SECOND: Nanos = 1_000_000_000;
pub(super) const MILLI: Nanos = 1_000_000;
/// How long a connection may take to open.
const OPENING: Nanos = 10 * SECOND;
/// How long a WebSocket may say nothing; the server speaks every 20 s.
const SILENT: Nanos = 50 * SECOND;
/// How long a request may take; polls are held for up to 25 s.
const ASKING: Nanos = 40 * SECOND;
/// How often a slow reader reads.
const SIPS_PER_SECOND: u32 = 10;

const WAKE: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// The space for one read. Frames that do not fit make it grow.
const SPACE: usize = 256 * 1024;

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
    poll: Poll,
    timer: OwnedFd,
    armed: Nanos,
    pub(super) wires: Vec<Option<Wire>>,
    free: Vec<usize>,
    freed: Vec<usize>,
    pub(super) people: Vec<Person>,
    pub(super) tally: Tally,
    pub(super) stages: Stages,
    pub(super) now: Nanos,
    dues: BinaryHeap<Reverse<(Nanos, usize, Due)>>,
    buffer: Vec<u8>,
    commands: Receiver<Command>,
    tell: Sender<Told>,
    pub(super) pacing: Pacing,
    connecting: Option<Nanos>,
    begun: usize,
    next_second: Nanos,
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
            Command::Talk(pace) => self.talk(*pace),
            Command::Hush => self.talk(Pace::Silent),
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

    /// Opens a connection for a client.
    pub(super) fn open_wire(&mut self, who: usize, role: Role) -> Option<usize> {
        let plan = &self.shared.plan;
        let person = &self.people[who];
        let turn = u64::from(person.number) + u64::from(person.link.attempts);
        let target = plan.targets[usize::try_from(turn).unwrap_or(0) % plan.targets.len()];
        let range = person.number / plan.per_address.max(1);
        // 127.0.0.1 is the first address; others come with great numbers.
        let source = u8::try_from(range + 1).ok().filter(|last| *last > 1);
        let id = self.free.pop().unwrap_or_else(|| {
            self.wires.push(None);
            self.wires.len() - 1
        });
        let opened = Wire::open(target, source, who, role, self.now).and_then(|mut wire| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut wire.stream, Token(id), interest)?;
            Ok(wire)
        });
        match opened {
            Ok(wire) => {
                self.wires[id] = Some(wire);
                Some(id)
            }
            Err(error) => {
                self.free.push(id);
                self.tally.failed_connects += 1;
                self.tally.reason(&format!("connect: {error}"));
                None
            }
        }
    }

    /// Ends a connection at once, without telling the client.
    pub(super) fn drop_wire(&mut self, id: usize) {
        if let Some(mut wire) = self.wires[id].take() {
            // It is closed next, which removes it anyway.
            let _ = self.poll.registry().deregister(&mut wire.stream);
            self.freed.push(id);
        }
    }

    /// Writes what is queued; a connection that cannot be written to is over.
    pub(super) fn flush(&mut self, id: usize) {
        if let Some(wire) = &mut self.wires[id]
            && let Err(error) = wire.flush()
        {
            self.lost(id, &format!("write: {error}"));
        }
    }

    fn on_event(&mut self, id: usize, readable: bool, closed: bool) {
        let Some(wire) = &mut self.wires.get_mut(id).and_then(Option::as_mut) else {
            return;
        };
        if !wire.is_connected {
            match wire.finish_connect() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.tally.failed_connects += 1;
                    return self.lost(id, &format!("connect: {error}"));
                }
            }
        }
        self.flush(id);
        if readable {
            let is_slow = self.wires[id].as_mut().is_some_and(|wire| {
                wire.has_unread = true;
                matches!(wire.role, Role::Socket(_)) && self.people[wire.client].is_slow
            });
            if !is_slow {
                self.read(id, SPACE, closed);
            }
        }
    }

    /// Reads until nothing more is there. A read that does not fill its space
    /// took everything, unless the end is there, too.
    fn read(&mut self, id: usize, most: usize, closed: bool) {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let Some(wire) = &mut self.wires[id] else {
                self.buffer = buffer;
                return;
            };
            let start = wire.partial.len();
            if buffer.len() < start + SPACE {
                buffer.resize(start + SPACE, 0);
            }
            buffer[..start].copy_from_slice(&wire.partial);
            let took = wire.read(&mut buffer[start..start + most]);
            let mut goes_on = false;
            match took {
                Took::Bytes(count, more) => {
                    wire.partial.clear();
                    wire.heard = self.now;
                    self.tally.bytes_in += count as u64;
                    self.consume(id, &buffer[..start + count]);
                    goes_on = (more || closed) && most == SPACE;
                }
                Took::Nothing => wire.has_unread = false,
                Took::End => {
                    self.buffer = buffer;
                    return self.lost(id, "cut");
                }
            }
            self.buffer = buffer;
            if !goes_on {
                return;
            }
        }
    }

    fn sip(&mut self, who: usize) {
        let Some((_, per_second)) = self.shared.plan.slow_readers else {
            return;
        };
        let link = &self.people[who].link;
        let Some(id) = link.sockets[link.current] else {
            return;
        };
        if self.wires[id].as_ref().is_some_and(|wire| wire.has_unread) {
            let most = (per_second / SIPS_PER_SECOND).max(1) as usize;
            self.read(id, most.min(SPACE - 1), false);
        }
        let next = self.now + SECOND / u64::from(SIPS_PER_SECOND);
        self.at(next, who, Due::Sip);
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
                (_, super::wire::Phase::Opening) if silent > OPENING => "no answer while opening",
                (Role::Socket(_), super::wire::Phase::Open)
                    if silent > SILENT && !wire.has_unread =>
                {
                    "silent"
                }
                (_, super::wire::Phase::Asking) if silent > ASKING => "no answer",
                _ => continue,
            };
            self.lost(id, why);
        }
        self.check_pace();
        self.churn();
    }

    fn second(&self) -> Second {
        let mut second = Second {
            thread: self.thread,
            at: self.now,
            tally: self.tally.clone(),
            stages: self.stages.clone(),
            ..Second::default()
        };
        for person in &self.people {
            second.up += u32::from(person.link.is_up);
            second.ended += u32::from(!person.is_wanted);
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
