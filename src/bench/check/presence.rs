//! Who is shown as present: versions without a hole, the true set of people,
//! and nobody "left" who was back within the grace period.

use std::collections::{HashMap, HashSet};

use super::{
    Event, Invariant, Journal, Judge, Micros, RoomNumber, Via,
    follow::seconds,
    index::{Index, Stay},
    mark::Mark,
};

/// How far the clock of an instance and the time of a note may lie apart.
const SLACK: Micros = 1_000_000;
/// How long news of who left may be on its way.
const ON_ITS_WAY: Micros = 10_000_000;

/// Looks at what every client was told about the others.
pub(super) fn check(journals: &[Journal], index: &Index<'_>, judge: &mut Judge) {
    let mut by_room: HashMap<RoomNumber, Vec<(Mark, &[Stay])>> = HashMap::new();
    for ((room, user), stays) in &index.stays {
        by_room.entry(*room).or_default().push((*user, stays));
    }
    for journal in journals {
        let mut told = Told {
            client: journal.client(),
            versions: HashMap::new(),
            holes: HashMap::new(),
            index,
            by_room: &by_room,
            judge,
        };
        for (at, event) in journal {
            told.note(at, &event);
        }
        told.end_holes(index.ended);
    }
}

struct Told<'a> {
    client: u32,
    versions: HashMap<RoomNumber, u64>,
    /// Versions were passed over: from which to which, and since when. A
    /// snapshot heals it.
    holes: HashMap<RoomNumber, (u64, u64, Micros)>,
    index: &'a Index<'a>,
    by_room: &'a HashMap<RoomNumber, Vec<(Mark, &'a [Stay])>>,
    judge: &'a mut Judge,
}

impl Told<'_> {
    fn note(&mut self, at: Micros, event: &Event) {
        match event {
            // A new transport begins with whatever version it is told.
            Event::Up(_) | Event::Down { .. } => {
                self.versions.clear();
                self.holes.clear();
            }
            Event::Joined { room, .. } | Event::Left { room } => {
                self.versions.remove(room);
                self.holes.remove(room);
            }
            Event::Snapshot {
                room,
                version,
                is_whole,
                members,
            } => {
                self.versions.insert(*room, *version);
                self.holes.remove(room);
                if *is_whole {
                    self.check_members(at, *room, members);
                }
            }
            Event::Diff {
                room,
                prev,
                version,
                left,
                ..
            } => {
                self.check_version(at, *room, *prev, *version);
                for user in left {
                    self.check_left(at, *room, *user);
                }
            }
            _ => {}
        }
    }

    fn check_version(&mut self, at: Micros, room: RoomNumber, prev: u64, version: u64) {
        self.judge.can_tell(Invariant::I11);
        self.end_holes(at);
        let before = self.versions.get(&room).copied();
        // News that a snapshot held already says nothing.
        if before.is_some_and(|before| version <= before) {
            return;
        }
        self.versions.insert(room, version);
        // A frame of several changes may begin before what was known.
        let before = before.filter(|before| prev > *before);
        // While Redis restarts, versions may begin anew.
        if let Some(before) = before
            && !self.index.expectations.is_troubled(at)
        {
            self.holes.entry(room).or_insert((before, version, at));
        }
    }

    /// Holes that no snapshot healed in time.
    fn end_holes(&mut self, now: Micros) {
        let settle = self.index.expectations.settle;
        let (client, index) = (self.client, self.index);
        let judge = &mut *self.judge;
        self.holes.retain(|room, (before, version, at)| {
            let is_open = now <= at.saturating_add(settle);
            if !is_open {
                let name = index.name(*room);
                judge.broken(Invariant::I11, || {
                    format!("client {client} in {name} was told presence {version} after {before}")
                });
            }
            is_open
        });
    }

    fn check_left(&mut self, at: Micros, room: RoomNumber, user: Mark) {
        let Some(stays) = self.index.stays.get(&(room, user)) else {
            return;
        };
        if is_gone(stays, at, self.index.expectations.grace) {
            return;
        }
        self.judge.counts.false_left += 1;
        let (client, name) = (self.client, self.index.name(room));
        self.judge.broken(Invariant::I11, || {
            let at = seconds(at);
            format!("client {client} in {name} was told at {at} that somebody left who had not")
        });
    }

    fn check_members(&mut self, at: Micros, room: RoomNumber, members: &[Mark]) {
        self.judge.can_tell(Invariant::I11);
        let expectations = self.index.expectations;
        let troubled = expectations.is_troubled(at);
        let shown: HashSet<Mark> = members.iter().copied().collect();
        let (client, name) = (self.client, self.index.name(room));
        for (user, stays) in self.by_room.get(&room).into_iter().flatten() {
            let is_shown = shown.contains(user);
            let settled = at.saturating_sub(expectations.settle);
            let is_here = stays.iter().any(|stay| {
                stay.from <= settled && at.saturating_add(expectations.settle) <= stay.to
            });
            if is_here && !is_shown && !troubled {
                self.judge.broken(Invariant::I11, || {
                    format!("client {client} in {name} was not shown somebody who is there")
                });
            }
            let may_be_here = stays.iter().any(|stay| {
                let kept = match stay.via {
                    Via::WebSocket => expectations.absence,
                    Via::Poll => expectations.poll_absence,
                };
                let until = stay.to.saturating_add(if stay.is_meant {
                    expectations.settle
                } else {
                    kept
                });
                stay.from.saturating_sub(expectations.settle) <= at && at <= until
            });
            if is_shown && !may_be_here && !troubled {
                self.judge.broken(Invariant::I11, || {
                    format!("client {client} in {name} was shown somebody who is long gone")
                });
            }
        }
    }
}

/// Whether somebody with these stays may be told as having left at that time:
/// they meant to, or had been away for the whole grace period.
fn is_gone(stays: &[Stay], at: Micros, grace: Micros) -> bool {
    stays.iter().enumerate().any(|(number, stay)| {
        let back = stays
            .iter()
            .skip(number + 1)
            .map(|stay| stay.from)
            .min()
            .unwrap_or(Micros::MAX);
        // With a second connection the person was never away.
        let covered = stays
            .iter()
            .any(|other| other.from < stay.to && stay.to < other.to);
        let away = back.min(at).saturating_sub(stay.to);
        !covered
            && stay.to <= at.saturating_add(SLACK)
            && at <= back.saturating_add(ON_ITS_WAY)
            && (stay.is_meant || away.saturating_add(SLACK) >= grace)
    })
}
