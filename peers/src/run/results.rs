//! Everything that a run has found: all outcomes, and the middle of them.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::{
    calls::Calls,
    isolation::Isolation,
    jitter::Jitter,
    machine::Machine,
    metric::{Metric, median},
    server::Peer,
};
use crate::{generate::Counts, plan::Outcome};

/// One peer in one workload.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    workload: &'static str,
    peer: Peer,
    outcomes: Vec<Outcome>,
    /// Repetitions that are no results, and why.
    failures: Vec<String>,
}

/// All of them.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) is_quick: bool,
    pub(crate) window: Duration,
    /// Who took part, and in which version.
    pub(crate) versions: Vec<(Peer, String)>,
    /// Who did not, and why.
    pub(crate) left_out: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) isolation: Vec<Isolation>,
    pub(crate) jitter: Vec<Jitter>,
    pub(crate) calls: Option<Calls>,
}

impl Results {
    pub(crate) fn new(machine: Machine, is_quick: bool, window: Duration) -> Self {
        Self {
            machine,
            is_quick,
            window,
            versions: Vec::new(),
            left_out: Vec::new(),
            rows: Vec::new(),
            isolation: Vec::new(),
            jitter: Vec::new(),
            calls: None,
        }
    }

    pub(crate) fn take_part(&mut self, peer: Peer, version: String) {
        self.versions.push((peer, version));
    }

    pub(crate) fn leave_out(&mut self, what: &str, why: String) {
        self.left_out.push((what.to_owned(), why));
    }

    /// Whether a peer takes part.
    pub(crate) fn has(&self, peer: Peer) -> bool {
        self.versions.iter().any(|(other, _)| *other == peer)
    }

    /// Those of some peers that take part.
    pub(crate) fn taking_part(&self, peers: &[Peer]) -> Vec<Peer> {
        let there = peers.iter().filter(|peer| self.has(**peer));
        there.copied().collect()
    }

    /// Notes what came of a repetition.
    pub(crate) fn add(&mut self, workload: &'static str, peer: Peer, result: Result<Outcome>) {
        let found = self.rows.iter().position(|row| row.is_of(workload, peer));
        let index = found.unwrap_or_else(|| {
            self.rows.push(Row {
                workload,
                peer,
                outcomes: Vec::new(),
                failures: Vec::new(),
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[index];
        match result {
            Ok(outcome) if outcome.failures.is_empty() => row.outcomes.push(outcome),
            Ok(outcome) => row.failures.push(outcome.failures.join("; ")),
            Err(error) => row.failures.push(format!("{error:#}")),
        }
    }

    fn row(&self, workload: &str, peer: Peer) -> Option<&Row> {
        self.rows.iter().find(|row| row.is_of(workload, peer))
    }

    /// Whether a workload was measured at all.
    pub(crate) fn was_measured(&self, workload: &str) -> bool {
        self.rows.iter().any(|row| row.workload == workload)
    }

    /// The middle of a figure over all repetitions.
    pub(crate) fn median(&self, workload: &str, peer: Peer, metric: Metric) -> Option<f64> {
        let outcomes = self.row(workload, peer)?.outcomes.iter();
        median(outcomes.filter_map(|outcome| metric.of(outcome)).collect())
    }

    /// What went wrong over all repetitions.
    pub(crate) fn counts(&self, workload: &str, peer: Peer) -> Option<Counts> {
        let outcomes = self.row(workload, peer)?.outcomes.iter();
        Some(outcomes.fold(Counts::default(), |all, one| all.plus(one.counts)))
    }

    /// How many repetitions are results, and how many are not.
    pub(crate) fn repetitions(&self, workload: &str, peer: Peer) -> (usize, usize) {
        self.row(workload, peer)
            .map_or((0, 0), |row| (row.outcomes.len(), row.failures.len()))
    }

    /// What anything else on the machine used: the middle and the most, in cores.
    pub(crate) fn others(&self) -> (f64, f64) {
        let outcomes = self.rows.iter().flat_map(|row| &row.outcomes);
        let others: Vec<f64> = outcomes.map(|outcome| outcome.other_cores).collect();
        let most = others.iter().copied().fold(0.0, f64::max);
        (median(others).unwrap_or(0.0), most)
    }

    /// Why this run is none that hubbub could be content with: failures and
    /// deliveries that went wrong. Targets are another matter.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for row in &self.rows {
            // What peers do wrong is in the tables, and no reason for this run to fail.
            if !matches!(row.peer, Peer::Limit | Peer::Hubbub | Peer::HubbubAof) {
                continue;
            }
            for failure in &row.failures {
                problems.push(format!("{} {}: {failure}", row.workload, row.peer.id()));
            }
            let counts = self.counts(row.workload, row.peer).unwrap_or_default();
            if !counts.is_clean() {
                problems.push(format!("{} {}: {counts:?}", row.workload, row.peer.id()));
            }
        }
        let isolation = self.isolation.iter().filter(|one| !one.is_clean);
        problems.extend(isolation.map(|one| format!("isolation: {one:?}")));
        for jitter in &self.jitter {
            let failures = jitter.failures.iter();
            problems.extend(failures.map(|failure| format!("jitter: {failure}")));
            if jitter.lost + jitter.repeated + jitter.reordered > 0 {
                problems.push(format!("jitter: {jitter:?}"));
            }
        }
        problems
    }
}

impl Row {
    fn is_of(&self, workload: &str, peer: Peer) -> bool {
        self.workload == workload && self.peer == peer
    }
}
