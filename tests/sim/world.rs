//! The simulated world: virtual time, and everything that is under way in it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use hubbub::{
    broker::Page,
    chat::{
        refill::{PAGE, Part, Start},
        sequencer::{Mode, Outcome, Sink},
    },
    protocol::{entry::Entry, position::Position, server_frame::Text},
};

use crate::{
    client::Client,
    frames,
    instance::{Conn, Flaw, Instance},
    log::Log,
    pipe::Pipe,
    rng::Rng,
};

/// Something that arrives somewhere at a moment.
pub(crate) enum Event {
    /// The log hears what an instance asks. A name, a life: who asks is gone if
    /// it has another life by then.
    Ask(usize, u64, Ask),
    /// The instance hears the answer.
    Answer(usize, u64, Answer),
    /// An entry arrives over one link of an instance.
    Heard(usize, u64, Entry),
    /// An instance tells some of its members what they have not got yet.
    Walk(usize, u64),
    /// An instance writes what waits for a client.
    Pump(usize, u64),
    /// Frames arrive at a client.
    Frames(u64, usize, Vec<Text>),
    /// An instance notices that a client has gone.
    Gone(usize, u64),
    /// A client notices that its connection has gone.
    Cut(u64, usize),
    /// A request of a client arrives.
    Join(usize, u64, u64, Option<Position>),
    Poll(usize, u64, u64, Position),
    Send(usize, u64, u64, String),
    /// A client does something.
    Client(usize),
    /// An instance starts again, its link returns, it looks after its rooms.
    Start(usize),
    Link(usize, u64),
    Tick(usize),
    Fault,
}

pub(crate) enum Ask {
    Status,
    Repair(Position),
    After(u64, Position, Why),
    Latest(u64),
    Head(Position),
    Append(u64, String),
}

#[derive(Clone, Copy)]
pub(crate) enum Why {
    Join,
    Refill,
}

pub(crate) enum Answer {
    Status(Option<Position>),
    Repair(Position, Option<Page>),
    After(u64, Position, Why, Option<Page>),
    Latest(u64, Option<Page>),
    Head(Position, Option<Position>),
    Appended(u64, String, Option<Position>),
}

/// What may go wrong at the moment, in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) drop: u64,
    pub(crate) repeat: u64,
    /// How late a live entry may come, in milliseconds.
    pub(crate) late: u64,
    /// Requests to the log that fail.
    pub(crate) fail: u64,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    agenda: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    number: u64,
    pub(crate) log: Log,
    pub(crate) weather: Weather,
    pub(crate) instances: Vec<Instance>,
    pub(crate) clients: Vec<Client>,
    next_conn: u64,
    /// When what was written to a client last arrives there.
    arrives: BTreeMap<u64, u64>,
    pub(crate) trace: Option<Vec<String>>,
    /// Clients make no trouble any more, and everything comes to rest.
    pub(crate) calm: bool,
    pub(crate) appended: u64,
    /// What an instance did that none may, if one did.
    pub(crate) wrong: Option<String>,
}

macro_rules! note {
    ($world:expr, $($what:tt)*) => {
        if let Some(trace) = &mut $world.trace {
            trace.push(format!("{:>6} ms  {}", $world.now, format!($($what)*)));
        }
    };
}
pub(crate) use note;

