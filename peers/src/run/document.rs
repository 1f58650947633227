//! docs/benchmarks.md: written anew by each run, but for the remarks, which
//! people write.

use std::fmt::Write as _;

use super::{
    results::Results,
    server::Peer,
    table, target,
    workload::{WORKLOADS, Workload},
};

const REMARKS_BEGIN: &str = "<!-- remarks: written by hand, kept by every run -->";
const REMARKS_END: &str = "<!-- end of remarks -->";
const NO_REMARKS: &str = "None yet.";

const OPENING: &str = "\
# Benchmarks

hubbub beside its peers and beside the least that the machine can do, from one run of `make bench`. This page is written
by that run; only the remarks are written by people.

";

const METHOD: &str = "\
## Method

- All processes of a server, Redis included, share CPU 0. The generator has CPU 1 for itself. So rates are per server core.
- CPU time is the scheduler's own figure for every thread of every process of the server, Redis included. Over loopback the
  receiving side of TCP is charged to whoever sends: a real network makes every row cheaper, so the ratios are what counts.
- The **limit** is a bare loop over epoll in Rust: one thread, one `send` of a finished frame per delivery, no ids, no log,
  no Redis. Nothing that delivers one message at a time can be much below it. *Coalesced*, it sends what a room says within
  one turn of its loop together.
- hubbub runs as it ships, with the profile `bench`, which lifts limits per user and address and nothing else: send keys,
  logs, positions and sessions are on. Its peers neither deduplicate nor check who somebody is; only Nchan stores messages.
- Redis keeps its data in memory only (no append-only file, no snapshots), for all; one row shows hubbub with
  `appendfsync everysec`.
- Texts have 128 bytes. Each holds when it was due, who sent it and which one it is; every delivery to every member is
  checked for gaps, repeats and order. The sender gets its own copy. Latency counts from when a message was due.
- The generator is one thread over epoll with everything built beforehand. Where it is busy for 0.95 of its core or more,
  it was the bottleneck and rates are lower bounds; CPU per delivery still holds.
- A second of silence once everybody is there, 0.5 s to warm up, then 1.5 s that count. A fresh server and Redis for every single figure, peers by turns, their order
  reversed with every repetition. Figures are medians. Differences under some 10 % are not results.
- KB are 1,000 bytes. \"hubbub / it\" is hubbub's figure divided by the one beside it, of the same run.

";

/// The whole page. Remarks are taken from the one before.
pub(crate) fn write(results: &Results, old: &str) -> String {
    let mut page = OPENING.to_owned();
    page.push_str(&targets(results));
    let _ = write!(
        page,
        "## Remarks\n\n{REMARKS_BEGIN}\n\n{}\n\n{REMARKS_END}\n\n",
        remarks(old)
    );
    for workload in WORKLOADS {
        if results.was_measured(workload.id) {
            page.push_str(&section(results, workload));
        }
    }
    page.push_str(&isolation(results));
    page.push_str(&jitter(results));
    page.push_str(&calls(results));
    page.push_str(METHOD);
    page.push_str(&machine(results));
    page
}

fn remarks(old: &str) -> &str {
    old.split_once(REMARKS_BEGIN)
        .and_then(|(_, rest)| rest.split_once(REMARKS_END))
        .map_or(NO_REMARKS, |(remarks, _)| remarks.trim())
}

fn targets(results: &Results) -> String {
    let rows: Vec<Vec<String>> = target::judge(results)
        .into_iter()
        .map(|judged| {
            let verdict = if judged.is_met { "yes" } else { "**no**" };
            vec![
                judged.what,
                judged.target,
                judged.measured,
                verdict.to_owned(),
            ]
        })
        .collect();
    let heads = ["", "target", "hubbub", "met"].map(str::to_owned);
    format!("## Targets\n\n{}\n", table::write(&heads, &rows))
}

fn section(results: &Results, workload: &Workload) -> String {
    format!(
        "## {}\n\n{}\n\n{}\n",
        workload.title,
        workload.note,
        table::of_workload(results, workload)
    )
}

fn isolation(results: &Results) -> String {
    if results.isolation.is_empty() {
        return String::new();
    }
    let heads = [
        "run",
        "calm p50 ms",
        "calm p99 ms",
        "flooded p50 ms",
        "flooded p99 ms",
        "p99, flooded / calm",
        "deliveries/s of the flood",
    ];
    let rows: Vec<Vec<String>> = results
        .isolation
        .iter()
        .enumerate()
        .map(|(number, one)| {
            vec![
                (number + 1).to_string(),
                format!("{:.2}", one.calm_p50_ms),
                format!("{:.2}", one.calm_p99_ms),
                format!("{:.2}", one.flooded_p50_ms),
                format!("{:.2}", one.flooded_p99_ms),
                format!("{:.2}x", one.ratio()),
                format!("{:.0}", one.flood_per_second),
            ]
        })
        .collect();
    format!(
        "## A quiet room beside a saturated one\n\nA room of 20 with one message a second for 12 s, \
         first alone and then beside workload A on the same instance of hubbub. Both generators share \
         a CPU; the one that listens to the quiet room goes first. hubbub and its Redis share the \
         other one, which the flood fills.\n\n{}\n",
        table::write(&heads.map(str::to_owned), &rows)
    )
}

