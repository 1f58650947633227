//! The report as one page: no script, no other file.

use std::fmt::Write as _;

use crate::bench::check::Outcome;

use super::{
    Point, Report,
    plot::{self, Axes, Line},
    text::{grouped, mebibytes},
};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--a:#0a6ed1;--b:#d1570a;--c:#7a3fc0;--bad:#c4241f;--good:#1f8a3b}\
@media(prefers-color-scheme:dark){:root{--a:#5eb0ff;--b:#ffa05e;--c:#c49bff;--bad:#ff8a80;--good:#7bd88f}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{padding:.25rem .5rem;border-bottom:1px solid var(--line);text-align:right}\
th:first-child,td:first-child,td.text{text-align:left}\
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}.beside{text-anchor:end}.below{text-anchor:middle}\
.grid{stroke:var(--line)}polyline{fill:none;stroke-width:1.6}\
polyline.line-0{stroke:var(--a)}polyline.line-1{stroke:var(--b)}polyline.line-2{stroke:var(--c)}\
span.line-0{color:var(--a)}span.line-1{color:var(--b)}span.line-2{color:var(--c)}\
.bad{color:var(--bad);font-weight:600}.good{color:var(--good);font-weight:600}.legend,.none{margin:0;font-size:.9rem}";

/// Writes the page.
pub(super) fn page(report: &Report) -> String {
    let verdict = if report.is_clean {
        "<p class=\"good\">Clean: nothing lost, nothing twice, nothing out of order.</p>".to_owned()
    } else {
        let failures: Vec<_> = report.failures.iter().map(|text| escaped(text)).collect();
        format!(
            "<p class=\"bad\">Failed: {} violations. {}</p>",
            report.violations,
            failures.join("; ")
        )
    };
    let settings = &report.settings;
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>hubbub bench: {name}</title><style>{STYLE}</style>\
         <h1>hubbub bench: {name}</h1>\
         <p>{clients} clients ({polling} % polling) in {rooms} rooms, {pace}, {bytes} bytes of text; \
         {seconds:.1} s, {sent} sends/s acknowledged, {delivered} deliveries/s.</p>{verdict}\
         {plots}{latency}{counts}{processes}{findings}</html>\n",
        name = report.scenario,
        clients = settings.clients,
        polling = settings.poll_percent,
        rooms = settings.rooms,
        pace = escaped(&settings.pace),
        bytes = settings.text_bytes,
        seconds = report.seconds,
        sent = grouped(report.acknowledged_per_second),
        delivered = grouped(report.delivered_per_second),
        plots = plots(report),
        latency = latency(report),
        counts = counts(report),
        processes = processes(report),
        findings = findings(report),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn plots(report: &Report) -> String {
    let over_time = |name: &'static str, value: fn(&Point) -> f64| Line {
        name,
        points: report
            .points
            .iter()
            .map(|point| (point.at_s, value(point)))
            .collect(),
    };
    let below: Vec<_> = [report.points.first(), report.points.last()]
        .into_iter()
        .flatten()
        .map(|point| (point.at_s, format!("{:.0} s", point.at_s)))
        .collect();
    let axes = |unit, is_log| Axes {
        below: &below,
        unit,
        is_log,
    };
    let rate = plot::draw(
        &[over_time("deliveries", |point| point.delivered_per_second)],
        &axes("per second", false),
    );
    // A second without a delivery has no latency.
    let with_times = |name, value| {
        let mut line = over_time(name, value);
        line.points.retain(|(_, time)| *time > 0.0);
        line
    };
    let times = plot::draw(
        &[
            with_times("p50", |point| point.p50_ms),
            with_times("p99", |point| point.p99_ms),
            with_times("max", |point| point.max_ms),
        ],
        &axes("milliseconds", true),
    );
    let up = plot::draw(
        &[over_time("clients up", |point| f64::from(point.up))],
        &axes("clients", false),
    );
    format!(
        "<h2>Deliveries</h2>{rate}<h2>Latency of deliveries over time</h2>{times}\
         <h2>Latency by share</h2>{}<h2>Clients</h2>{up}",
        shares(report)
    )
}

/// Latency over quantiles, with one step per nine.
fn shares(report: &Report) -> String {
    let line = |name, curve: &[(f64, f64)]| Line {
        name,
        points: curve
            .iter()
            .map(|(quantile, time)| (-(1.0 - quantile).max(1e-4).log10(), *time))
            .collect(),
    };
    let latency = &report.latency;
    let mut lines = Vec::new();
    for (name, summary) in [
        ("send to delivery", &latency.delivery),
        ("send to ack", &latency.ack),
        ("catch-up", &latency.catch_up),
    ] {
        if summary.count > 0 {
            lines.push(line(name, &summary.curve));
        }
    }
    let below: Vec<_> = [
        (0.0, "0 %"),
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
    ]
    .into_iter()
    .map(|(at, label)| (at, label.to_owned()))
    .collect();
    let axes = Axes {
        below: &below,
        unit: "milliseconds",
        is_log: true,
    };
    plot::draw(&lines, &axes)
}

fn latency(report: &Report) -> String {
    let mut rows = String::new();
    for (name, stage) in [
        ("connect", &report.latency.connect),
        ("send to ack", &report.latency.ack),
        ("send to delivery", &report.latency.delivery),
        ("catch-up", &report.latency.catch_up),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{name}<td>{}<td>{:.2}<td>{:.2}<td>{:.2}<td>{:.2}<td>{:.2}",
            stage.count, stage.p50_ms, stage.p90_ms, stage.p99_ms, stage.p999_ms, stage.max_ms
        );
    }
    format!(
        "<h2>Latency, in milliseconds</h2><table><tr><th>stage<th>count<th>p50<th>p90<th>p99\
         <th>p99.9<th>max{rows}</table>"
    )
}

