//! Who speaks when, and what every member hears of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use super::{
    Counts,
    check::Checker,
    crowd::{Crowd, Listener},
    dialect::{self, Template},
    grown, sample,
    text::Reader,
};
use crate::{
    plan::{Outcome, Pace, Plan},
    usage::{Tree, Usage, machine_ns},
};

/// How long the last messages may take to arrive.
const DRAIN: Duration = Duration::from_secs(5);
/// After this time a message of a closed loop counts as stuck, and the next goes out.
const STUCK: u64 = 2_000_000_000;
const LOOK_FOR_STUCK: u64 = 500_000_000;

/// A publisher, which is one of the first members of its room.
struct Publisher {
    member: usize,
    template: Template,
    /// How many messages it has sent.
    sent: u32,
    /// How many members have not heard its latest one.
    unheard: usize,
    /// When it sent that.
    since: u64,
}

/// The conversation.
pub(super) struct Talk {
    reader: Reader,
    checker: Checker,
    publishers: Vec<Publisher>,
    members_per_room: usize,
    publishers_per_room: usize,
    pace: Pace,
    /// Publishers whose turn it is.
    due: Vec<usize>,
    heard: u64,
    sent: u64,
    acknowledged: u64,
    is_counting: bool,
    latency: Histogram<u64>,
    refused: u64,
    refusal: String,
    strays: u64,
    stuck: u64,
}

/// The counters at some moment.
struct Moment {
    at: Instant,
    uses: Vec<Usage>,
    own: Vec<Usage>,
    machine: u64,
    heard: u64,
    sent: u64,
    acknowledged: u64,
}

