//! Comparing the rooms of this instance with the broker: what the events did not
//! bring is found by it, at once when the link is back and else now and then.

use std::{sync::Arc, time::Duration};

use crate::protocol::name::RoomName;

use super::{hub::Hub, room::Room};

/// The most heads one tick compares, so that many quiet rooms cost the broker
/// little.
const HEADS_PER_TICK: usize = 1_000;
/// How long rooms that are being repaired are left alone.
const REPAIR: Duration = Duration::from_millis(50);

impl Hub {
    /// Compares every room with the log, after the link was gone.
    pub(super) async fn catch_up(self: Arc<Self>) {
        let mut pending = self.all_rooms();
        while !pending.is_empty() {
            let (settled, repairing): (Vec<_>, Vec<_>) = pending
                .into_iter()
                .partition(|room| room.settled_head().is_some());
            pending = repairing;
            for rooms in settled.chunks(HEADS_PER_TICK) {
                if !self.compare(rooms).await {
                    pending.extend_from_slice(rooms);
                }
            }
            pending.retain(|room| self.held_room(&room.name).is_some());
            if !pending.is_empty() {
                tokio::time::sleep(REPAIR).await;
            }
        }
    }

    /// Reads what the control log says by now, without waiting for the events to
    /// bring it.
    pub async fn hear_control(&self) {
        let Some(control) = self.held_room(&RoomName::control()) else {
            return;
        };
        self.compare(std::slice::from_ref(&control)).await;
        while control.settled_head().is_none() {
            tokio::time::sleep(REPAIR).await;
        }
    }

    /// Compares some rooms with the broker, going round: finds a lost last message
    /// of a room that has been quiet since, and likewise who came or went last.
    pub(super) async fn compare_heads(&self, begin: usize) -> usize {
        let rooms = self.all_rooms();
        if rooms.is_empty() {
            return 0;
        }
        let begin = if begin >= rooms.len() { 0 } else { begin };
        let end = (begin + HEADS_PER_TICK).min(rooms.len());
        self.compare(&rooms[begin..end]).await;
        self.compare_presence(&rooms[begin..end]).await;
        end
    }

    /// If the broker does not answer, the next round will do.
    async fn compare_presence(&self, rooms: &[Arc<Room>]) {
        let has_people = |room: &&Arc<Room>| room.is_followed() && !room.name.is_control();
        let rooms: Vec<_> = rooms.iter().filter(has_people).collect();
        let names: Vec<_> = rooms.iter().map(|room| room.name.clone()).collect();
        let heads = self.broker.counts(&names).await.unwrap_or_default();
        for (room, head) in rooms.into_iter().zip(heads) {
            room.compare_presence(head);
        }
    }

    /// Returns false if the broker did not answer.
    async fn compare(&self, rooms: &[Arc<Room>]) -> bool {
        // Only a room that is level with itself before and after the question
        // can be told to be behind by the answer.
        let before: Vec<_> = rooms
            .iter()
            .filter_map(|room| room.settled_head().map(|head| (room, head)))
            .collect();
        let names: Vec<_> = before.iter().map(|(room, _)| room.name.clone()).collect();
        let Ok(heads) = self.broker.heads(&names).await else {
            return false;
        };
        for ((room, head_before), head) in before.into_iter().zip(heads) {
            if head != head_before && room.settled_head() == Some(head_before) {
                room.compare_head(head);
            }
        }
        true
    }
}
