//! What is counted and timed while a run is on.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Nanoseconds since the run began.
pub(crate) type Nanos = u64;

/// The longest time a histogram tells apart: ten minutes, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Counts that only grow.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Different messages that were sent.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Refused for good.
    pub refused: u64,
    /// Sent once more, because the answer was missing or said so.
    pub resent: u64,
    /// Messages that came, all clients together, the missed ones included.
    pub delivered: u64,
    /// Those of them that were brought after a time away.
    pub replayed: u64,
    /// Passed over by a client, and not seen since.
    pub holes: u64,
    /// Received twice.
    pub duplicated: u64,
    /// Received after a later one.
    pub reordered: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Rollbacks told.
    pub rollbacks: u64,
    /// Times at which a browser would have said that there is no connection.
    pub notices: u64,
    /// Transports that came to work.
    pub connects: u64,
    /// Transports that ended without being asked to.
    pub drops: u64,
    /// Attempts to connect that came to nothing.
    pub failed_connects: u64,
    /// Moves from one instance to another, on its request.
    pub moves: u64,
    /// Messages of a closed loop that nobody finished in time.
    pub stalled: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Why transports ended or frames were refused, and how often.
    pub reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Notes a reason.
    pub(super) fn reason(&mut self, reason: &str) {
        if let Some(count) = self.reasons.get_mut(reason) {
            *count += 1;
        } else {
            self.reasons.insert(reason.to_owned(), 1);
        }
    }

    /// Adds what another thread counted.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.resent += other.resent;
        self.delivered += other.delivered;
        self.replayed += other.replayed;
        self.holes += other.holes;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.gaps += other.gaps;
        self.rollbacks += other.rollbacks;
        self.notices += other.notices;
        self.connects += other.connects;
        self.drops += other.drops;
        self.failed_connects += other.failed_connects;
        self.moves += other.moves;
        self.stalled += other.stalled;
        self.bytes_in += other.bytes_in;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

/// How long things took, in microseconds.
#[derive(Clone, Debug)]
pub struct Stages {
    /// From the first attempt until every room was joined.
    pub connect: Histogram<u64>,
    /// From the moment a send was due until its ack.
    pub ack: Histogram<u64>,
    /// From the moment a send was due until a member had it.
    pub delivery: Histogram<u64>,
    /// From the return of the network until nothing was missing any more.
    pub catch_up: Histogram<u64>,
}

impl Default for Stages {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are in order");
        Self {
            connect: histogram(),
            ack: histogram(),
            delivery: histogram(),
            catch_up: histogram(),
        }
    }
}

impl Stages {
    /// Adds what another thread timed.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.connect, &other.connect),
            (&mut self.ack, &other.ack),
            (&mut self.delivery, &other.delivery),
            (&mut self.catch_up, &other.catch_up),
        ] {
            // Both have the same bounds.
            let _ = own.add(other);
        }
    }
}

/// Notes a time.
pub(super) fn time(histogram: &mut Histogram<u64>, from: Nanos, to: Nanos) {
    let micros = to.saturating_sub(from) / 1_000;
    histogram.saturating_record(micros.min(LONGEST));
}
