//! The verdict, once the world is at rest. What can be judged while it happens
//! (order, duplicates, gaps, rollbacks) the clients have judged by then.

use std::collections::{BTreeMap, BTreeSet};

use hubbub::protocol::{position::Position, server_frame::Text};

use crate::{frames, log::Fate, world::World};

impl World {
    pub(crate) fn judge(&mut self) -> Result<(), String> {
        let head = self.log.settle(self.now, &mut Vec::new());
        for (c, client) in self.clients.iter().enumerate() {
            let wrong = |what: String| Err(format!("client {c}: {what}"));
            if client.conn.is_none() {
                return wrong("is not connected at the end".to_owned());
            }
            if !client.unsent.is_empty() {
                return wrong(format!("I6: {:?} never got an answer", client.unsent));
            }
            if client.position != Some(head) {
                let at = client.position;
                return wrong(format!("I5: stands at {at:?}, the log at {head}"));
            }
        }
        self.judge_sends()
    }

    /// What an instance tells from memory looks as it does now, as far as the
    /// instance can know.
    pub(crate) fn judge_recall(&mut self, i: usize, told: &[Text]) {
        let last = self.instances[i].sequencer.last();
        for (position, has_text) in told.iter().flat_map(|text| frames::texts(text.as_str())) {
            let of_it = |(by, target): &(&Position, &Position)| {
                **target == position && (!has_text || **by <= last)
            };
            let mut deletes = self.log.deletes.iter().filter(of_it);
            let is_there =
                |by: &Position| matches!(self.log.truth[by].fate, Fate::Kept | Fate::Trimmed);
            if has_text && deletes.any(|(by, _)| is_there(by)) {
                let wrong = format!("I9: instance {i} tells {position}, which was taken back");
                self.wrong.get_or_insert(wrong);
            } else if !has_text && deletes.next().is_none() {
                let wrong = format!("I9: instance {i} has lost the text of {position}");
                self.wrong.get_or_insert(wrong);
            }
        }
    }

    fn judge_sends(&self) -> Result<(), String> {
        let mut places: BTreeMap<&str, Vec<Position>> = BTreeMap::new();
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for (position, record) in &self.log.truth {
            match (&record.key, record.fate) {
                (Some(key), Fate::Kept | Fate::Trimmed) => {
                    places.entry(key).or_default().push(*position);
                }
                (Some(key), Fate::Lost | Fate::Wiped) => {
                    taken.insert(key);
                }
                (None, _) => {}
            }
        }
        for (key, positions) in &places {
            if positions.len() > 1 {
                return Err(format!("I2: {key} stands at {positions:?}"));
            }
        }
        for (c, client) in self.clients.iter().enumerate() {
            let mut last = Position::ZERO;
            let mut had_loss = false;
            for n in 1..=client.sent {
                let key = format!("c{c}n{n}");
                let place = places.get(key.as_str()).map(|positions| positions[0]);
                let Some(position) = place else {
                    // Who lost history with a gap cannot know what to repeat.
                    if client.had_gap {
                        continue;
                    }
                    return Err(format!("I4: {key} was acknowledged and is nowhere"));
                };
                // What the log lost is said again, after what it did not lose.
                had_loss |= taken.contains(key.as_str());
                if position < last && !had_loss {
                    return Err(format!("I8: {key} stands before the one sent earlier"));
                }
                last = position;
            }
        }
        Ok(())
    }
}
