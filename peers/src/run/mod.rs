//! The runner: starts every server by turns, each time anew, with the generator
//! beside it, and writes down what came of it.
//!
//! * [`workload`]: what is measured on which servers;
//! * [`server`]: the servers;
//! * [`stage`]: one measurement;
//! * [`calls`], [`isolation`], [`jitter`]: those that have a shape of their own;
//! * [`metric`], [`results`], [`target`]: figures, medians, and what they should be;
//! * [`document`], [`table`]: docs/benchmarks.md.

mod calls;
mod document;
mod isolation;
mod jitter;
mod machine;
mod metric;
mod results;
mod server;
mod stage;
mod table;
mod target;
mod workload;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hubbub_cluster::{Launch, Process, RunDir, stop_waiting};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use self::{
    machine::Machine,
    metric::Metric,
    results::Results,
    server::Peer,
    workload::{Scale, WORKLOADS, Workload},
};
use crate::{affinity, plan::Outcome, say};

const SERVER_CPU: usize = 0;
pub(crate) const GENERATOR_CPU: usize = 1;
const JITTER: &str = "jitter";
const ISOLATION: &str = "isolation";
const CALLS: &str = "calls";
const JITTER_CLIENTS: u32 = 9_000;
const CALLS_DELIVERIES: u64 = 1_000_000;

/// What to measure, and where to write it.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The program that is measured
    #[arg(long, value_name = "PATH", default_value = "target/release/hubbub")]
    hubbub: PathBuf,
    /// Where the peers' scripts and packages are installed
    #[arg(long, value_name = "FOLDER", default_value = "target/peers/node")]
    node: PathBuf,
    /// How often each row is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// How often the slow ones are: memory, accepting, jitter
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    slow_repetitions: u32,
    /// Only these, such as E,C,idle,jitter,calls
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,
    /// One short repetition of hubbub and the limit, to see that everything works;
    /// writes no document
    #[arg(long)]
    quick: bool,
    /// The document; its hand-written remarks stay
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    markdown: PathBuf,
    /// All figures of all repetitions
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
}

/// What all measurements of a run share.
pub(crate) struct Bench {
    pub(crate) hubbub: PathBuf,
    pub(crate) node: PathBuf,
    /// This program, which is the limit and the generator, too.
    pub(crate) own: PathBuf,
    /// Signs the tokens.
    pub(crate) secret: String,
    /// A file with one token per member.
    pub(crate) tokens: PathBuf,
    _dir: RunDir,
}

/// Measures what was asked for. Returns whether hubbub delivered everything.
pub(crate) fn run(args: &RunArgs) -> Result<bool> {
    let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.id).collect();
    for id in &args.only {
        ensure!(
            known.contains(&id.as_str()) || [ISOLATION, JITTER, CALLS].contains(&id.as_str()),
            "there is no workload {id}; there are {}, {ISOLATION}, {JITTER} and {CALLS}",
            known.join(", ")
        );
    }
    affinity::ensure_two()?;
    affinity::raise_file_limit();
    end_on_signals()?;
    start_servers_apart()?;
    let bench = Bench::new(args)?;
    let mut results = Results::new(Machine::this(), args.quick, scale(args).window);
    for peer in peers(args) {
        match peer.missing(&bench) {
            Some(why) => {
                say(&format!("{} is left out: {why}", peer.id()));
                results.leave_out(peer.name(), why);
            }
            None => results.take_part(peer, peer.version(&bench)),
        }
    }
    measure_workloads(args, &bench, &mut results)?;
    save(args, &results)?;
    if !args.quick {
        measure_others(args, &bench, &mut results)?;
        save(args, &results)?;
        say(&format!("the tables are in {}", args.markdown.display()));
    }
    say(&format!("all figures are in {}", args.json.display()));
    for problem in results.problems() {
        say(&format!("! {problem}"));
    }
    Ok(results.problems().is_empty())
}