fn counts(report: &Report) -> String {
    let counts = &report.counts;
    let mut rows = String::new();
    for (name, count) in [
        ("sent", counts.sent),
        ("acknowledged", counts.acknowledged),
        ("refused", counts.refused),
        ("sent again", counts.resent),
        ("delivered", counts.delivered),
        ("delivered after a time away", counts.replayed),
        ("lost", counts.holes + report.short),
        ("twice", counts.duplicated),
        ("out of order", counts.reordered),
        ("gaps told", counts.gaps),
        ("rollbacks told", counts.rollbacks),
        ("notices a browser would show", counts.notices),
        ("connections dropped", counts.drops),
        ("moves to another instance", counts.moves),
    ] {
        let _ = write!(rows, "<tr><td>{name}<td>{count}");
    }
    for (reason, count) in &counts.reasons {
        let _ = write!(rows, "<tr><td>reason: {}<td>{count}", escaped(reason));
    }
    format!("<h2>Counts</h2><table><tr><th>what<th>how often{rows}</table>")
}

fn processes(report: &Report) -> String {
    let mut rows = String::new();
    for process in report.processes.iter().chain([&report.generator]) {
        let each = process
            .cpu_seconds_per_million
            .map_or_else(|| "-".to_owned(), |each| format!("{each:.2}"));
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td>{:.2}<td>{each}<td>{:.1}<td>{:.0}",
            escaped(&process.name),
            process.pid,
            process.cpu_seconds,
            mebibytes(process.rss_connected),
            process.rss_per_connection
        );
    }
    format!(
        "<h2>Processes</h2><table><tr><th>process<th>pid<th>CPU s<th>CPU s per 1M deliveries\
         <th>RSS MiB<th>RSS bytes per client{rows}</table>"
    )
}

fn findings(report: &Report) -> String {
    let Some(verdict) = &report.verdict else {
        return String::new();
    };
    let mut rows = String::new();
    for found in &verdict.findings {
        let word = match found.outcome {
            Outcome::Held => "<span class=\"good\">held</span>",
            Outcome::Broken => "<span class=\"bad\">broken</span>",
            Outcome::Undecided => "not decided",
        };
        let _ = write!(
            rows,
            "<tr><td>{}<td class=\"text\">{}<td class=\"text\">{word}<td>{}",
            found.invariant, found.text, found.violations
        );
        for example in &found.examples {
            let _ = write!(
                rows,
                "<tr><td><td class=\"text\" colspan=3>{}",
                escaped(example)
            );
        }
    }
    format!(
        "<h2>Invariants</h2><table><tr><th><th>what must hold<th>verdict<th>violations{rows}</table>"
    )
}
