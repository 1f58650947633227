//! When who speaks: at fixed times (open loop), or as soon as a message has
//! reached everybody (closed loop).

use crate::bench::plan::Pace;

use super::{
    driver::{Driver, SECOND},
    shared::Command,
    stats::Nanos,
};

/// A message of a closed loop that takes longer than this does not hold up the
/// next one any more.
const STALLED: Nanos = 5 * SECOND;

/// What a thread knows of the pace.
#[derive(Default)]
pub(super) struct Pacing {
    /// The open loop: when the next message is due, how far they lie apart in
    /// nanoseconds, and whose turn it is.
    due: Option<f64>,
    step: f64,
    turn: usize,
    /// The closed loop: slots whose messages reached everybody.
    free: Vec<u32>,
    /// Own slots, while the closed loop is on.
    slots: Vec<u32>,
}

impl Pacing {
    /// When the next message is due.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a run that is not older than a week"
    )]
    pub(super) fn next(&self) -> Option<Nanos> {
        self.due.map(|due| due as Nanos)
    }

    /// A slot may take its next message.
    pub(super) fn is_free(&mut self, slot: u32) {
        // A run that fell silent has no slots any more.
        if !self.slots.is_empty() {
            self.free.push(slot);
        }
    }
}

impl Driver {
    /// Begins to speak at some pace, or falls silent.
    pub(super) fn talk(&mut self, pace: Pace) {
        self.pacing = Pacing::default();
        match pace {
            Pace::Silent => {}
            Pace::Open { per_second } => {
                let share = f64::from(self.own_publishers())
                    / f64::from(self.shared.plan.publishers.max(1));
                let rate = per_second * share;
                if rate > 0.0 {
                    self.pacing.step = 1e9 / rate;
                    #[expect(clippy::cast_precision_loss, reason = "a few hours at most")]
                    let now = self.now as f64;
                    // Threads do not all begin in the same moment.
                    self.pacing.due = Some(now + self.pacing.step * rand::random::<f64>());
                }
            }
            Pace::Closed { .. } => {
                let threads = self.shared.plan.threads.max(1);
                let publishers = self.shared.plan.publishers.max(1);
                let own = |slot: &u32| (slot % publishers) % threads == self.thread;
                self.pacing.slots = (0..self.shared.slots()).filter(own).collect();
                self.pacing.free = self.pacing.slots.clone();
            }
        }
    }

    fn own_publishers(&self) -> u32 {
        let publishers = self.shared.plan.publishers;
        let own = self
            .people
            .iter()
            .filter(|person| person.number < publishers);
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }

    /// Says what is due.
    pub(super) fn keep_pace(&mut self) {
        while let Some(due) = self.pacing.next().filter(|due| *due <= self.now) {
            let publishers = self.own_publishers() as usize;
            if publishers == 0 {
                return;
            }
            let who = self.pacing.turn % publishers;
            self.pacing.turn = who + 1;
            if let Some(next) = &mut self.pacing.due {
                *next += self.pacing.step;
            }
            self.say(who, due, u32::MAX);
        }
        let publishers = self.shared.plan.publishers.max(1);
        for slot in std::mem::take(&mut self.pacing.free) {
            let who = self.index_of(slot % publishers);
            if who < self.people.len() {
                self.say(who, self.now, slot);
            }
        }
    }

    /// Where a client of this thread is kept.
    fn index_of(&self, client: u32) -> usize {
        (client / self.shared.plan.threads.max(1)) as usize
    }

    /// The message of a slot has reached everybody; whose thread sends the next?
    pub(super) fn slot_is_free(&mut self, client: u32, slot: u32) {
        let thread = client % self.shared.plan.threads.max(1);
        if thread == self.thread {
            self.pacing.is_free(slot);
        } else {
            self.shared.tell(thread as usize, Command::Finished(slot));
        }
    }

    /// Frees the slots whose messages do not arrive.
    pub(super) fn check_pace(&mut self) {
        let before = self.now.saturating_sub(STALLED);
        let stalled: Vec<_> = self
            .pacing
            .slots
            .iter()
            .copied()
            .filter(|slot| self.shared.is_stalled(*slot, before))
            .collect();
        for slot in stalled {
            self.tally.stalled += 1;
            self.pacing.free.push(slot);
        }
    }
}
