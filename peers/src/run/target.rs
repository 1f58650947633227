//! What hubbub's figures should be.

use super::{
    isolation::Isolation,
    metric::{Metric, median},
    results::Results,
    server::Peer,
    workload::WORKLOADS,
};

/// A bound that includes its own value.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Most(f64),
    Least(f64),
}

/// A figure of hubbub in a workload, or its ratio to that of the limit.
struct Target {
    workload: &'static str,
    metric: Metric,
    bound: Bound,
    is_ratio: bool,
}

const fn most(workload: &'static str, metric: Metric, value: f64) -> Target {
    Target {
        workload,
        metric,
        bound: Bound::Most(value),
        is_ratio: false,
    }
}

const fn least(workload: &'static str, metric: Metric, value: f64) -> Target {
    Target {
        workload,
        metric,
        bound: Bound::Least(value),
        is_ratio: false,
    }
}

const TARGETS: &[Target] = &[
    most("E", Metric::CpuPerMillion, 3.0),
    Target {
        workload: "E",
        metric: Metric::CpuPerMillion,
        bound: Bound::Most(1.15),
        is_ratio: true,
    },
    most("A", Metric::CpuPerMillion, 1.6),
    least("A", Metric::DeliveriesPerSecond, 600_000.0),
    most("B", Metric::CpuPerMillion, 5.0),
    most("C", Metric::CpuPerMillion, 3.8),
    most("C", Metric::RedisPerSend, 10.0),
    most("D", Metric::P50, 0.30),
    most("D", Metric::P99, 0.6),
    most("C2", Metric::CpuPerMillion, 4.0),
    least("publish", Metric::AcksPerSecond, 40_000.0),
    most("publish", Metric::RedisPerAck, 15.0),
    most("idle", Metric::MemoryEach, 3.0),
    most("polls", Metric::MemoryEach, 14.0),
    most("accept", Metric::AcceptCpu, 40.0),
    least("accept", Metric::AcceptsPerSecond, 12_000.0),
    most("accept-cookie", Metric::AcceptCpu, 40.0),
    least("accept-cookie", Metric::AcceptsPerSecond, 12_000.0),
];

/// A target beside what was measured, for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Target {
    fn judge(&self, results: &Results) -> Option<Judged> {
        let mut value = results.median(self.workload, Peer::Hubbub, self.metric)?;
        if self.is_ratio {
            value /= results.median(self.workload, Peer::Limit, self.metric)?;
        }
        let show = |value| {
            if self.is_ratio {
                format!("{value:.2}x")
            } else {
                self.metric.show(value)
            }
        };
        let title = WORKLOADS
            .iter()
            .find(|workload| workload.id == self.workload);
        let title = title.map_or(self.workload, |workload| workload.title);
        let beside = if self.is_ratio { ", to the limit" } else { "" };
        Some(Judged {
            what: format!("{title}: {}{beside}", self.metric.title()),
            target: match self.bound {
                Bound::Most(bound) => format!("≤ {}", show(bound)),
                Bound::Least(bound) => format!("≥ {}", show(bound)),
            },
            measured: show(value),
            is_met: match self.bound {
                Bound::Most(bound) => value <= bound,
                Bound::Least(bound) => value >= bound,
            },
        })
    }
}

/// All targets for which there is a figure.
pub(crate) fn judge(results: &Results) -> Vec<Judged> {
    let mut judged: Vec<Judged> = TARGETS
        .iter()
        .filter_map(|target| target.judge(results))
        .collect();
    judged.extend(judge_isolation(results));
    judged.extend(judge_jitter(results));
    judged.extend(judge_calls(results));
    judged.extend(judge_counts(results));
    judged
}

fn judge_isolation(results: &Results) -> Option<Judged> {
    let ratio = median(results.isolation.iter().map(Isolation::ratio).collect())?;
    Some(Judged {
        what: "A quiet room beside a saturated one: p99, to its calm p99".to_owned(),
        target: "≤ 2.00x".to_owned(),
        measured: format!("{ratio:.2}x"),
        is_met: ratio <= 2.0,
    })
}

fn judge_jitter(results: &Results) -> Vec<Judged> {
    let of = |figure: fn(&super::jitter::Jitter) -> f64| {
        median(results.jitter.iter().map(figure).collect())
    };
    let least = results.jitter.iter().map(super::jitter::Jitter::arrived);
    let (Some(p95), Some(p99)) = (of(|one| one.catch_up_p95_ms), of(|one| one.catch_up_p99_ms))
    else {
        return Vec::new();
    };
    let arrived = least.fold(100.0, f64::min);
    let row = |what: &str, target: &str, measured: String, is_met| Judged {
        what: format!("Jitter, 9,000 clients away for 2 s: {what}"),
        target: target.to_owned(),
        measured,
        is_met,
    };
    vec![
        row(
            "delivered",
            "100 %",
            format!("{arrived:.4} %"),
            arrived >= 100.0,
        ),
        row(
            "catch-up p95",
            "< 1 s",
            format!("{:.2} s", p95 / 1e3),
            p95 < 1e3,
        ),
        row(
            "catch-up p99",
            "< 2 s",
            format!("{:.2} s", p99 / 1e3),
            p99 < 2e3,
        ),
    ]
}

fn judge_calls(results: &Results) -> Vec<Judged> {
    let Some(calls) = &results.calls else {
        return Vec::new();
    };
    let row = |what: &str, value: f64, bound: f64| Judged {
        what: format!("System calls in E, per delivery: {what}"),
        target: format!("≤ {bound:.2}"),
        measured: format!("{value:.4}"),
        is_met: value <= bound,
    };
    vec![
        row("writes", calls.writes_each(), 1.02),
        row("others", calls.others_each(), 0.1),
    ]
}

fn judge_counts(results: &Results) -> Option<Judged> {
    let measured = WORKLOADS
        .iter()
        .filter_map(|workload| results.counts(workload.id, Peer::Hubbub));
    let counts = measured.reduce(super::super::generate::Counts::plus)?;
    Some(Judged {
        what: "All workloads: lost / repeated / out of order".to_owned(),
        target: "0 / 0 / 0".to_owned(),
        measured: super::table::counts(counts),
        is_met: counts.is_clean(),
    })
}
