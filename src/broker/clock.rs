//! The two clocks of a process: the one on the wall and the one that only runs
//! forward.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as far as this machine knows.
pub(super) fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, whole_ms)
}

/// A duration in whole milliseconds.
pub(super) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Counts milliseconds since it was made. Deadlines within one process are
/// kept in it, because a wall clock that is set would move them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// A stopwatch that stands at zero now.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    pub(super) fn ms(self) -> u64 {
        whole_ms(self.0.elapsed())
    }
}
