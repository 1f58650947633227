//! Who is there, against a specification of three lines: a user is in the room
//! from the first seat on until the last of these is over: a seat of an
//! instance, the deadline of a poll, the grace after a seat that was lost
//! without a word. Who says goodbye with the last seat goes at once.

use std::collections::BTreeMap;

use hubbub::{
    broker::{Departure, Seat, embedded::roster::Roster},
    protocol::{event::PresenceChange, user::User},
};

use crate::rng::Rng;

const GRACE: u64 = 15_000;
const POLL: u64 = 45_000;
const LEASE: u64 = 6_000;
const USERS: u64 = 3;

/// A user by the specification.
#[derive(Clone, Default)]
struct Known {
    is_seated: bool,
    polls: BTreeMap<u64, u64>,
    /// Until when the grace of a lost seat lasts.
    grace: u64,
    is_there: bool,
}

impl Known {
    /// When the user is gone if nothing else happens.
    fn ends(&self) -> u64 {
        if self.is_seated {
            return u64::MAX;
        }
        self.polls
            .values()
            .copied()
            .fold(self.grace, std::cmp::Ord::max)
    }
}

struct World {
    rng: Rng,
    now: u64,
    roster: Roster,
    version: u64,
    users: Vec<Known>,
    /// An instance that died and whose lease is not over yet.
    dead_until: Option<u64>,
}

fn user(u: usize) -> User {
    User::new(format!("u{u}"), format!("User {u}"))
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            now: 0,
            roster: Roster::new(100),
            version: 100,
            users: vec![Known::default(); usize::try_from(USERS).unwrap()],
            dead_until: None,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..60 {
            let step = self.rng.pick(&[10, 1_000, 8_000, 30_000]);
            let until = self.now + self.rng.below(step);
            self.pass(until)?;
            self.act()?;
        }
        self.pass(self.now + 10 * (GRACE + POLL + LEASE))
    }

    /// Time passes; whenever the roster wants to be looked at, it is.
    fn pass(&mut self, until: u64) -> Result<(), String> {
        for _ in 0..1_000 {
            let due = self.roster.next_due().filter(|due| *due <= until);
            let lease = self.dead_until.filter(|end| *end <= until);
            match (due, lease) {
                (None, None) => {
                    self.now = until;
                    return Ok(());
                }
                (due, Some(end)) if due.is_none_or(|due| end <= due) => self.bury(end)?,
                (due, _) => {
                    self.now = self.now.max(due.unwrap_or_default());
                    let change = self.roster.reap(self.now);
                    self.check(change.as_ref())?;
                }
            }
        }
        Err("the roster is never content".to_owned())
    }

    /// The lease of a dead instance is over: its users' grace counts from then.
    fn bury(&mut self, end: u64) -> Result<(), String> {
        self.dead_until = None;
        self.now = end;
        for u in 0..self.users.len() {
            let was_seated = std::mem::take(&mut self.users[u].is_seated);
            if was_seated {
                self.users[u].grace = end + GRACE;
            }
            let change = self.leave(u, &Seat::Instance, Departure::Grace);
            self.check(change.as_ref())?;
        }
        Ok(())
    }

    fn leave(&mut self, u: usize, seat: &Seat, departure: Departure) -> Option<PresenceChange> {
        let id = user(u).id;
        self.roster.leave(&id, seat, departure, self.now + GRACE)
    }

    fn act(&mut self) -> Result<(), String> {
        let u = usize::try_from(self.rng.below(USERS)).unwrap();
        let poll = self.rng.below(2);
        let seat = Seat::Poll(format!("p{poll}").into());
        let change = match self.rng.below(10) {
            0..=2 if self.dead_until.is_none() => {
                let known = &mut self.users[u];
                (known.is_seated, known.grace, known.is_there) = (true, 0, true);
                self.roster.enter(&user(u), &Seat::Instance, 0)
            }
            3..=5 => {
                let until = self.now + POLL;
                let known = &mut self.users[u];
                known.polls.insert(poll, until);
                (known.grace, known.is_there) = (0, true);
                self.roster.enter(&user(u), &seat, until)
            }
            6 | 7 if self.dead_until.is_none() => {
                let departure = self.departure();
                let had = std::mem::take(&mut self.users[u].is_seated);
                self.depart(u, had, departure);
                self.leave(u, &Seat::Instance, departure)
            }
            8 => {
                let departure = self.departure();
                let had = self.users[u].polls.remove(&poll).is_some();
                self.depart(u, had, departure);
                self.leave(u, &seat, departure)
            }
            9 if self.dead_until.is_none() => {
                self.dead_until = Some(self.now + self.rng.below(LEASE));
                None
            }
            _ => None,
        };
        self.check(change.as_ref())
    }

    fn departure(&mut self) -> Departure {
        self.rng.pick(&[Departure::Now, Departure::Grace])
    }

    fn depart(&mut self, u: usize, had: bool, departure: Departure) {
        let now = self.now;
        let known = &mut self.users[u];
        known.polls.retain(|_, until| *until > now);
        let seats = known.is_seated || !known.polls.is_empty();
        match departure {
            Departure::Grace if had => known.grace = known.grace.max(now + GRACE),
            Departure::Now if !seats => known.grace = 0,
            _ => {}
        }
    }

    /// What was told must be what happened, no sooner and no later.
    fn check(&mut self, change: Option<&PresenceChange>) -> Result<(), String> {
        let now = self.now;
        if let Some(change) = change {
            self.version += 1;
            if change.version != self.version || change.count != self.roster.head().count {
                return Err(format!("{now}: version or count of {change:?}"));
            }
        }
        let members = self.roster.members().members;
        for (u, known) in self.users.iter_mut().enumerate() {
            let who = user(u);
            known.polls.retain(|_, until| *until > now);
            let left = change.is_some_and(|change| change.left.contains(&who));
            if left && known.ends() > now {
                return Err(format!(
                    "{now}: {} left, and stays till {}",
                    who.id,
                    known.ends()
                ));
            }
            if left && !std::mem::take(&mut known.is_there) {
                return Err(format!("{now}: {} left twice", who.id));
            }
            if known.is_there != members.contains(&who) {
                return Err(format!("{now}: {} is there: {}", who.id, known.is_there));
            }
            // Whoever looks later finds nobody whose time was over before.
            if known.is_there
                && known.ends() < now
                && self.roster.next_due().is_none_or(|d| d > now)
            {
                return Err(format!(
                    "{now}: {} should have left at {}",
                    who.id,
                    known.ends()
                ));
            }
        }
        Ok(())
    }
}

/// Runs one seed.
pub(crate) fn run(seed: u64) -> Result<(), String> {
    World::new(seed).live()
}