fn jitter(results: &Results) -> String {
    if results.jitter.is_empty() {
        return String::new();
    }
    let heads = [
        "run",
        "delivered",
        "lost / repeated / out of order",
        "catch-up p95 ms",
        "catch-up p99 ms",
        "all invariants hold",
    ];
    let rows: Vec<Vec<String>> = results
        .jitter
        .iter()
        .enumerate()
        .map(|(number, one)| {
            vec![
                (number + 1).to_string(),
                format!("{:.4} % of {}", one.arrived(), one.delivered + one.lost),
                format!("{} / {} / {}", one.lost, one.repeated, one.reordered),
                format!("{:.0}", one.catch_up_p95_ms),
                format!("{:.0}", one.catch_up_p99_ms),
                if one.is_clean { "yes" } else { "**no**" }.to_owned(),
            ]
        })
        .collect();
    format!(
        "## Jitter: 9,000 clients cut for 2 s\n\n`hubbub bench jitter --clients 9000 --rate 100 \
         --check`, hubbub alone: its peers have no log to read from. Catch-up is from the return of \
         the network until a client has everything again, coming back at random moments included.\n\n{}\n",
        table::write(&heads.map(str::to_owned), &rows)
    )
}

fn calls(results: &Results) -> String {
    let Some(calls) = &results.calls else {
        return String::new();
    };
    let mut rows = vec![
        vec![
            "writes, but to Redis".to_owned(),
            calls.writes.to_string(),
            format!("{:.4}", calls.writes_each()),
        ],
        vec![
            "writes to Redis".to_owned(),
            calls.redis_writes.to_string(),
            String::new(),
        ],
    ];
    let mut others: Vec<_> = calls.others.iter().collect();
    others.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    rows.extend(
        others
            .into_iter()
            .map(|(name, count)| vec![format!("`{name}`"), count.to_string(), String::new()]),
    );
    rows.push(vec![
        "all that are no writes to clients".to_owned(),
        (calls.others.values().sum::<u64>() + calls.redis_writes).to_string(),
        format!("{:.4}", calls.others_each()),
    ]);
    let heads = ["", "calls", "per delivery"].map(str::to_owned);
    format!(
        "## System calls\n\nEvery call of every thread of hubbub during {} deliveries of {} messages in workload \
         E, followed by strace. A write is one to Redis if its descriptor is a connection to \
         Redis; wake-ups of hubbub's own threads count as writes to clients.\n\n{}\n",
        calls.deliveries,
        calls.messages,
        table::write(&heads, &rows)
    )
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let (middle, most) = results.others();
    let mut text = format!(
        "## Machine and versions\n\n\
         - {} ({} CPUs), {} GiB, Linux {}, {}; {}\n\
         - Redis {}, node {}\n\
         - Everything else on the machine used {middle:.2} cores in the middle and {most:.2} at most \
         while it counted\n",
        machine.cpu,
        machine.cpus,
        machine.memory_gib,
        machine.kernel,
        machine.system,
        machine.date,
        machine.redis,
        machine.node
    );
    for (peer, version) in &results.versions {
        let _ = writeln!(text, "- {}: {version}", peer.name());
    }
    for (name, why) in &results.left_out {
        let _ = writeln!(text, "- **Left out**: {name}, because {why}");
    }
    if !results.has(Peer::Hubbub) {
        text.push_str("- hubbub itself is missing\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{plan::Outcome, run::machine::Machine, usage::Usage};

    fn results() -> Results {
        let mut results = Results::new(Machine::this(), false, Duration::from_secs(1));
        for (peer, cpu_ns) in [(Peer::Limit, 2_500_000), (Peer::Hubbub, 3_500_000)] {
            results.take_part(peer, "1.0".to_owned());
            let outcome = Outcome {
                window_s: 1.0,
                sent: 1,
                delivered: 1_000,
                window_use: vec![Usage {
                    name: "server".to_owned(),
                    cpu_ns,
                    rss: 0,
                }],
                ..Outcome::default()
            };
            results.add("E", peer, Ok(outcome));
        }
        results.leave_out(Peer::Nchan.name(), "it is not installed".to_owned());
        results
    }

    #[test]
    fn a_page_has_figures_ratios_and_targets() {
        let page = write(&results(), "");
        for line in [
            "| **hubbub** | 3.50 |",
            "| limit | 2.50 | 1.40x |",
            "CPU s/1M deliveries | ≤ 3.00 | 3.50 | **no** |",
            "to the limit | ≤ 1.15x | 1.40x | **no** |",
            "| 0 / 0 / 0 | 0 / 0 / 0 | yes |",
            "**Left out**: Nchan + Redis, because it is not installed",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }

    #[test]
    fn remarks_survive_a_new_run() {
        let first = write(&results(), "");
        assert!(first.contains(NO_REMARKS));
        let remarked = first.replace(NO_REMARKS, "E is missed because of the noise.");
        let second = write(&results(), &remarked);
        assert_eq!(second, remarked);
    }
}