impl Talk {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let publishers = (0..plan.rooms * plan.publishers_per_room).map(|number| {
            let (room, place) = (
                number / plan.publishers_per_room,
                number % plan.publishers_per_room,
            );
            let id = u32::try_from(number).unwrap_or(u32::MAX);
            Publisher {
                member: room * plan.members_per_room + place,
                template: Template::new(plan.dialect, plan.first_room + room, id),
                sent: 0,
                unheard: 0,
                since: 0,
            }
        });
        Ok(Self {
            reader: Reader::new(),
            checker: Checker::new(plan.members(), plan.publishers_per_room),
            publishers: publishers.collect(),
            members_per_room: plan.members_per_room,
            publishers_per_room: plan.publishers_per_room,
            pace: plan.pace,
            due: Vec::new(),
            heard: 0,
            sent: 0,
            acknowledged: 0,
            is_counting: false,
            // Up to a minute, in nanoseconds, with two digits.
            latency: Histogram::new_with_max(60_000_000_000, 2)?,
            refused: 0,
            refusal: String::new(),
            strays: 0,
            stuck: 0,
        })
    }

    /// Speaks until the window is over and everything has arrived.
    pub(super) fn run(
        &mut self,
        plan: &Plan,
        crowd: &mut Crowd,
        trees: &[Tree],
        deadline: Instant,
        outcome: &mut Outcome,
    ) -> Result<()> {
        self.begin(plan, crowd)?;
        let mut schedule = Schedule::new(plan, crowd.now());
        let counts_from = Instant::now() + plan.warm_up;
        while Instant::now() < counts_from {
            self.turn(plan, crowd, &mut schedule)?;
        }
        let begin = self.moment(trees);
        self.is_counting = true;
        let until = Instant::now() + plan.window;
        loop {
            self.turn(plan, crowd, &mut schedule)?;
            let is_over = match plan.deliveries {
                Some(wanted) => self.heard - begin.heard >= wanted,
                None => Instant::now() >= until,
            };
            if is_over || Instant::now() >= deadline {
                break;
            }
        }
        // Whoever counts calls per delivery needs the last ones, too.
        if plan.deliveries.is_some() {
            self.drain(crowd)?;
        }
        let end = self.moment(trees);
        self.is_counting = false;
        self.drain(crowd)?;
        self.report(&begin, &end, outcome);
        Ok(())
    }

    fn begin(&mut self, plan: &Plan, crowd: &mut Crowd) -> Result<()> {
        let each = match plan.pace {
            Pace::Silent | Pace::Open { .. } => 0,
            Pace::Closed => 1,
            Pace::Acknowledged { window } => window,
        };
        for _ in 0..each {
            self.due.extend(0..self.publishers.len());
        }
        self.speak(crowd)
    }

    fn turn(&mut self, plan: &Plan, crowd: &mut Crowd, schedule: &mut Schedule) -> Result<()> {
        if let Pace::Open { .. } = plan.pace {
            crowd.wake_at(schedule.next)?;
        }
        crowd.turn(self)?;
        self.speak(crowd)?;
        let now = crowd.now();
        if let Pace::Open { .. } = plan.pace {
            while schedule.next <= now {
                let (publisher, due) = schedule.take(plan);
                self.send(crowd, publisher, due)?;
            }
        }
        if now >= schedule.look_at && plan.pace == Pace::Closed {
            schedule.look_at = now + LOOK_FOR_STUCK;
            for (number, publisher) in self.publishers.iter().enumerate() {
                if publisher.unheard > 0 && now.saturating_sub(publisher.since) > STUCK {
                    self.stuck += 1;
                    self.due.push(number);
                }
            }
        }
        Ok(())
    }

    fn speak(&mut self, crowd: &mut Crowd) -> Result<()> {
        let mut due = std::mem::take(&mut self.due);
        for publisher in due.drain(..) {
            self.send(crowd, publisher, crowd.now())?;
        }
        self.due = due;
        Ok(())
    }

    fn send(&mut self, crowd: &mut Crowd, publisher: usize, due: u64) -> Result<()> {
        let publisher = &mut self.publishers[publisher];
        let frame = publisher.template.stamped(publisher.sent, due);
        crowd.say(publisher.member, frame)?;
        publisher.sent += 1;
        publisher.unheard = self.members_per_room;
        publisher.since = due;
        self.sent += 1;
        Ok(())
    }

    /// Waits for what is under way.
    fn drain(&mut self, crowd: &mut Crowd) -> Result<()> {
        let until = Instant::now() + DRAIN;
        while self.heard < self.sent * self.members_per_room as u64 && Instant::now() < until {
            crowd.turn(self)?;
            // Nobody speaks any more.
            self.due.clear();
        }
        Ok(())
    }

    fn moment(&self, trees: &[Tree]) -> Moment {
        Moment {
            at: Instant::now(),
            uses: sample(trees, false),
            own: sample(&[Tree::of("generator", std::process::id())], false),
            machine: machine_ns(),
            heard: self.heard,
            sent: self.sent,
            acknowledged: self.acknowledged,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    fn report(&self, begin: &Moment, end: &Moment, outcome: &mut Outcome) {
        let span = end.at - begin.at;
        outcome.window_s = span.as_secs_f64();
        outcome.window_use = grown(&begin.uses, &end.uses);
        outcome.sent = end.sent - begin.sent;
        outcome.delivered = end.heard - begin.heard;
        outcome.acknowledged = end.acknowledged - begin.acknowledged;
        let own: u64 = grown(&begin.own, &end.own)
            .iter()
            .map(|one| one.cpu_ns)
            .sum();
        let servers: u64 = outcome.window_use.iter().map(|one| one.cpu_ns).sum();
        let machine = end.machine.saturating_sub(begin.machine);
        let cores = |nanos: u64| nanos as f64 / span.as_nanos() as f64;
        outcome.generator_cores = cores(own);
        outcome.other_cores = cores(machine.saturating_sub(own + servers));
        let millis = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e6;
        outcome.p50_ms = millis(0.5);
        outcome.p99_ms = millis(0.99);
        outcome.counts = self.counts();
        for (count, what) in [
            (self.refused, format!("refused, first: {}", self.refusal)),
            (self.strays, "in a room they were not sent to".to_owned()),
            (self.stuck, "stuck for 2 s".to_owned()),
        ] {
            if count > 0 {
                outcome.failures.push(format!("{count} messages {what}"));
            }
        }
    }

    fn counts(&self) -> Counts {
        self.checker.finish(|member, place| {
            let room = member / self.members_per_room;
            self.publishers[room * self.publishers_per_room + place].sent
        })
    }

    fn heard_other(&mut self, member: usize, payload: &[u8]) {
        if dialect::is_error(payload) {
            self.refused += 1;
            if self.refusal.is_empty() {
                self.refusal = String::from_utf8_lossy(payload).into_owned();
            }
        } else if let Pace::Acknowledged { .. } = self.pace
            && dialect::is_ack(payload)
        {
            let room = member / self.members_per_room;
            let place = member % self.members_per_room;
            self.acknowledged += 1;
            self.due.push(room * self.publishers_per_room + place);
        }
    }
}

impl Listener for Talk {
    #[inline]
    fn heard(&mut self, member: usize, payload: &[u8], now: u64) {
        let mut from = 0;
        while let Some((said, end)) = self.reader.next(payload, from) {
            from = end;
            let number = said.publisher as usize;
            let room = member / self.members_per_room;
            let first = room * self.publishers_per_room;
            if !(first..first + self.publishers_per_room).contains(&number) {
                self.strays += 1;
                continue;
            }
            if !self.checker.take(member, number - first, said.number) {
                continue;
            }
            self.heard += 1;
            if self.is_counting {
                self.latency.saturating_record(now.saturating_sub(said.due));
            }
            let publisher = &mut self.publishers[number];
            if self.pace == Pace::Closed && said.number.wrapping_add(1) == publisher.sent {
                publisher.unheard -= 1;
                if publisher.unheard == 0 {
                    self.due.push(number);
                }
            }
        }
        if from == 0 {
            self.heard_other(member, payload);
        }
    }
}

/// The times of an open loop, which do not depend on the server.
struct Schedule {
    next: u64,
    interval: u64,
    count: usize,
    look_at: u64,
}

impl Schedule {
    fn new(plan: &Plan, now: u64) -> Self {
        let interval = match plan.pace {
            Pace::Open { per_second } => Duration::from_secs_f64(1.0 / per_second.max(0.1)),
            _ => Duration::ZERO,
        };
        Self {
            next: now,
            interval: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
            count: 0,
            look_at: now + LOOK_FOR_STUCK,
        }
    }

    /// Who speaks next, and when; room after room, then publisher after publisher.
    fn take(&mut self, plan: &Plan) -> (usize, u64) {
        let room = self.count % plan.rooms;
        let place = self.count / plan.rooms % plan.publishers_per_room;
        self.count += 1;
        let due = self.next;
        self.next += self.interval;
        (room * plan.publishers_per_room + place, due)
    }
}
