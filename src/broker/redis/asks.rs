//! Whether somebody waits for an answer of Redis, so that work which can wait
//! lets it have the processor.
//!
//! Where Redis shares a processor with us, the fan-out of a flooded room keeps
//! it busy, and the kernel looks for somebody else to run every few
//! milliseconds only: so long a message of a quiet room would wait before it is
//! stored. To give way after every turn would be dear beside a neighbour that
//! computes all the time; once for what was asked since is enough.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what Redis was asked, what it answered, and for what we gave way. A
/// count that is a little late costs a system call or a little patience.
#[derive(Default)]
pub(super) struct Asks {
    asked: AtomicU64,
    answered: AtomicU64,
    gave_way: AtomicU64,
}

/// One question on its way; dropped with its answer, or without one.
pub(super) struct Asking<'a>(&'a Asks);

impl Asks {
    pub(super) fn begin(&self) -> Asking<'_> {
        self.asked.fetch_add(1, Relaxed);
        Asking(self)
    }

    /// Lets another process have this processor, if something was asked since
    /// the last time that is not answered yet.
    pub(super) fn give_way(&self) {
        if self.is_to_give_way() {
            std::thread::yield_now();
        }
    }

    fn is_to_give_way(&self) -> bool {
        let asked = self.asked.load(Relaxed);
        self.gave_way.load(Relaxed) != asked
            && self.answered.load(Relaxed) != asked
            && self.gave_way.swap(asked, Relaxed) != asked
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gives_way_once_for_what_is_not_answered_yet() {
        let asks = Asks::default();
        assert!(!asks.is_to_give_way(), "nobody waits");
        let first = asks.begin();
        assert!(asks.is_to_give_way());
        assert!(!asks.is_to_give_way(), "it had its chance");
        let second = asks.begin();
        assert!(asks.is_to_give_way(), "it was asked again");
        let third = asks.begin();
        drop((first, second, third));
        assert!(!asks.is_to_give_way(), "all is answered");
    }
}
