//! Who is in one room, in memory. Times are those of the stopwatch, and always
//! passed in, so that `tests/sim` can run it for years.

use std::{
    collections::{HashMap, hash_map},
    sync::Arc,
};

use crate::{
    broker::{self, Departure, RosterHead, Seat},
    protocol::{event::PresenceChange, user::User},
};

/// The people of one room and what holds them there.
#[derive(Debug)]
pub struct Roster {
    version: u64,
    members: HashMap<Arc<str>, Member>,
}

#[derive(Debug)]
struct Member {
    user: User,
    instance: bool,
    /// Polling connections, with their deadlines.
    polls: HashMap<Arc<str>, u64>,
    /// Until when nobody is told that the last seat is gone.
    grace: Option<u64>,
}

impl Member {
    fn has_seat(&self) -> bool {
        self.instance || !self.polls.is_empty()
    }
}

impl Roster {
    /// A roster with nobody in it. Its versions start at the time of day, so
    /// that a roster made anew never repeats those of the one before.
    pub fn new(at: u64) -> Self {
        Self {
            version: at,
            members: HashMap::new(),
        }
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many are there.
    pub fn head(&self) -> RosterHead {
        RosterHead {
            version: self.version,
            count: self.members.len() as u64,
        }
    }

    /// Who is there, by name.
    pub fn members(&self) -> broker::Roster {
        let mut members: Vec<User> = self.members.values().map(|m| m.user.clone()).collect();
        members.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        broker::Roster {
            version: self.version,
            count: members.len() as u64,
            members,
        }
    }

    /// Takes a seat; a poll seat lasts until `until`.
    pub fn enter(&mut self, user: &User, seat: &Seat, until: u64) -> Option<PresenceChange> {
        let (member, news) = match self.members.entry(user.id.clone()) {
            hash_map::Entry::Occupied(known) => {
                let member = known.into_mut();
                let renamed = member.user != *user;
                member.user = user.clone();
                (member, renamed)
            }
            hash_map::Entry::Vacant(place) => {
                let member = place.insert(Member {
                    user: user.clone(),
                    instance: false,
                    polls: HashMap::new(),
                    grace: None,
                });
                (member, true)
            }
        };
        member.grace = None;
        match seat {
            Seat::Instance => member.instance = true,
            Seat::Poll(connection) => {
                member.polls.insert(connection.clone(), until);
            }
        }
        news.then(|| self.change(vec![user.clone()], Vec::new()))
    }

    /// Gives up a seat; a grace period lasts until `until`.
    pub fn leave(
        &mut self,
        user_id: &str,
        seat: &Seat,
        departure: Departure,
        until: u64,
    ) -> Option<PresenceChange> {
        let member = self.members.get_mut(user_id)?;
        let given_up = match seat {
            Seat::Instance => std::mem::take(&mut member.instance),
            Seat::Poll(connection) => member.polls.remove(connection).is_some(),
        };
        match departure {
            Departure::Grace => {
                if given_up {
                    // Also while a poll seat holds: it may end before the grace
                    // period of this one is over.
                    member.grace = member.grace.max(Some(until));
                } else if !member.has_seat() {
                    member.grace.get_or_insert(until);
                }
                None
            }
            Departure::Now if member.has_seat() => None,
            Departure::Now => {
                let gone = self.members.remove(user_id)?;
                Some(self.change(Vec::new(), vec![gone.user]))
            }
        }
    }

    /// Lets go of everybody whose time is over by `now`. A poll seat has had
    /// its grace in its deadline: who loses the last one is gone at once.
    pub fn reap(&mut self, now: u64) -> Option<PresenceChange> {
        let gone: Vec<Arc<str>> = self
            .members
            .iter_mut()
            .filter_map(|(id, member)| {
                member.polls.retain(|_, until| *until > now);
                member.grace = member.grace.filter(|until| *until > now);
                let over = !member.has_seat() && member.grace.is_none();
                over.then(|| id.clone())
            })
            .collect();
        let left: Vec<User> = gone
            .iter()
            .filter_map(|id| self.members.remove(id))
            .map(|member| member.user)
            .collect();
        (!left.is_empty()).then(|| self.change(Vec::new(), left))
    }

    /// When somebody's time is over next.
    pub fn next_due(&self) -> Option<u64> {
        self.members
            .values()
            .flat_map(|member| member.polls.values().copied().chain(member.grace))
            .min()
    }

    fn change(&mut self, joined: Vec<User>, left: Vec<User>) -> PresenceChange {
        self.version += 1;
        PresenceChange {
            version: self.version,
            joined,
            left,
            count: self.members.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> User {
        User::new("u1", "Ada")
    }

    fn poll(name: &str) -> Seat {
        Seat::Poll(name.into())
    }

    #[test]
    fn a_second_seat_is_no_news() {
        let mut roster = Roster::new(50);
        let change = roster.enter(&ada(), &Seat::Instance, 0).unwrap();
        assert_eq!((change.version, change.count), (51, 1));
        assert_eq!(roster.enter(&ada(), &poll("c"), 10), None);
        assert_eq!(
            roster.leave("u1", &Seat::Instance, Departure::Now, 0),
            None,
            "the poll seat still holds"
        );
        assert_eq!(roster.head().count, 1);
    }

    #[test]
    fn a_return_within_the_grace_period_is_silent() {
        let mut roster = Roster::new(0);
        roster.enter(&ada(), &Seat::Instance, 0);
        assert_eq!(
            roster.leave("u1", &Seat::Instance, Departure::Grace, 30),
            None
        );
        assert_eq!(roster.next_due(), Some(30));
        assert_eq!(roster.reap(29), None);
        assert_eq!(roster.enter(&ada(), &Seat::Instance, 0), None);
        assert_eq!(roster.reap(31), None);
        assert_eq!(roster.head().count, 1);
    }

    #[test]
    fn a_repeated_leave_does_not_put_the_end_off() {
        let mut roster = Roster::new(0);
        roster.enter(&ada(), &Seat::Instance, 0);
        roster.leave("u1", &Seat::Instance, Departure::Grace, 30);
        roster.leave("u1", &Seat::Instance, Departure::Grace, 60);
        assert_eq!(roster.reap(30).unwrap().left, [ada()]);
        assert!(roster.is_empty());
    }

    #[test]
    fn a_poll_seat_ends_at_its_deadline_unless_it_is_renewed() {
        let mut roster = Roster::new(0);
        roster.enter(&ada(), &poll("c"), 45);
        roster.enter(&ada(), &poll("c"), 70);
        assert_eq!(roster.reap(69), None);
        assert_eq!(roster.reap(70).unwrap().left, [ada()]);
    }

    #[test]
    fn a_poll_seat_that_ends_does_not_cut_the_grace_of_a_lost_socket_short() {
        let mut roster = Roster::new(0);
        roster.enter(&ada(), &poll("c"), 45);
        roster.enter(&ada(), &Seat::Instance, 0);
        roster.leave("u1", &Seat::Instance, Departure::Grace, 55);
        assert_eq!(roster.reap(45), None);
        assert_eq!(roster.next_due(), Some(55));
        assert_eq!(roster.reap(55).unwrap().left, [ada()]);
    }

    #[test]
    fn a_new_name_is_news() {
        let mut roster = Roster::new(0);
        roster.enter(&ada(), &Seat::Instance, 0);
        let renamed = User::new("u1", "Countess");
        let change = roster.enter(&renamed, &Seat::Instance, 0).unwrap();
        assert_eq!((change.joined, change.count), (vec![renamed], 1));
    }
}
