//! Changing a running cluster without its clients noticing: more instances, fewer, or all of them replaced.

use std::path::Path;
use std::time::Duration;

use crate::cluster::check_count;
use crate::{Cluster, Error, Result};

/// A draining instance gives up by itself after 40 s.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

impl Cluster {
    /// Starts instances in the lowest free slots, or drains those in the highest, until `instances` run. A slot whose
    /// instance was killed is a free one.
    pub fn scale(&mut self, instances: usize) -> Result<()> {
        check_count(instances)?;
        while self.running().len() < instances {
            let free = self.free_slot()?;
            self.start_slot(free)?;
        }
        self.wait_until_up()?;
        loop {
            let running = self.running();
            let surplus = running.len().saturating_sub(instances);
            if surplus == 0 {
                return Ok(());
            }
            // HAProxy repeats a refused request only so often: no more than half may refuse at the same time.
            let batch = surplus.min((running.len() / 2).max(1));
            self.drain(&running[running.len() - batch..])?;
            self.wait_until_up()?;
        }
    }

    /// Replaces the running instances one at a time, and stops at the first that does not come up. With `binary`, the
    /// new ones, and all later ones, are started from that program.
    pub fn roll(&mut self, binary: Option<&Path>) -> Result<()> {
        if let Some(binary) = binary {
            if !binary.is_file() {
                return Err(Error::NoBinary(binary.to_owned()));
            }
            binary.clone_into(&mut self.binary);
        }
        match self.running()[..] {
            [] => Err(Error::Refused("no instance is running: scale first".into())),
            // Somebody has to be there while the only one is away, so its successor comes first, in another slot.
            [only] => {
                let free = self.free_slot()?;
                self.replace(only, free)
            }
            ref several => several
                .iter()
                .try_for_each(|&slot| self.replace(slot, slot)),
        }
    }

    fn replace(&mut self, old: usize, new: usize) -> Result<()> {
        if old != new {
            self.start_slot(new)?;
            self.wait_until_up()?;
        }
        self.drain(&[old])?;
        if old == new {
            self.start_slot(new)?;
        }
        self.wait_until_up()
    }

    /// Asks these instances to end, together, and waits until they have.
    fn drain(&mut self, slots: &[usize]) -> Result<()> {
        for &slot in slots {
            let Some(instance) = &self.slots[slot].instance else {
                continue;
            };
            let line = format!(
                "{:<7}  drains  pid {}",
                instance.name(),
                instance.process().pid()
            );
            // One that has just ended by itself needs no signal.
            let _ = instance.process().terminate();
            self.tell(&line);
        }
        for &slot in slots {
            let Some(instance) = &self.slots[slot].instance else {
                continue;
            };
            let line = match instance.process().wait_for_exit(DRAIN_LIMIT) {
                Ok(status) if status.success() => format!("{:<7}  ended", instance.name()),
                Ok(status) => format!("{:<7}  ended badly: {status}", instance.name()),
                Err(Error::TimedOut { after, .. }) => {
                    format!(
                        "{:<7}  killed: it was not gone after {} s",
                        instance.name(),
                        after.as_secs()
                    )
                }
                Err(error) => return Err(error),
            };
            self.slots[slot].instance = None;
            self.tell(&line);
        }
        Ok(())
    }

    fn running(&self) -> Vec<usize> {
        (0..self.slots.len())
            .filter(|&slot| self.is_taken(slot))
            .collect()
    }

    fn free_slot(&self) -> Result<usize> {
        (0..self.slots.len())
            .find(|&slot| !self.is_taken(slot))
            .ok_or_else(|| Error::Refused("all slots are taken".into()))
    }

    fn is_taken(&self, slot: usize) -> bool {
        self.slots[slot]
            .instance
            .as_ref()
            .is_some_and(|instance| instance.process().is_running())
    }
}
