//! What comes out of a check.

use std::fmt;

use serde::Serialize;

/// How many violations of one invariant are explained.
const EXAMPLES: usize = 5;

/// What must hold in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// What a client receives in a room has no hole.
    I1,
    /// No position comes twice, no key has two positions, order only rises.
    I2,
    /// Everything received is in the final log, or was taken back.
    I3,
    /// Everything acknowledged is in the final log, once, where the ack said.
    I4,
    /// Everything acknowledged reached everybody who was entitled to it, in time.
    I5,
    /// What was refused is not in the log; what is unknown is there once at most.
    I6,
    /// Gaps and rollbacks are told only where history is really gone.
    I7,
    /// A sender's own messages keep their order.
    I8,
    /// No message reaches somebody who is not in the room.
    I9,
    /// In the end all members have the same view.
    I10,
    /// Who is shown as present is; nobody "leaves" who is back within the grace.
    I11,
    /// No notice of a lost connection where none is due.
    I12,
    /// Memory, descriptors, tasks and keys return to where they started.
    I13,
    /// One flooded room does not slow the others.
    I14,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Self; 14] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::I14,
    ];

    /// What it says, in one line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::I1 => "what a client receives has no hole",
            Self::I2 => "no position twice, no key under two positions, rising order",
            Self::I3 => "everything received is in the final log",
            Self::I4 => "everything acknowledged is in the final log, once",
            Self::I5 => "everything acknowledged reached every member in time",
            Self::I6 => "what was refused is not in the log",
            Self::I7 => "gaps and rollbacks are told only where history is gone",
            Self::I8 => "a sender's own messages keep their order",
            Self::I9 => "no message reaches somebody outside the room",
            Self::I10 => "in the end all members have the same view",
            Self::I11 => "presence is true",
            Self::I12 => "no notice of a lost connection without cause",
            Self::I13 => "resources return to where they started",
            Self::I14 => "a flooded room does not slow the others",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Whether an invariant held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did.
    Held,
    /// It did not.
    Broken,
    /// The run holds nothing that could tell.
    Undecided,
}

/// The verdict on one invariant.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Which.
    pub invariant: Invariant,
    /// What it says.
    pub text: &'static str,
    /// Whether it held.
    pub outcome: Outcome,
    /// How often it did not.
    pub violations: u64,
    /// The first few violations, explained.
    pub examples: Vec<String>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Counts {
    /// Different messages that were sent.
    pub sent: u64,
    /// How many of them were acknowledged.
    pub acknowledged: u64,
    /// How many were refused for good.
    pub refused: u64,
    /// How many had an outcome that nobody learnt.
    pub unknown: u64,
    /// Messages that clients received, all clients together.
    pub received: u64,
    /// Acknowledged messages that did not reach a member who was entitled to
    /// them, counted per member, or are gone from the log.
    pub lost: u64,
    /// Messages that a client received twice, and keys with two positions.
    pub duplicated: u64,
    /// Messages that came after a later one.
    pub reordered: u64,
    /// Messages that came in the end, but too late.
    pub late: u64,
    /// Times somebody was shown as having left who had not.
    pub false_left: u64,
    /// Notices of a lost connection without cause.
    pub false_notices: u64,
    /// All notices of a lost connection.
    pub notices: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Rollbacks told.
    pub rollbacks: u64,
    /// Messages that could not be judged because the log was trimmed.
    pub unjudged: u64,
}

/// The verdict on a run.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What was counted.
    pub counts: Counts,
    /// One finding per invariant, in order.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether no invariant was broken.
    pub fn is_clean(&self) -> bool {
        self.violations() == 0
    }

    /// All violations together.
    pub fn violations(&self) -> u64 {
        self.findings.iter().map(|found| found.violations).sum()
    }

    /// The finding on one invariant.
    pub fn of(&self, invariant: Invariant) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|found| found.invariant == invariant)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.findings {
            let word = match found.outcome {
                Outcome::Held => "held",
                Outcome::Broken => "BROKEN",
                Outcome::Undecided => "-",
            };
            let name = found.invariant.to_string();
            writeln!(f, "  {name:<4}{word:<8}{}", found.text)?;
            for example in &found.examples {
                writeln!(f, "        {example}")?;
            }
            let more = found.violations - found.examples.len() as u64;
            if more > 0 {
                writeln!(f, "        … and {more} more")?;
            }
        }
        Ok(())
    }
}

/// Collects violations and counts.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) counts: Counts,
    /// Whether anything could tell, how often it was broken, and examples.
    notes: [(bool, u64, Vec<String>); 14],
}

impl Judge {
    /// There is something that can tell whether this holds.
    pub(super) fn can_tell(&mut self, invariant: Invariant) {
        self.notes[invariant as usize].0 = true;
    }

    /// It does not hold; `explain` says where, if there is still space.
    pub(super) fn broken(&mut self, invariant: Invariant, explain: impl FnOnce() -> String) {
        let (can_tell, violations, examples) = &mut self.notes[invariant as usize];
        *can_tell = true;
        *violations += 1;
        if examples.len() < EXAMPLES {
            examples.push(explain());
        }
    }

    pub(super) fn verdict(self) -> Verdict {
        let findings = Invariant::ALL
            .into_iter()
            .zip(self.notes)
            .map(|(invariant, (can_tell, violations, examples))| Finding {
                invariant,
                text: invariant.text(),
                outcome: match (violations, can_tell) {
                    (0, true) => Outcome::Held,
                    (0, false) => Outcome::Undecided,
                    _ => Outcome::Broken,
                },
                violations,
                examples,
            })
            .collect();
        Verdict {
            counts: self.counts,
            findings,
        }
    }
}
