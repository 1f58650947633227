//! How the socket of a connection does, counted in beats of the pulse.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How a socket does, in beats of the pulse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Beats since a byte of the client was read.
    pub not_heard: u32,
    /// Beats since the socket took a byte.
    pub not_moved: u32,
    /// Whether bytes wait for the socket.
    pub is_blocked: bool,
}

/// What the pulse remembers of a connection.
#[derive(Debug, Default)]
pub(super) struct Beats {
    heard: AtomicBool,
    age: AtomicU32,
    not_heard: AtomicU32,
    not_moved: AtomicU32,
}

impl Beats {
    /// Notes that a byte of the client was read.
    pub(super) fn note_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// How many beats were counted.
    pub(super) fn age(&self) -> u32 {
        self.age.load(Ordering::Relaxed)
    }

    /// Counts a beat: bytes wait for the socket or not, and it took some since
    /// the last beat or not.
    pub(super) fn count(&self, is_blocked: bool, has_moved: bool) -> Vitals {
        self.age.fetch_add(1, Ordering::Relaxed);
        let was_heard = self.heard.swap(false, Ordering::Relaxed);
        Vitals {
            // A client that is busy taking what waits is not read from, and
            // alive.
            not_heard: count(&self.not_heard, was_heard || (is_blocked && has_moved)),
            not_moved: count(&self.not_moved, has_moved),
            is_blocked,
        }
    }
}

fn count(counter: &AtomicU32, is_fresh: bool) -> u32 {
    let beats = if is_fresh {
        0
    } else {
        counter.load(Ordering::Relaxed) + 1
    };
    counter.store(beats, Ordering::Relaxed);
    beats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_what_waits_is_alive_and_who_only_has_it_waiting_is_not() {
        let beats = Beats::default();
        let not_heard = |is_blocked, has_moved| beats.count(is_blocked, has_moved).not_heard;
        assert_eq!(not_heard(true, false), 1);
        assert_eq!(not_heard(true, true), 0);
        // Bytes of our own that go out at once say nothing about the client.
        assert_eq!(not_heard(false, true), 1);
        assert_eq!(not_heard(true, false), 2);
        beats.note_heard();
        assert_eq!(not_heard(true, false), 0);
        assert_eq!(beats.age(), 5);
    }
}
