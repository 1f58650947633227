//! `hubbub bench`: the command line of the load generator.

mod display;
mod options;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use hubbub::bench::{
    report::Report,
    scenario::{self, Scenario},
};

use self::display::Display;
use super::{Failure, parse_duration};

/// What to do to which server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub(super) struct BenchArguments {
    /// What the clients do
    #[arg(value_enum, default_value = "steady")]
    scenario: Scenario,
    /// Where they connect, such as <http://127.0.0.1:8080>; several are used in turns
    #[arg(long, value_name = "URL")]
    target: Vec<String>,
    /// A running cluster's target/cluster.json: URL, processes and token secret
    #[arg(long, value_name = "FILE")]
    cluster: Option<PathBuf>,
    /// Go to the instances of the cluster directly, without its balancer
    #[arg(long, requires = "cluster")]
    direct: bool,
    /// The server's token.secret: clients connect by tokens instead of signing in
    #[arg(long, env = "HUBBUB_BENCH_TOKEN_SECRET", hide_env_values = true)]
    token_secret: Option<String>,
    /// A file with one connect token per line and client
    #[arg(long, value_name = "FILE", conflicts_with = "token_secret")]
    token: Option<PathBuf>,
    /// A server process to measure: PID or NAME=PID
    #[arg(long, value_name = "PID", value_parser = parse_process)]
    pid: Vec<(String, u32)>,
    #[command(flatten)]
    crowd: Crowd,
    #[command(flatten)]
    times: Times,
    /// Note down what every client saw and check it against 14 invariants
    #[arg(long)]
    check: bool,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show nothing while it runs
    #[arg(long, short)]
    quiet: bool,
    /// Allow targets on other machines. Only aim at servers that are yours.
    #[arg(long)]
    allow_remote: bool,
}

const EXAMPLES: &str = "\
Examples:
  hubbub bench --check
  hubbub bench one-room --clients 1000 --in-flight 1 --cluster target/cluster.json
  hubbub bench idle --clients 9000 --pid server=12345 --token-secret …
  hubbub bench rolling-restart --check --cluster target/cluster.json
  hubbub bench jitter --clients 9000 --poll-share 0.2 --check --html jitter.html

Exit status: 0 = clean, 1 = violations or a failed run, 2 = wrong usage.";

/// Who takes part.
#[derive(Debug, Args)]
struct Crowd {
    /// How many clients [default: depends on the scenario]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: Option<u32>,
    /// How many rooms
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rooms: Option<u32>,
    /// In how many of them each client is
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rooms_per_client: u32,
    /// How many clients speak
    #[arg(long)]
    publishers: Option<u32>,
    /// Open loop: messages per second, all publishers together
    #[arg(long, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Closed loop: messages on their way at any time
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: Option<u32>,
    /// Unacknowledged sends per client [default: 1 with --check, else 16]
    #[arg(long)]
    window: Option<usize>,
    /// Bytes of each text
    #[arg(long, default_value_t = 128, value_parser = parse_text_bytes)]
    text_bytes: usize,
    /// The share of clients that poll, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = parse_share)]
    poll_share: f64,
    /// The share of slow readers, in the scenario of that name
    #[arg(long, default_value_t = 0.2, value_parser = parse_share)]
    slow_share: f64,
    /// How many bytes per second a slow reader reads
    #[arg(long, default_value_t = 2_000)]
    slow_bytes: u32,
    /// Clients that go and come back per second, in the scenario churn [default: 5 in 100]
    #[arg(long)]
    churn: Option<f64>,
    /// Threads that play the clients
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
}

/// How long everything takes.
#[derive(Debug, Args)]
struct Times {
    /// How long it counts
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// How long they speak before it counts
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    warm_up: Duration,
    /// Connections begun per second [default: 1000; avalanche: all at once]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    connect_rate: Option<u32>,
    /// How long connecting may take
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    connect_limit: Duration,
    /// How long the last messages may take
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    drain: Duration,
    /// How long jitter keeps clients away
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    away: Duration,
    /// How late the checker lets a message be; more for machines that are busy with something else
    #[arg(long, hide = true, default_value = "2s", value_parser = parse_duration)]
    calm: Duration,
}

/// Runs the scenario and prints what came out.
pub(super) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let options = options::options(arguments)?;
    let mut display = Display::new(&options, arguments.quiet);
    let report = scenario::run(&options, &mut |part, moment| display.show(part, moment))
        .map_err(|error| Failure::failed(error.to_string()))?;
    display.end();
    write_reports(arguments, &report)?;
    write!(io::stdout().lock(), "{report}")?;
    if report.is_clean {
        Ok(())
    } else {
        Err(Failure::failed("this run was not clean"))
    }
}

fn write_reports(arguments: &BenchArguments, report: &Report) -> Result<(), Failure> {
    let write = |path: &Path, text: String| {
        fs::write(path, text)
            .map_err(|error| Failure::failed(format!("{} is not written: {error}", path.display())))
    };
    if let Some(path) = &arguments.json {
        write(path, report.to_json())?;
    }
    if let Some(path) = &arguments.html {
        write(path, report.to_html())?;
    }
    Ok(())
}

fn parse_process(text: &str) -> Result<(String, u32), String> {
    let (name, pid) = text.split_once('=').unwrap_or((text, text));
    let pid = pid.parse().map_err(|_| format!("{pid} is no process id"))?;
    Ok((name.to_owned(), pid))
}

fn parse_share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a number from 0 to 1".to_owned())
}

fn parse_text_bytes(text: &str) -> Result<usize, String> {
    let shortest = hubbub::bench::plan::SHORTEST_TEXT;
    text.parse()
        .ok()
        .filter(|bytes| (shortest..=4_000).contains(bytes))
        .ok_or_else(|| format!("write a number from {shortest} to 4000"))
}
