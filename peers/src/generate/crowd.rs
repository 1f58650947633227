//! The connections of a run: opened a few at a time, then read from one shared
//! buffer, with nothing allocated per message.

use std::time::Instant;

use anyhow::{Result, bail};
use rustix::{
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send, sockopt},
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec},
};

use super::{
    dialect::{self, Step},
    socket,
};
use crate::{
    frame,
    plan::{Dialect, Plan},
};

const BUFFER: usize = 256 * 1024;
const EVENTS: usize = 1_024;
/// How many connections come in at the same time.
const COMING: usize = 64;
const TIMER: u64 = u64::MAX;
/// The longest that a turn waits for something to happen.
const LONGEST_WAIT_MS: i64 = 50;
const LONGEST_HEAD: usize = 16 * 1024;
/// Failures that are told one by one.
const MOST_FAILURES: usize = 5;

/// Is told what members hear.
pub(crate) trait Listener {
    /// A text message came to a member.
    fn heard(&mut self, member: usize, payload: &[u8], now: u64);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Upgrading,
    Joining,
    There,
    Gone,
}

struct Member {
    socket: OwnedFd,
    phase: Phase,
    /// The beginning of a frame whose rest is to come.
    partial: Vec<u8>,
}

/// All connections.
pub(crate) struct Crowd {
    poll: OwnedFd,
    timer: OwnedFd,
    events: Vec<Event>,
    buffer: Vec<u8>,
    began: Instant,
    members: Vec<Member>,
    dialect: Dialect,
    there: usize,
    failures: Vec<String>,
    failed: usize,
}