/// Writes down what there is so far.
fn save(args: &RunArgs, results: &Results) -> Result<()> {
    write(&args.json, &serde_json::to_string_pretty(results)?)?;
    if args.quick {
        return Ok(());
    }
    let old = fs::read_to_string(&args.markdown).unwrap_or_default();
    write(&args.markdown, &document::write(results, &old))
}

fn peers(args: &RunArgs) -> Vec<Peer> {
    let all = WORKLOADS.iter().flat_map(|workload| workload.peers);
    let mut peers: Vec<Peer> = all.copied().collect();
    if args.quick {
        peers = vec![Peer::Limit, Peer::Hubbub];
    }
    peers.sort_unstable();
    peers.dedup();
    peers
}

fn scale(args: &RunArgs) -> Scale {
    if args.quick {
        Scale {
            warm_up: Duration::from_millis(100),
            window: Duration::from_millis(300),
            share: 10,
            settle: Duration::from_millis(300),
        }
    } else {
        FULL
    }
}

/// What counts for the document.
const FULL: Scale = Scale {
    warm_up: Duration::from_millis(500),
    window: Duration::from_millis(1_500),
    share: 1,
    settle: Duration::from_secs(60),
};

fn measure_workloads(args: &RunArgs, bench: &Bench, results: &mut Results) -> Result<()> {
    let wanted = |workload: &&Workload| {
        let is_named = args.only.is_empty() || args.only.iter().any(|id| id == workload.id);
        is_named && (workload.is_quick || !args.quick)
    };
    let wanted: Vec<&Workload> = WORKLOADS.iter().filter(wanted).collect();
    let scale = scale(args);
    let (repetitions, slow) = if args.quick {
        (1, 1)
    } else {
        (args.repetitions, args.slow_repetitions)
    };
    for repetition in 0..repetitions.max(slow) {
        for workload in &wanted {
            if repetition >= if workload.is_slow { slow } else { repetitions } {
                continue;
            }
            let mut peers = results.taking_part(workload.peers);
            if repetition % 2 == 1 {
                peers.reverse();
            }
            for peer in peers {
                let began = Instant::now();
                let result = stage::measure(bench, workload, peer, &scale);
                if result.as_ref().is_err_and(is_stopped) {
                    return result.map(|_| ());
                }
                tell(repetition, workload, peer, &result, began.elapsed());
                results.add(workload.id, peer, result);
            }
        }
    }
    Ok(())
}

/// Whether somebody pressed Ctrl-C.
fn is_stopped(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<hubbub_cluster::Error>();
    matches!(error, Some(hubbub_cluster::Error::Stopped))
}

fn leave_out(results: &mut Results, what: &str, error: &anyhow::Error) {
    say(&format!("{what}: left out: {error:#}"));
    results.leave_out(what, format!("{error:#}"));
}

fn measure_others(args: &RunArgs, bench: &Bench, results: &mut Results) -> Result<()> {
    let is_wanted = |id: &str| args.only.is_empty() || args.only.iter().any(|other| other == id);
    if !results.has(Peer::Hubbub) {
        return Ok(());
    }
    if is_wanted(ISOLATION) {
        for _ in 0..args.repetitions {
            match isolation::measure(bench, Peer::Hubbub) {
                Ok(one) => {
                    say(&format!(
                        "isolation: p99 {:.2} ms calm, {:.2} ms beside {:.0} deliveries/s: {:.2}x",
                        one.calm_p99_ms,
                        one.flooded_p99_ms,
                        one.flood_per_second,
                        one.ratio()
                    ));
                    results.isolation.push(one);
                }
                Err(error) if is_stopped(&error) => return Err(error),
                Err(error) => leave_out(results, ISOLATION, &error),
            }
        }
    }
    if is_wanted(JITTER) {
        for _ in 0..args.slow_repetitions {
            match jitter::measure(bench, JITTER_CLIENTS) {
                Ok(jitter) => {
                    say(&format!(
                        "jitter: {:.4} % of {} arrived, catch-up p95 {:.0} ms, p99 {:.0} ms",
                        jitter.arrived(),
                        jitter.delivered + jitter.lost,
                        jitter.catch_up_p95_ms,
                        jitter.catch_up_p99_ms
                    ));
                    results.jitter.push(jitter);
                }
                Err(error) if is_stopped(&error) => return Err(error),
                Err(error) => leave_out(results, JITTER, &error),
            }
        }
    }
    if is_wanted(CALLS) {
        match calls::measure(bench, CALLS_DELIVERIES, &scale(args)) {
            Ok(calls) => {
                say(&format!(
                    "calls: {:.4} writes and {:.4} others per delivery, {} deliveries",
                    calls.writes_each(),
                    calls.others_each(),
                    calls.deliveries
                ));
                results.calls = Some(calls);
            }
            Err(error) if is_stopped(&error) => return Err(error),
            // Tracing is forbidden in many containers.
            Err(error) => leave_out(results, CALLS, &error),
        }
    }
    Ok(())
}

