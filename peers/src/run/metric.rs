//! The figures that are told of a run, each taken from its outcome.

use serde::Serialize;

use super::server::REDIS;
use crate::{plan::Outcome, usage::Usage};

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Metric {
    /// CPU seconds of all server processes per million deliveries.
    CpuPerMillion,
    DeliveriesPerSecond,
    /// CPU of Redis per message, in microseconds.
    RedisPerSend,
    P50,
    P99,
    /// How busy the generator was; near 1, the server was not the bottleneck.
    GeneratorCores,
    AcksPerSecond,
    RedisPerAck,
    CpuPerAck,
    /// Resident memory of the server per connection, in KB.
    MemoryEach,
    RedisMemoryEach,
    /// CPU of all server processes per connection, in microseconds.
    AcceptCpu,
    AcceptRedisCpu,
    AcceptsPerSecond,
}

impl Metric {
    /// The head of its column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::CpuPerMillion => "CPU s/1M deliveries",
            Self::DeliveriesPerSecond => "deliveries/s",
            Self::RedisPerSend | Self::RedisPerAck => "Redis µs/send",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
            Self::GeneratorCores => "generator busy",
            Self::AcksPerSecond => "sends/s",
            Self::CpuPerAck => "all CPU µs/send",
            Self::MemoryEach => "KB/connection",
            Self::RedisMemoryEach => "Redis KB/connection",
            Self::AcceptCpu => "CPU µs/connection",
            Self::AcceptRedisCpu => "of it Redis",
            Self::AcceptsPerSecond => "connections/s",
        }
    }

    /// Whether hubbub's figure is divided by each peer's.
    pub(crate) const fn is_compared(self) -> bool {
        matches!(
            self,
            Self::CpuPerMillion
                | Self::DeliveriesPerSecond
                | Self::MemoryEach
                | Self::AcceptCpu
                | Self::AcceptsPerSecond
                | Self::P50
                | Self::P99
        )
    }

    /// The figure, if the run has it.
    pub(crate) fn of(self, outcome: &Outcome) -> Option<f64> {
        let window = |only_redis| cpu(&outcome.window_use, only_redis);
        let connect = |only_redis| cpu(&outcome.connect_use, only_redis);
        match self {
            Self::CpuPerMillion => per(window(false) / 1e9, outcome.delivered, 1e6),
            Self::DeliveriesPerSecond => rate(outcome.delivered, outcome.window_s),
            Self::RedisPerSend => has_redis(&outcome.window_use)
                .then(|| per(window(true), outcome.sent, 1e-3))
                .flatten(),
            Self::P50 => (outcome.delivered > 0).then_some(outcome.p50_ms),
            Self::P99 => (outcome.delivered > 0).then_some(outcome.p99_ms),
            Self::GeneratorCores => Some(outcome.generator_cores),
            Self::AcksPerSecond => rate(outcome.acknowledged, outcome.window_s),
            Self::RedisPerAck => per(window(true), outcome.acknowledged, 1e-3),
            Self::CpuPerAck => per(window(false), outcome.acknowledged, 1e-3),
            Self::MemoryEach => per(memory(&outcome.growth, false), outcome.connected, 1e-3),
            Self::RedisMemoryEach => has_redis(&outcome.growth)
                .then(|| per(memory(&outcome.growth, true), outcome.connected, 1e-3))
                .flatten(),
            Self::AcceptCpu => per(connect(false), outcome.connected, 1e-3),
            Self::AcceptRedisCpu => has_redis(&outcome.connect_use)
                .then(|| per(connect(true), outcome.connected, 1e-3))
                .flatten(),
            Self::AcceptsPerSecond => rate(outcome.connected, outcome.connect_s),
        }
    }

    /// The figure as people read it.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::DeliveriesPerSecond | Self::AcksPerSecond | Self::AcceptsPerSecond => {
                thousands(value)
            }
            Self::P50
            | Self::P99
            | Self::CpuPerMillion
            | Self::MemoryEach
            | Self::RedisMemoryEach
            | Self::GeneratorCores => format!("{value:.2}"),
            Self::RedisPerSend
            | Self::RedisPerAck
            | Self::CpuPerAck
            | Self::AcceptCpu
            | Self::AcceptRedisCpu => format!("{value:.1}"),
        }
    }
}

fn has_redis(uses: &[Usage]) -> bool {
    uses.iter().any(|one| one.name == REDIS)
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn cpu(uses: &[Usage], only_redis: bool) -> f64 {
    let counted = uses.iter().filter(|one| !only_redis || one.name == REDIS);
    counted.map(|one| one.cpu_ns).sum::<u64>() as f64
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn memory(uses: &[Usage], of_redis: bool) -> f64 {
    let counted = uses.iter().filter(|one| (one.name == REDIS) == of_redis);
    counted.map(|one| one.rss).sum::<u64>() as f64
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn per(amount: f64, count: u64, scale: f64) -> Option<f64> {
    (count > 0).then(|| amount / count as f64 * scale)
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn rate(count: u64, seconds: f64) -> Option<f64> {
    (count > 0 && seconds > 0.0).then(|| count as f64 / seconds)
}

/// Whole thousands where there are many: `384k`, `9,700`.
fn thousands(value: f64) -> String {
    if value >= 100_000.0 {
        return format!("{:.0}k", value / 1_000.0);
    }
    let digits = format!("{value:.0}");
    match digits.len() {
        0..=3 => digits,
        length => format!("{},{}", &digits[..length - 3], &digits[length - 3..]),
    }
}

/// The middle of some figures; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(name: &str, cpu_ns: u64, rss: u64) -> Usage {
        Usage {
            name: name.to_owned(),
            cpu_ns,
            rss,
        }
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn redis_is_part_of_the_cpu_and_not_of_the_memory() {
        let uses = vec![
            usage(REDIS, 1_000_000, 4_000),
            usage("hubbub-1", 2_000_000, 10_000),
        ];
        let outcome = Outcome {
            connected: 10,
            connect_s: 0.5,
            connect_use: uses.clone(),
            growth: uses.clone(),
            window_s: 2.0,
            window_use: uses,
            sent: 100,
            delivered: 1_000,
            ..Outcome::default()
        };
        let close = |metric: Metric, expected: f64| {
            let value = metric.of(&outcome).unwrap();
            assert!((value - expected).abs() < 1e-9, "{metric:?}: {value}");
        };
        close(Metric::CpuPerMillion, 3.0);
        close(Metric::DeliveriesPerSecond, 500.0);
        close(Metric::RedisPerSend, 10.0);
        close(Metric::MemoryEach, 1.0);
        close(Metric::RedisMemoryEach, 0.4);
        close(Metric::AcceptCpu, 300.0);
        close(Metric::AcceptsPerSecond, 20.0);
        assert_eq!(Metric::AcksPerSecond.of(&outcome), None);
    }

    #[test]
    fn rates_are_short() {
        assert_eq!(thousands(384_321.0), "384k");
        assert_eq!(thousands(9_700.4), "9,700");
        assert_eq!(thousands(12.0), "12");
    }
}
