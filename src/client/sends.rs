//! What one client has to say in one room: one thing in flight at a time, each
//! said again until it is acknowledged, and again if its acknowledgement was
//! taken back.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::protocol::position::Position;

/// How many acknowledged sends are remembered, should they be taken back.
const REMEMBERED: usize = 20_000;
/// After this time without an answer it is sent again.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// Its key: however often it goes out, it is one.
    pub key: String,
    /// What it says.
    pub what: T,
    /// Whether it went out before.
    pub again: bool,
}

/// The sends of one room.
#[derive(Debug)]
pub struct Sends<T> {
    unsent: VecDeque<Item<T>>,
    in_flight: Option<(String, Instant)>,
    acked: VecDeque<(Position, Item<T>)>,
    /// Nothing is sent before this moment.
    not_before: Instant,
}

impl<T: Clone> Sends<T> {
    /// Nothing to say yet.
    pub fn new(now: Instant) -> Self {
        Self {
            unsent: VecDeque::new(),
            in_flight: None,
            acked: VecDeque::new(),
            not_before: now,
        }
    }

    /// Something to say, after all else.
    pub fn push(&mut self, key: String, what: T) {
        let again = false;
        self.unsent.push_back(Item { key, what, again });
    }

    /// What should go out now. `make` makes something new to say.
    pub fn due(&mut self, now: Instant, make: impl FnOnce() -> Option<Item<T>>) -> Option<Item<T>> {
        if let Some((_, since)) = &self.in_flight {
            if since.elapsed() < IMPATIENCE {
                return None;
            }
            self.in_flight = None;
        }
        if now < self.not_before {
            return None;
        }
        if self.unsent.is_empty() {
            self.unsent.push_back(make()?);
        }
        let first = self.unsent.front_mut()?;
        let item = first.clone();
        first.again = true;
        self.in_flight = Some((item.key.clone(), now));
        Some(item)
    }

    /// It was acknowledged. Returns false if nobody here waited for that.
    pub fn ack(&mut self, key: &str, position: Position, next: Instant) -> bool {
        let Some(item) = self.answered(key) else {
            return false;
        };
        self.acked.push_back((position, item));
        if self.acked.len() > REMEMBERED {
            self.acked.pop_front();
        }
        self.not_before = next;
        true
    }

    /// It was refused for good.
    pub fn refuse(&mut self, key: &str) -> bool {
        self.answered(key).is_some()
    }

    /// It was refused for now.
    pub fn wait(&mut self, until: Instant) {
        self.in_flight = None;
        self.not_before = until;
    }

    fn answered(&mut self, key: &str) -> Option<Item<T>> {
        if matches!(&self.in_flight, Some((flying, _)) if flying == key) {
            self.in_flight = None;
        }
        let index = self.unsent.iter().position(|item| item.key == key)?;
        self.unsent.remove(index)
    }

    /// The transport is gone: nothing of it will be answered any more.
    pub fn transport_lost(&mut self) {
        self.in_flight = None;
    }

    /// A marker came: what was acknowledged above `prev` in earlier epochs is
    /// gone and is said again, in order and before anything new. Returns how
    /// much that is.
    pub fn marker(&mut self, marker: Position, prev: Position) -> usize {
        let is_gone = |position: &Position| *position > prev && position.epoch < marker.epoch;
        let (gone, kept) = self
            .acked
            .drain(..)
            .partition::<VecDeque<_>, _>(|(position, _)| is_gone(position));
        self.acked = kept;
        let count = gone.len();
        for (_, item) in gone.into_iter().rev() {
            self.unsent.push_front(item);
        }
        count
    }

    /// Whether everything is acknowledged.
    pub fn is_done(&self) -> bool {
        self.unsent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str) -> Item<String> {
        Item {
            key: key.to_owned(),
            what: key.to_owned(),
            again: false,
        }
    }

    #[tokio::test]
    async fn one_thing_is_in_flight_at_a_time_and_is_said_again_on_a_new_transport() {
        let now = Instant::now();
        let mut sends = Sends::new(now);
        let first = sends.due(now, || Some(item("a"))).unwrap();
        assert!(!first.again);
        assert_eq!(sends.due(now, || Some(item("b"))), None);
        sends.transport_lost();
        let again = sends.due(now, || Some(item("b"))).unwrap();
        assert_eq!((again.key.as_str(), again.again), ("a", true));
        assert!(sends.ack("a", Position::new(1, 1), now));
        assert!(!sends.ack("a", Position::new(1, 1), now));
        assert!(sends.is_done());
    }

    #[tokio::test]
    async fn what_was_taken_back_is_said_again_in_order_before_anything_new() {
        let now = Instant::now();
        let mut sends = Sends::new(now);
        for (seq, key) in ["a", "b", "c"].into_iter().enumerate() {
            sends.due(now, || Some(item(key))).unwrap();
            sends.ack(key, Position::new(5, seq as u64 + 1), now);
        }
        sends.due(now, || Some(item("d"))).unwrap();
        assert_eq!(sends.marker(Position::new(6, 0), Position::new(5, 1)), 2);
        assert_eq!(sends.due(now, || None), None, "d is in flight");
        sends.ack("d", Position::new(6, 1), now);
        assert_eq!(sends.due(now, || None).unwrap().key, "b");
        sends.ack("b", Position::new(6, 2), now);
        assert_eq!(sends.due(now, || None).unwrap().key, "c");
    }
}