impl Crowd {
    pub(crate) fn new(dialect: Dialect) -> Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = rustix::time::timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        epoll::add(&poll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self {
            poll,
            timer,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            began: Instant::now(),
            members: Vec::new(),
            dialect,
            there: 0,
            failures: Vec::new(),
            failed: 0,
        })
    }

    /// Nanoseconds since the run began.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// How many members are there.
    pub(crate) fn there(&self) -> usize {
        self.there
    }

    /// What went wrong so far.
    pub(crate) fn failures(&mut self) -> Vec<String> {
        let untold = self.failed.saturating_sub(self.failures.len());
        if untold > 0 {
            self.failures
                .push(format!("and {untold} more connections failed"));
        }
        std::mem::take(&mut self.failures)
    }

    /// Lets everybody in, at most a few at the same time.
    pub(crate) fn fill(
        &mut self,
        plan: &Plan,
        credentials: &[String],
        deadline: Instant,
        listener: &mut impl Listener,
    ) -> Result<()> {
        while self.there + self.failed < plan.members() {
            while self.members.len() < plan.members()
                && self.members.len() - self.there - self.failed < COMING
            {
                self.open(plan)?;
            }
            self.turn_with(listener, Some((plan, credentials)))?;
            if Instant::now() > deadline {
                let missing = plan.members() - self.there;
                bail!(
                    "{missing} of {} connections did not come up",
                    plan.members()
                );
            }
        }
        match self.failures().join("; ") {
            failures if failures.is_empty() => Ok(()),
            failures => bail!("not everybody could connect: {failures}"),
        }
    }

    fn open(&mut self, plan: &Plan) -> Result<()> {
        let number = self.members.len();
        let target = plan.targets[number % plan.targets.len()];
        let socket = socket::open(target, number)?;
        let data = EventData::new_u64(number as u64);
        epoll::add(&self.poll, &socket, data, EventFlags::OUT)?;
        self.members.push(Member {
            socket,
            phase: Phase::Connecting,
            partial: Vec::new(),
        });
        Ok(())
    }

    /// Wakes the loop up at a moment, exactly.
    pub(crate) fn wake_at(&self, due: u64) -> Result<()> {
        // Zero would switch the timer off.
        let nanos = due.saturating_sub(self.now()).max(1);
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(nanos / 1_000_000_000)?,
                tv_nsec: i64::try_from(nanos % 1_000_000_000)?,
            },
        };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Waits until something happens, and handles it.
    pub(crate) fn turn(&mut self, listener: &mut impl Listener) -> Result<()> {
        self.turn_with(listener, None)
    }

    fn turn_with(
        &mut self,
        listener: &mut impl Listener,
        opening: Option<(&Plan, &[String])>,
    ) -> Result<()> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: LONGEST_WAIT_MS * 1_000_000,
        };
        let space = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.poll, space, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let data = event.data;
            if data.u64() == TIMER {
                // Reading resets it; that it fired is all there is to know.
                let _ = rustix::io::read(&self.timer, &mut [0; 8]);
                continue;
            }
            let who = usize::try_from(data.u64())?;
            if self.members[who].phase == Phase::Connecting {
                if let Some((plan, credentials)) = opening {
                    self.ask(plan, credentials, who)?;
                }
            } else if self.members[who].phase != Phase::Gone {
                self.read(who, listener, opening.map(|(plan, _)| plan))?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// The connection is there: asks for the upgrade.
    fn ask(&mut self, plan: &Plan, credentials: &[String], who: usize) -> Result<()> {
        let member = &mut self.members[who];
        if let Err(error) = sockopt::socket_error(&member.socket)? {
            self.fail(who, &format!("connecting: {error}"))?;
            return Ok(());
        }
        member.phase = Phase::Upgrading;
        let data = EventData::new_u64(who as u64);
        epoll::modify(&self.poll, &member.socket, data, EventFlags::IN)?;
        self.say(who, &dialect::upgrade(plan, who, credentials))
    }

    fn read(
        &mut self,
        who: usize,
        listener: &mut impl Listener,
        opening: Option<&Plan>,
    ) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let member = &mut self.members[who];
        let kept = member.partial.len();
        if buffer.len() < kept + BUFFER / 2 {
            buffer.resize(kept + BUFFER, 0);
        }
        if kept > 0 {
            buffer[..kept].copy_from_slice(&member.partial);
            member.partial.clear();
        }
        let result = match recv(&member.socket, &mut buffer[kept..], RecvFlags::empty()) {
            Ok((0, _)) => self.fail(who, "the server closed the connection"),
            Ok((count, _)) => {
                let now = self.now();
                self.consume(who, &buffer[..kept + count], now, listener, opening)
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                member.partial.extend_from_slice(&buffer[..kept]);
                Ok(())
            }
            Err(error) => self.fail(who, &format!("reading: {error}")),
        };
        self.buffer = buffer;
        result
    }

    fn consume(
        &mut self,
        who: usize,
        bytes: &[u8],
        now: u64,
        listener: &mut impl Listener,
        opening: Option<&Plan>,
    ) -> Result<()> {
        let mut at = 0;
        if self.members[who].phase == Phase::Upgrading {
            let Some(plan) = opening else {
                return Ok(());
            };
            match memchr::memmem::find(bytes, b"\r\n\r\n") {
                Some(end) => at = end + 4,
                None if bytes.len() > LONGEST_HEAD => return self.fail(who, "an endless answer"),
                None => {
                    self.members[who].partial.extend_from_slice(bytes);
                    return Ok(());
                }
            }
            if !bytes.starts_with(b"HTTP/1.1 101") {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
                let status = text.lines().next().unwrap_or_default();
                return self.fail(who, &format!("not upgraded: {status}"));
            }
            self.members[who].phase = Phase::Joining;
            let room = plan.room_of(who);
            self.step(who, dialect::upgraded(self.dialect, plan.presence, room))?;
        }
        while let Some(head) = frame::first(&bytes[at..]) {
            let payload = &bytes[at + head.start..at + head.end];
            at += head.end;
            match head.opcode {
                frame::PING => self.control(who, frame::PONG, payload)?,
                frame::CLOSE => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    let why = format!("closed with {}", code.unwrap_or(0));
                    return self.fail(who, &why);
                }
                frame::TEXT if self.members[who].phase == Phase::There => {
                    listener.heard(who, payload, now);
                    if let Some(answer) = dialect::answer(self.dialect, payload) {
                        self.control(who, frame::TEXT, answer)?;
                    }
                }
                frame::TEXT => self.step(who, dialect::heard(self.dialect, payload))?,
                _ => {}
            }
        }
        if at < bytes.len() {
            self.members[who].partial.extend_from_slice(&bytes[at..]);
        }
        Ok(())
    }

    fn step(&mut self, who: usize, step: Step) -> Result<()> {
        match step {
            Step::Wait => Ok(()),
            Step::Say(text) => self.control(who, frame::TEXT, text.as_bytes()),
            Step::There => {
                self.members[who].phase = Phase::There;
                self.there += 1;
                Ok(())
            }
            Step::Refused(why) => self.fail(who, &why),
        }
    }

    fn control(&mut self, who: usize, opcode: u8, payload: &[u8]) -> Result<()> {
        let mut out = Vec::new();
        frame::write_masked(&mut out, opcode, payload);
        self.say(who, &out)
    }

    /// Writes a few bytes, which fit as long as the server reads.
    pub(crate) fn say(&mut self, who: usize, bytes: &[u8]) -> Result<()> {
        match send(&self.members[who].socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(_) | Err(Errno::AGAIN) => bail!("the server does not read what is sent"),
            Err(error) => self.fail(who, &format!("writing: {error}")),
        }
    }

    /// A connection that is lost is told, and no reason to stop.
    fn fail(&mut self, who: usize, why: &str) -> Result<()> {
        let member = &mut self.members[who];
        if member.phase == Phase::Gone {
            return Ok(());
        }
        if member.phase == Phase::There {
            self.there -= 1;
        }
        member.phase = Phase::Gone;
        member.partial = Vec::new();
        epoll::delete(&self.poll, &member.socket)?;
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(format!("connection {who}: {why}"));
        }
        Ok(())
    }
}
