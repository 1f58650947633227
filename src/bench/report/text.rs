//! The report for a terminal, and the line that shows how a run goes.

use std::fmt;

use crate::bench::{
    run::Moment,
    scenario::{Options, Part},
};

use super::{ProcessReport, Report, Summary, millis};

const BAR: usize = 24;

/// One line about a run under way, with a bar that fills.
pub fn live_line(
    options: &Options,
    part: Part,
    share: f64,
    before: &Moment,
    now: &Moment,
) -> String {
    let word = match part {
        Part::Connecting => "connecting",
        Part::WarmingUp => "warming up",
        Part::Measuring => "measuring",
        Part::Draining => "draining",
        Part::Checking => return "checking what every client saw …".to_owned(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share between 0 and 1"
    )]
    let full = (share.clamp(0.0, 1.0) * BAR as f64) as usize;
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR - full));
    let point = super::Point::of(before, now);
    let faults = now.tally.holes + now.tally.duplicated + now.tally.reordered;
    format!(
        "{word:<10} [{bar}] {up}/{clients} up  {sent}/s sent  {delivered}/s delivered  \
         p50 {p50:.2} p99 {p99:.2} ms  {faults} faults",
        up = now.up,
        clients = options.plan.clients,
        sent = grouped(point.acknowledged_per_second),
        delivered = grouped(point.delivered_per_second),
        p50 = millis(now.stages.delivery.value_at_quantile(0.5)),
        p99 = millis(now.stages.delivery.value_at_quantile(0.99)),
    )
}

/// A whole number with a comma after every third digit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and rates are positive and far from the limits"
)]
pub(super) fn grouped(number: f64) -> String {
    let digits = (number.round() as u64).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn count(number: u64) -> String {
    grouped(number as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        writeln!(
            f,
            "{}: {} clients ({} % polling) in {} rooms, {}, {} bytes of text",
            self.scenario,
            count(settings.clients.into()),
            settings.poll_percent,
            count(settings.rooms.into()),
            settings.pace,
            settings.text_bytes
        )?;
        writeln!(
            f,
            "  {:.1} s: {} sends/s acknowledged, {} deliveries/s",
            self.seconds,
            grouped(self.acknowledged_per_second),
            grouped(self.delivered_per_second)
        )?;
        writeln!(f)?;
        let head = ["count", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"];
        write!(f, "  {:<20}", "")?;
        for word in head {
            write!(f, "{word:>12}")?;
        }
        writeln!(f)?;
        for (name, summary) in [
            ("connect", &self.latency.connect),
            ("due -> ack", &self.latency.ack),
            ("due -> delivery", &self.latency.delivery),
            ("catch-up", &self.latency.catch_up),
        ] {
            row(f, name, summary)?;
        }
        writeln!(f)?;
        self.counts(f)?;
        self.processes(f)?;
        if let Some(verdict) = &self.verdict {
            write!(f, "\n{verdict}")?;
        }
        writeln!(f)?;
        if self.is_clean {
            return writeln!(
                f,
                "clean: nothing lost, nothing twice, nothing out of order"
            );
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        if self.violations > 0 {
            writeln!(
                f,
                "FAILED: the checker found {} violations",
                count(self.violations)
            )?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, summary: &Summary) -> fmt::Result {
    if summary.count == 0 {
        return Ok(());
    }
    write!(f, "  {name:<20}{:>12}", count(summary.count))?;
    for value in [
        summary.p50_ms,
        summary.p90_ms,
        summary.p99_ms,
        summary.p999_ms,
        summary.max_ms,
    ] {
        write!(f, "{value:>12.2}")?;
    }
    writeln!(f)
}

impl Report {
    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "  sent {}, acknowledged {}, delivered {} ({} after a time away)",
            count(counts.sent),
            count(counts.acknowledged),
            count(counts.delivered),
            count(counts.replayed)
        )?;
        writeln!(
            f,
            "  lost {}, twice {}, out of order {}, gaps {}, rollbacks {}, sent again {}",
            count(counts.holes + self.short),
            count(counts.duplicated),
            count(counts.reordered),
            count(counts.gaps),
            count(counts.rollbacks),
            count(counts.resent)
        )?;
        writeln!(
            f,
            "  connections made {}, failed {}, dropped {}, moved {}; notices {}",
            count(counts.connects),
            count(counts.failed_connects),
            count(counts.drops),
            count(counts.moves),
            count(counts.notices)
        )?;
        if !counts.reasons.is_empty() {
            let reasons: Vec<_> = counts
                .reasons
                .iter()
                .map(|(reason, times)| format!("{reason} ({times})"))
                .collect();
            writeln!(f, "  reasons: {}", reasons.join(", "))?;
        }
        Ok(())
    }

    fn processes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  {:<16}{:>8}{:>10}{:>16}{:>12}{:>16}",
            "process", "pid", "CPU s", "CPU s/1M deliv.", "RSS MiB", "RSS B/client"
        )?;
        let mut total = ProcessReport {
            name: "all servers".to_owned(),
            ..ProcessReport::default()
        };
        for process in &self.processes {
            process_row(f, process)?;
            total.cpu_seconds += process.cpu_seconds;
            total.rss_connected += process.rss_connected;
            total.rss_per_connection += process.rss_per_connection;
            let each = process.cpu_seconds_per_million.unwrap_or_default();
            *total.cpu_seconds_per_million.get_or_insert(0.0) += each;
        }
        if self.processes.len() > 1 {
            process_row(f, &total)?;
        }
        process_row(f, &self.generator)
    }
}

fn process_row(f: &mut fmt::Formatter<'_>, process: &ProcessReport) -> fmt::Result {
    let each = process
        .cpu_seconds_per_million
        .map_or_else(|| "-".to_owned(), |each| format!("{each:.2}"));
    writeln!(
        f,
        "  {:<16}{:>8}{:>10.2}{each:>16}{:>12.1}{:>16.0}",
        process.name,
        process.pid,
        process.cpu_seconds,
        mebibytes(process.rss_connected),
        process.rss_per_connection
    )
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1_024.0 * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
