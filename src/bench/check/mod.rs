//! The checker: journals of all clients and the final logs of all rooms in, a
//! verdict on fourteen invariants out.
//!
//! Read [`event`] first: it is the list of what a client notes down. A
//! [`Journal`] keeps these notes in few bytes. [`FinalLogs`] is the truth to
//! compare with, read by history once everything is quiet. [`Expectations`]
//! says what was done to the system meanwhile, and thus what may be late.

pub mod event;
pub mod expectations;
pub mod final_logs;
pub mod journal;
pub mod mark;
pub mod verdict;

mod follow;
mod index;
mod limits;
mod presence;
mod sends;
#[cfg(test)]
mod tests;

pub use self::{
    event::{Event, How, Micros, RoomNumber, Via},
    expectations::{Expectations, Fault, Flood, Resource},
    final_logs::{FinalEntry, FinalLogs, FinalRoom},
    journal::Journal,
    mark::{Digest, Mark, digest, mark, send_mark},
    verdict::{Counts, Finding, Invariant, Outcome, Verdict},
};

use self::{index::Index, verdict::Judge};

/// Judges a whole run.
pub fn check(journals: &[Journal], logs: &FinalLogs, expectations: &Expectations) -> Verdict {
    let mut judge = Judge::default();
    let index = Index::new(journals, logs, expectations, &mut judge);
    for journal in journals {
        follow::check(journal, &index, &mut judge);
    }
    sends::check(journals, &index, &mut judge);
    presence::check(journals, &index, &mut judge);
    limits::check(expectations, &mut judge);
    judge.verdict()
}
