//! How far everybody has read, in memory.

use std::{collections::HashMap, sync::Arc};

use dashmap::DashMap;

use crate::{
    broker::{clock::whole_ms, people},
    protocol::{name::RoomName, position::Position},
};

/// The marks of each user, with the stopwatch time at which each was set.
#[derive(Debug, Default)]
pub(super) struct MarkTable(DashMap<Arc<str>, HashMap<RoomName, (Position, u64)>>);

impl MarkTable {
    /// Sets a mark, if it lies above the one that is there.
    pub(super) fn set(&self, user_id: &str, room: &RoomName, position: Position, now: u64) -> bool {
        let mut marks = self.0.entry(user_id.into()).or_default();
        if marks.get(room).is_some_and(|(set, _)| *set >= position) {
            return false;
        }
        marks.insert(room.clone(), (position, now));
        if marks.len() > people::MARKS {
            let oldest = marks.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(room, _)| room.clone()) {
                marks.remove(&oldest);
            }
        }
        true
    }

    /// The mark that is there.
    pub(super) fn get(&self, user_id: &str, room: &RoomName) -> Position {
        let marks = self.0.get(user_id);
        let mark = marks.and_then(|marks| marks.get(room).copied());
        mark.map_or(Position::ZERO, |(position, _)| position)
    }

    /// Forgets the mark of somebody who has left for good.
    pub(super) fn drop_mark(&self, user_id: &str, room: &RoomName) {
        if let Some(mut marks) = self.0.get_mut(user_id) {
            marks.remove(room);
        }
    }

    /// Forgets what was set too long ago.
    pub(super) fn forget(&self, now: u64) {
        let kept = whole_ms(people::MARKS_KEPT);
        self.0.retain(|_, marks| {
            marks.retain(|_, (_, at)| now.saturating_sub(*at) < kept);
            !marks.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomName {
        format!("r{number}").parse().unwrap()
    }

    #[test]
    fn the_oldest_marks_make_place_for_new_ones() {
        let table = MarkTable::default();
        for number in 0..=people::MARKS {
            let now = number as u64;
            assert!(table.set("u1", &room(number), Position::new(5, 1), now));
        }
        assert_eq!(table.get("u1", &room(0)), Position::ZERO);
        assert_eq!(table.get("u1", &room(1)), Position::new(5, 1));
        table.forget(whole_ms(people::MARKS_KEPT) + 10);
        assert_eq!(table.get("u1", &room(10)), Position::ZERO);
        assert_eq!(table.get("u1", &room(11)), Position::new(5, 1));
    }
}