impl World {
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>, trace: bool) -> Self {
        let mut rng = Rng::new(seed);
        let keeps = if rng.chance(50) {
            usize::try_from(rng.between(4, 40)).unwrap()
        } else {
            10_000
        };
        let instances = rng.between(1, 4);
        let clients = rng.between(2, 6);
        Self {
            log: Log::new(keeps, flaw != Some(Flaw::NoDedupe)),
            instances: (0..instances).map(|_| Instance::new(flaw)).collect(),
            clients: (0..clients).map(|_| Client::default()).collect(),
            rng,
            now: 0,
            agenda: BinaryHeap::new(),
            events: BTreeMap::new(),
            number: 0,
            weather: Weather::default(),
            next_conn: 1,
            arrives: BTreeMap::new(),
            trace: trace.then(Vec::new),
            calm: false,
            appended: 0,
            wrong: None,
        }
    }

    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.number += 1;
        self.agenda.push(Reverse((self.now + delay, self.number)));
        self.events.insert(self.number, event);
    }

    /// Runs until nothing is left to do, or until a moment.
    pub(crate) fn run(&mut self, until: u64) -> Result<(), String> {
        let mut turns = 0;
        while let Some(Reverse((at, number))) = self.agenda.peek().copied() {
            if at > until {
                break;
            }
            turns += 1;
            if turns > 40_000 {
                return Err("something goes round and round".to_owned());
            }
            self.agenda.pop();
            self.now = at;
            if let Some(event) = self.events.remove(&number) {
                self.happen(event)?;
            }
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
        }
        self.now = self.now.max(until.min(self.now + 1_000_000));
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Ask(i, life, ask) => self.ask_log(i, life, ask),
            Event::Answer(i, life, answer) if self.instances[i].life == life => {
                self.answer(i, answer);
            }
            Event::Heard(i, link, entry) => {
                let instance = &mut self.instances[i];
                if instance.link == link && instance.is_subscribed {
                    note!(self, "instance {i} hears {}", entry.position);
                    let outcome = self.instances[i].on_entry(entry);
                    self.carry_out(i, &outcome);
                }
            }
            Event::Walk(i, life) if self.instances[i].life == life => {
                let most = usize::try_from(self.rng.between(1, 4)).unwrap_or(1);
                let outcome = self.instances[i].sequencer.walk(most);
                self.carry_out(i, &outcome);
            }
            Event::Pump(i, conn) => self.pump(i, conn),
            Event::Frames(conn, c, frames) => self.deliver(conn, c, &frames)?,
            Event::Gone(i, conn) => self.dismiss(i, conn),
            Event::Cut(conn, c) if self.clients[c].conn == Some(conn) => self.clients[c].cut(),
            Event::Join(i, life, conn, after) if self.instances[i].life == life => {
                self.join(i, conn, after);
            }
            Event::Poll(i, life, conn, after) if self.instances[i].life == life => {
                self.poll(i, conn, after);
            }
            Event::Send(i, life, conn, key) if self.instances[i].life == life => {
                self.ask(i, Ask::Append(conn, key));
            }
            Event::Client(c) => self.act(c),
            Event::Start(i) => self.instances[i].is_up = true,
            Event::Link(i, link) => self.link_returns(i, link),
            Event::Tick(i) => self.tick(i),
            Event::Fault => self.fault(),
            _ => {}
        }
        Ok(())
    }

    /// An instance asks the log.
    pub(crate) fn ask(&mut self, i: usize, ask: Ask) {
        let life = self.instances[i].life;
        let delay = self.rng.between(1, 12);
        self.after(delay, Event::Ask(i, life, ask));
    }

    fn ask_log(&mut self, i: usize, life: u64, ask: Ask) {
        // A request that fails may have been carried out or not.
        let heard = !self.rng.chance(self.weather.fail);
        let answered = heard && !self.rng.chance(self.weather.fail);
        let mut told = Vec::new();
        if heard && !matches!(ask, Ask::Append(..)) {
            self.log.settle(self.now, &mut told);
        }
        let page = |page: Page| answered.then_some(page);
        let answer = match ask {
            Ask::Status => {
                // The subscription is made in the same breath.
                self.instances[i].is_subscribed |= heard && self.instances[i].life == life;
                Answer::Status(answered.then(|| self.log.settle(self.now, &mut told)))
            }
            Ask::Repair(from) => Answer::Repair(from, page(self.log.after(from, PAGE))),
            Ask::After(conn, from, why) => {
                Answer::After(conn, from, why, page(self.log.after(from, PAGE)))
            }
            Ask::Latest(conn) => Answer::Latest(conn, page(self.log.latest(5))),
            Ask::Head(before) => {
                let found = answered.then(|| self.log.settle(self.now, &mut told));
                Answer::Head(before, found)
            }
            Ask::Append(conn, key) => {
                let at = heard.then(|| self.log.append(self.now, &key, &mut told));
                Answer::Appended(conn, key, at.filter(|_| answered))
            }
        };
        self.publish(told);
        let delay = self.rng.between(1, 12);
        self.after(delay, Event::Answer(i, life, answer));
    }

    /// Tells all instances what was stored, as well as the links carry it.
    pub(crate) fn publish(&mut self, told: Vec<Entry>) {
        for entry in told {
            note!(self, "the log has {:?} at {}", entry.kind, entry.position);
            self.appended += 1;
            for i in 0..self.instances.len() {
                let Instance {
                    link,
                    is_linked: true,
                    is_subscribed: true,
                    ..
                } = self.instances[i]
                else {
                    continue;
                };
                let copies = 1 + u64::from(self.rng.chance(self.weather.repeat));
                for _ in 0..copies {
                    if !self.rng.chance(self.weather.drop) {
                        let late = 1 + self.rng.below(self.weather.late + 1);
                        self.after(late, Event::Heard(i, link, entry.clone()));
                    }
                }
            }
        }
    }

    fn answer(&mut self, i: usize, answer: Answer) {
        match answer {
            Answer::Status(None) => {
                let instance = &mut self.instances[i];
                instance.is_opening = false;
                for (conn, _) in std::mem::take(&mut instance.waiting) {
                    self.hang_up(i, conn);
                }
            }
            Answer::Status(Some(head)) => {
                note!(self, "instance {i} opens the room at {head}");
                let outcome = self.instances[i].opened(head);
                self.carry_out(i, &outcome);
                for (conn, after) in std::mem::take(&mut self.instances[i].waiting) {
                    self.begin(i, conn, after);
                }
            }
            Answer::Repair(from, None) => self.ask(i, Ask::Repair(from)),
            Answer::Repair(from, Some(page)) => {
                if self.instances[i].sequencer.last() == from {
                    note!(self, "instance {i} repairs from {from}");
                    let outcome = self.instances[i].on_page(page);
                    self.carry_out(i, &outcome);
                }
            }
            Answer::After(conn, _, Why::Join, None) | Answer::Latest(conn, None) => {
                self.hang_up(i, conn);
            }
            Answer::After(conn, from, Why::Join, Some(page)) => {
                self.instances[i].sequencer.renew(&page);
                self.greet(i, conn, &Start::Resumed(Part::after(from, page)));
            }
            Answer::Latest(conn, Some(page)) => {
                self.greet(i, conn, &Start::Fresh(Part::latest(page)));
            }
            Answer::After(conn, from, Why::Refill, page) => {
                if let Some(page) = &page {
                    self.instances[i].sequencer.renew(page);
                }
                if let Some(kept) = self.instances[i].conns.get_mut(&conn) {
                    kept.is_refilling = false;
                    match page {
                        Some(page) => self.refill(i, conn, &Part::after(from, page)),
                        None => kept.pipe.mark_behind(),
                    }
                    self.wake(i);
                }
            }
            Answer::Head(before, head) => self.compare(i, before, head),
            Answer::Appended(conn, key, at) => {
                if let (Some(position), Some(kept)) = (at, self.instances[i].conns.get(&conn)) {
                    kept.pipe.push(Text::from(frames::ack(&key, position)));
                    self.wake(i);
                }
            }
        }
    }

    /// Does what a sequencer left to do.
    pub(crate) fn carry_out(&mut self, i: usize, outcome: &Outcome<Pipe>) {
        if let Some(from) = outcome.read {
            note!(self, "instance {i} asks the log what follows {from}");
            self.ask(i, Ask::Repair(from));
        }
        if outcome.walk {
            let delay = self.rng.below(6);
            self.after(delay, Event::Walk(i, self.instances[i].life));
        }
        self.wake(i);
    }

    /// Sees to it that what waits for clients is written.
    fn wake(&mut self, i: usize) {
        let mut pumps = Vec::new();
        for (id, conn) in &mut self.instances[i].conns {
            let refills = conn.pipe.wants_refill() && !conn.is_refilling;
            if !conn.pumped && (!conn.pipe.is_empty() || refills) {
                conn.pumped = true;
                pumps.push((*id, conn.slow));
            }
        }
        for (id, slow) in pumps {
            let delay = self.rng.below(slow);
            self.after(delay, Event::Pump(i, id));
        }
    }

    fn pump(&mut self, i: usize, id: u64) {
        let Some(conn) = self.instances[i].conns.get_mut(&id) else {
            return;
        };
        conn.pumped = false;
        let (frames, client, is_poll) = (conn.pipe.take(), conn.client, conn.is_poll);
        if !frames.is_empty() {
            let latency = self.now + self.rng.between(1, 15);
            let arrives = self.arrives.entry(id).or_default();
            *arrives = latency.max(*arrives);
            let delay = *arrives - self.now;
            self.after(delay, Event::Frames(id, client, frames));
            if is_poll {
                return self.dismiss(i, id);
            }
        }
        self.refill_some(i, id);
        self.wake(i);
    }

    /// Refills as far as memory and the pipe go; for the rest, the log is asked.
    fn refill_some(&mut self, i: usize, id: u64) {
        loop {
            let instance = &mut self.instances[i];
            let Some(conn) = instance.conns.get_mut(&id) else {
                return;
            };
            if conn.is_refilling || conn.pipe.is_half_full() || !conn.pipe.take_behind() {
                return;
            }
            let Some(Mode::Behind(from)) = instance.sequencer.mode(id) else {
                return;
            };
            if let Some(part) = instance.sequencer.recall(from) {
                let (pipe, before) = (conn.pipe.clone(), conn.pipe.count());
                self.refill(i, id, &part);
                self.judge_recall(i, &pipe.since(before));
                if self.instances[i].sequencer.mode(id) == Some(Mode::Behind(from)) {
                    // There was no room for more: the next pump goes on.
                    return;
                }
            } else {
                conn.is_refilling = true;
                self.ask(i, Ask::After(id, from, Why::Refill));
                return;
            }
        }
    }

    fn refill(&mut self, i: usize, id: u64, part: &Part) {
        let outcome = self.instances[i].refill(id, part);
        self.carry_out(i, &outcome);
    }

    pub(crate) fn add_conn(&mut self, i: usize, client: usize, is_poll: bool) -> u64 {
        let id = self.next_conn;
        self.next_conn += 1;
        let limit = usize::try_from(self.rng.between(150, 3_000)).unwrap();
        let slow = if self.rng.chance(20) { 200 } else { 4 };
        let conn = Conn {
            client,
            pipe: Pipe::new(limit),
            is_poll,
            is_refilling: false,
            pumped: false,
            slow,
        };
        self.instances[i].conns.insert(id, conn);
        id
    }

    fn deliver(&mut self, conn: u64, c: usize, frames: &[Text]) -> Result<(), String> {
        if self.clients[c].conn != Some(conn) {
            return Ok(());
        }
        for frame in frames {
            note!(self, "client {c} gets {frame:?}");
            self.clients[c]
                .on_frame(frame.as_str(), &self.log)
                .map_err(|wrong| format!("client {c}: {wrong}"))?;
        }
        self.heard_all(c, conn);
        Ok(())
    }
}