fn tell(
    repetition: u32,
    workload: &Workload,
    peer: Peer,
    result: &Result<Outcome>,
    took: Duration,
) {
    let text = match result {
        Err(error) => format!("failed: {error:#}"),
        Ok(outcome) => {
            let of = |metric: &Metric| {
                let value = metric.of(outcome)?;
                Some(format!("{} {}", metric.show(value), metric.title()))
            };
            let mut parts: Vec<String> = workload.metrics.iter().filter_map(of).collect();
            if !outcome.counts.is_clean() {
                parts.push(format!("{:?}", outcome.counts));
            }
            parts.extend(outcome.failures.iter().cloned());
            parts.push(format!("others {:.2}", outcome.other_cores));
            parts.join(", ")
        }
    };
    say(&format!(
        "{} {} {}: {text} ({:.1} s)",
        repetition + 1,
        workload.id,
        peer.id(),
        took.as_secs_f64()
    ));
}

impl Bench {
    fn new(args: &RunArgs) -> Result<Self> {
        let dir = RunDir::temporary()?;
        let hubbub = std::path::absolute(&args.hubbub)?;
        ensure!(
            hubbub.is_file(),
            "there is no program {}. Build it first (cargo build --release), or name another with --hubbub",
            hubbub.display()
        );
        // It guards nothing: every server here lives for seconds, on loopback.
        let secret = format!(
            "{:032x}{:032x}",
            std::process::id(),
            0x0068_7562_6275_6200_u64
        );
        let most = WORKLOADS.iter().map(Workload::most_members).max();
        let output = Command::new(&hubbub)
            .args(["token", "--name", "member", "--ttl", "1d", "--count"])
            .arg(most.unwrap_or(1).to_string())
            .env("HUBBUB__TOKEN__SECRET", &secret)
            .output()
            .with_context(|| format!("starting {}", hubbub.display()))?;
        ensure!(
            output.status.success(),
            "no tokens: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let tokens = dir.path().join("tokens");
        fs::write(&tokens, output.stdout)?;
        Ok(Self {
            hubbub,
            node: std::path::absolute(&args.node)?,
            own: std::env::current_exe().context("finding this program")?,
            secret,
            tokens,
            _dir: dir,
        })
    }
}

/// What a process starts has its CPU. One thread of the cluster crate starts all
/// of them; it comes to be here, on the CPU of the servers, and everything else
/// that this program does is done on the other one.
fn start_servers_apart() -> Result<()> {
    let dir = RunDir::temporary()?;
    affinity::pin(SERVER_CPU)?;
    let first = Process::start(Launch {
        name: "true".to_owned(),
        program: "/bin/true".into(),
        log: dir.path().join("log"),
        ..Launch::default()
    })?;
    first.wait_for_exit(Duration::from_secs(10))?;
    affinity::pin(GENERATOR_CPU)
}

/// Ctrl-C ends every wait, and with it everything that was started.
fn end_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("watching for signals")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            stop_waiting();
        }
    });
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
