//! What a run says in the end: as text, as JSON and as a page with plots.

mod html;
mod plot;
mod text;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    check::Verdict,
    plan::{Pace, Plan},
    process::Usage,
    run::{Moment, Stages, Tally},
};

pub use text::live_line;

/// A run in figures.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The version of this program.
    pub version: &'static str,
    /// Who did what.
    pub settings: Settings,
    /// How long it counted.
    pub seconds: f64,
    /// Sends acknowledged per second while it counted.
    pub acknowledged_per_second: f64,
    /// Deliveries per second while it counted.
    pub delivered_per_second: f64,
    /// Deliveries while it counted.
    pub delivered: u64,
    /// All counts, from the first connection to the end.
    pub counts: Tally,
    /// Positions that members who were there in the end did not reach.
    pub short: u64,
    /// How long things took.
    pub latency: Summaries,
    /// One point per second.
    pub points: Vec<Point>,
    /// What the servers used.
    pub processes: Vec<ProcessReport>,
    /// What this program used.
    pub generator: ProcessReport,
    /// Whether everything was as it should be.
    pub is_clean: bool,
    /// How many violations the checker found.
    pub violations: u64,
    /// What the checker says, if it was asked.
    pub verdict: Option<Verdict>,
    /// What went wrong, for people.
    pub failures: Vec<String>,
}

/// Who did what in a run.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the options of the same names explain them")]
pub struct Settings {
    pub clients: u32,
    pub poll_percent: u32,
    pub rooms: u32,
    pub rooms_per_client: u32,
    pub publishers: u32,
    pub pace: String,
    pub window: usize,
    pub text_bytes: usize,
    pub threads: u32,
}

impl Settings {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            clients: plan.clients,
            poll_percent: plan.poll_percent,
            rooms: plan.rooms,
            rooms_per_client: plan.rooms_per_client,
            publishers: plan.publishers,
            pace: match plan.pace {
                Pace::Silent => "silent".to_owned(),
                Pace::Closed { in_flight } => {
                    format!("closed loop, {in_flight} messages in flight")
                }
                Pace::Open { per_second } => format!("open loop, {per_second} messages/s"),
            },
            window: plan.window,
            text_bytes: plan.text_bytes,
            threads: plan.threads,
        }
    }
}

/// How long the stages of a run took.
#[derive(Clone, Debug, Serialize)]
pub struct Summaries {
    /// From the first attempt until every room was joined.
    pub connect: Summary,
    /// From the moment a send was due until its ack.
    pub ack: Summary,
    /// From the moment a send was due until a member had it.
    pub delivery: Summary,
    /// From the return of the network until nothing was missing any more.
    pub catch_up: Summary,
}

impl Summaries {
    pub(super) fn of(stages: &Stages) -> Self {
        Self {
            connect: Summary::of(&stages.connect),
            ack: Summary::of(&stages.ack),
            delivery: Summary::of(&stages.delivery),
            catch_up: Summary::of(&stages.catch_up),
        }
    }
}

/// One stage, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// How many times were taken.
    pub count: u64,
    /// The middle one.
    pub p50_ms: f64,
    /// Nine of ten are faster.
    pub p90_ms: f64,
    /// 95 of 100 are faster.
    pub p95_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// 999 of 1,000 are faster.
    pub p999_ms: f64,
    /// The slowest one.
    pub max_ms: f64,
    /// Quantiles for a plot: each a share and the time that it takes at most.
    pub curve: Vec<(f64, f64)>,
}

impl Summary {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        let nines = (0..=40).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 10.0));
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: millis(histogram.max()),
            curve: nines.map(|quantile| (quantile, at(quantile))).collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// One second of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Since the run began.
    pub at_s: f64,
    /// Clients with a transport that works.
    pub up: u32,
    /// Sends acknowledged per second.
    pub acknowledged_per_second: f64,
    /// Deliveries per second.
    pub delivered_per_second: f64,
    /// The middle of this second's deliveries.
    pub p50_ms: f64,
    /// 99 of 100 of this second's deliveries are faster.
    pub p99_ms: f64,
    /// This second's slowest delivery.
    pub max_ms: f64,
}

impl Point {
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    pub(super) fn of(before: &Moment, now: &Moment) -> Self {
        let span = now.at.saturating_sub(before.at);
        let span = span.max(Duration::from_millis(1)).as_secs_f64();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
        let delivery = &now.stages.delivery;
        Self {
            at_s: now.at.as_secs_f64(),
            up: now.up,
            acknowledged_per_second: rate(now.tally.acknowledged, before.tally.acknowledged),
            delivered_per_second: rate(now.tally.delivered, before.tally.delivered),
            p50_ms: millis(delivery.value_at_quantile(0.5)),
            p99_ms: millis(delivery.value_at_quantile(0.99)),
            max_ms: millis(delivery.max()),
        }
    }
}

/// What one process used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessReport {
    /// Its name, for people.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// CPU seconds while it counted.
    pub cpu_seconds: f64,
    /// The same for a million deliveries; none without deliveries.
    pub cpu_seconds_per_million: Option<f64>,
    /// Resident memory before the first client, in bytes.
    pub rss_before: u64,
    /// With all clients connected, before they spoke.
    pub rss_connected: u64,
    /// In the end.
    pub rss_after: u64,
    /// Growth of resident memory per client, in bytes, before they spoke.
    pub rss_per_connection: f64,
    /// Proportional memory with all clients connected, in bytes.
    pub pss_connected: u64,
    /// Growth of proportional memory per client, in bytes.
    pub pss_per_connection: f64,
    /// Open file descriptors in the end.
    pub descriptors: u64,
}

impl ProcessReport {
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    pub(super) fn of(
        [before, connected, from, to]: [Usage; 4],
        delivered: u64,
        connections: u32,
    ) -> Self {
        let cpu_seconds = to.cpu_ns.saturating_sub(from.cpu_ns) as f64 / 1e9;
        let each = |grown: u64| grown as f64 / f64::from(connections.max(1));
        Self {
            name: String::new(),
            pid: 0,
            cpu_seconds,
            cpu_seconds_per_million: (delivered > 0).then(|| cpu_seconds * 1e6 / delivered as f64),
            rss_before: before.rss,
            rss_connected: connected.rss,
            rss_after: to.rss,
            rss_per_connection: each(connected.rss.saturating_sub(before.rss)),
            pss_connected: connected.pss,
            pss_per_connection: each(connected.pss.saturating_sub(before.pss)),
            descriptors: to.descriptors,
        }
    }
}

impl Report {
    /// The report as JSON.
    pub fn to_json(&self) -> String {
        // Numbers, texts and lists always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The report as one page that needs nothing else.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}
