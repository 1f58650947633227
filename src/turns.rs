//! Turns: whoever works on something holds its turn meanwhile.

use std::hash::{BuildHasher as _, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// A fixed number of turns over any number of things: so many can be worked on
/// at the same time, at most. Two things may share a turn, which costs a wait
/// and nothing else.
pub struct Turns<const WIDTH: usize> {
    hasher: RandomState,
    turns: [Mutex<()>; WIDTH],
}

impl<const WIDTH: usize> Default for Turns<WIDTH> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            turns: std::array::from_fn(|_| Mutex::new(())),
        }
    }
}

impl<const WIDTH: usize> Turns<WIDTH> {
    /// Waits for the turn of a thing.
    pub async fn take(&self, thing: &impl Hash) -> MutexGuard<'_, ()> {
        let width = WIDTH as u64;
        let place = usize::try_from(self.hasher.hash_one(thing) % width).unwrap_or(0);
        self.turns[place].lock().await
    }
}
