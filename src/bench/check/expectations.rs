//! What was done to the system during a run, and thus what may be late, lost
//! or told.

use super::event::Micros;

const SECOND: Micros = 1_000_000;

/// What a run may look like.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// How late a message may be while nothing is broken.
    pub calm: Micros,
    /// How late a change of who is there may be then.
    pub settle: Micros,
    /// How late it may be after a fault healed.
    pub heal: Micros,
    /// Nobody is told that somebody left who is back within this time.
    pub grace: Micros,
    /// After this time away, nobody is shown as present any more.
    pub absence: Micros,
    /// The same for somebody who polls.
    pub poll_absence: Micros,
    /// What was broken, and when.
    pub faults: Vec<Fault>,
    /// Whether history may have been trimmed, so that a gap may be true.
    pub may_trim: bool,
    /// Whether the store may have lost what it had acknowledged, so that a
    /// rollback may be true.
    pub may_roll_back: bool,
    /// Whether every client kept one send per room in flight, so that its own
    /// messages must keep their order.
    pub is_ordered: bool,
    /// When the last client had been given its time to catch up; none = the
    /// last note of any journal.
    pub ended: Option<Micros>,
    /// Resources at the start and at the end.
    pub resources: Vec<Resource>,
    /// What one flooded room did to the others.
    pub flood: Option<Flood>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            calm: 2 * SECOND,
            settle: 2 * SECOND,
            heal: 15 * SECOND,
            grace: 15 * SECOND,
            // Lease, grace, and some time for the reaper.
            absence: 26 * SECOND,
            poll_absence: 66 * SECOND,
            faults: Vec::new(),
            may_trim: false,
            may_roll_back: false,
            is_ordered: true,
            ended: None,
            resources: Vec::new(),
            flood: None,
        }
    }
}

/// Something that was broken for a while.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What, for people.
    pub name: String,
    /// From when …
    pub from: Micros,
    /// … until when.
    pub healed: Micros,
    /// Whether a browser may say that there is no connection: not in a planned
    /// roll, and not when only Redis is away.
    pub may_notice: bool,
}

/// How much of something there was at the start and at the end of a run.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What, for people: `app-1 RSS`, `redis keys`.
    pub name: String,
    /// After one identical warm-up run.
    pub before: u64,
    /// A minute after the last client left.
    pub after: u64,
}

/// Latency of the quiet rooms, without and with a flooded one beside them.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// p99 while nothing was flooded.
    pub calm_p99: Micros,
    /// p99 during the flood.
    pub flooded_p99: Micros,
}

impl Expectations {
    /// Until when something that was due at `due` may take.
    pub(super) fn deadline(&self, due: Micros) -> Micros {
        let calm = due + self.calm;
        // A fault that begins while the message is on its way counts, too.
        self.faults
            .iter()
            .filter(|fault| fault.from <= calm && due <= fault.healed + self.heal)
            .map(|fault| fault.healed + self.heal)
            .fold(calm, Micros::max)
    }

    /// Whether something was broken at that time, or had just healed.
    pub(super) fn is_troubled(&self, at: Micros) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.from <= at && at <= fault.healed + self.heal)
    }

    /// Whether a browser may say at that time that there is no connection.
    pub(super) fn may_notice(&self, at: Micros) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.may_notice && fault.from <= at && at <= fault.healed + self.heal)
    }
}
