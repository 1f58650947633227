//! Waiting for a condition: the only place of this crate that sleeps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

const PAUSE: Duration = Duration::from_millis(15);

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Ends every wait of this program, those to come included, with [`Error::Stopped`]. A program calls it when it is asked
/// to end while a start or a roll is under way.
pub fn stop_waiting() {
    STOPPED.store(true, Ordering::Relaxed);
}

/// Asks again and again until the condition is met, fails, or the limit is over. `what` completes the error message:
/// "redis-server answers".
pub fn until(what: &str, limit: Duration, mut met: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !met()? {
        if STOPPED.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        if start.elapsed() >= limit {
            return Err(Error::TimedOut {
                what: what.to_owned(),
                after: limit,
            });
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The same for a condition that ends something: it goes on after [`stop_waiting`], and tells whether it was met.
pub(crate) fn is_met_within(limit: Duration, mut met: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if met() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(PAUSE);
    }
}
