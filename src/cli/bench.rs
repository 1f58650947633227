//! `hubbub bench`: the command line of the load generator.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use hubbub::{
    bench::{
        plan::{Credentials, Pace, Plan},
        report::{Report, live_line},
        run::Moment,
        scenario::{self, Options, Part, Scenario},
    },
    session::token,
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Failure, parse_duration};

/// How much longer than the run a token is good for.
const TOKEN_SPARE: Duration = Duration::from_secs(3_600);

/// What to do to which server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BenchArguments {
    /// What the clients do
    #[arg(value_enum, default_value = "steady")]
    scenario: ScenarioName,
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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScenarioName {
    /// Some rooms, some talk
    Steady,
    /// Everybody in one room
    OneRoom,
    /// Many rooms of twenty
    ManyRooms,
    /// Connected and silent
    Idle,
    /// Talk, and in the middle every client is cut
    Jitter,
    /// Everybody connects in the same moment
    Avalanche,
    /// Some read slowly
    SlowReaders,
    /// All the time somebody leaves and comes back
    Churn,
}

impl From<ScenarioName> for Scenario {
    fn from(name: ScenarioName) -> Self {
        match name {
            ScenarioName::Steady => Self::Steady,
            ScenarioName::OneRoom => Self::OneRoom,
            ScenarioName::ManyRooms => Self::ManyRooms,
            ScenarioName::Idle => Self::Idle,
            ScenarioName::Jitter => Self::Jitter,
            ScenarioName::Avalanche => Self::Avalanche,
            ScenarioName::SlowReaders => Self::SlowReaders,
            ScenarioName::Churn => Self::Churn,
        }
    }
}

/// What `cluster.json` says, as far as it matters here.
#[derive(Deserialize)]
struct Cluster {
    url: String,
    haproxy: Process,
    redis: Process,
    instances: Vec<Instance>,
    token_secret: String,
}

#[derive(Deserialize)]
struct Process {
    pid: u32,
}

#[derive(Deserialize)]
struct Instance {
    name: String,
    url: String,
    pid: u32,
}

/// Runs the scenario and prints what came out.
pub(super) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let options = options(arguments)?;
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

fn options(arguments: &BenchArguments) -> Result<Options, Failure> {
    let scenario = Scenario::from(arguments.scenario);
    let cluster = arguments.cluster.as_deref().map(read_cluster).transpose()?;
    let mut urls = arguments.target.clone();
    let mut processes = arguments.pid.clone();
    let mut secret = arguments.token_secret.clone();
    if let Some(cluster) = &cluster {
        if arguments.direct {
            urls.extend(
                cluster
                    .instances
                    .iter()
                    .map(|instance| instance.url.clone()),
            );
        } else if urls.is_empty() {
            urls.push(cluster.url.clone());
        }
        processes.extend(
            cluster
                .instances
                .iter()
                .map(|one| (one.name.clone(), one.pid)),
        );
        processes.push(("redis".to_owned(), cluster.redis.pid));
        processes.push(("haproxy".to_owned(), cluster.haproxy.pid));
        secret.get_or_insert_with(|| cluster.token_secret.clone());
    }
    if urls.is_empty() {
        urls.push("http://127.0.0.1:8080".to_owned());
    }
    let targets = targets(&urls, arguments.allow_remote)?;
    let name = format!("bench-{}", run_number());
    let mut plan = Plan::new(targets, name);
    shape(&mut plan, scenario, arguments);
    plan.credentials = credentials(arguments, &plan, secret)?;
    let times = &arguments.times;
    Ok(Options {
        scenario,
        plan,
        warm_up: times.warm_up,
        duration: times.duration,
        connect: times.connect_limit,
        drain: times.drain,
        away: times.away,
        processes: processes.into_iter().filter(|(_, pid)| *pid > 0).collect(),
        checks: arguments.check,
    })
}

/// Gives the plan the shape of a scenario, with what the person wants instead.
fn shape(plan: &mut Plan, scenario: Scenario, arguments: &BenchArguments) {
    let crowd = &arguments.crowd;
    let (clients, rooms, pace): (u32, u32, Pace) = match scenario {
        Scenario::Steady => (100, 5, Pace::Open { per_second: 20.0 }),
        Scenario::OneRoom => (1_000, 1, Pace::Closed { in_flight: 4 }),
        Scenario::ManyRooms => (2_000, 100, Pace::Closed { in_flight: 200 }),
        Scenario::Idle => (1_000, 10, Pace::Silent),
        Scenario::Jitter | Scenario::Avalanche => (1_000, 50, Pace::Open { per_second: 50.0 }),
        Scenario::SlowReaders => (100, 5, Pace::Open { per_second: 50.0 }),
        Scenario::Churn => (200, 10, Pace::Open { per_second: 50.0 }),
    };
    plan.clients = crowd.clients.unwrap_or(clients);
    // Rooms of the usual size, whatever the number of clients.
    let usual = u64::from(plan.clients) * u64::from(rooms) / u64::from(clients);
    let usual = u32::try_from(usual).unwrap_or(u32::MAX).max(1);
    plan.rooms = crowd.rooms.unwrap_or(usual).min(plan.clients.max(1));
    plan.rooms_per_client = crowd.rooms_per_client;
    plan.publishers = crowd.publishers.unwrap_or(plan.clients).min(plan.clients);
    plan.pace = match (crowd.rate, crowd.in_flight) {
        (Some(per_second), _) => Pace::Open { per_second },
        (None, Some(in_flight)) => Pace::Closed { in_flight },
        (None, None) => pace,
    };
    let window = if arguments.check { 1 } else { 16 };
    plan.window = crowd.window.unwrap_or(window).max(1);
    plan.text_bytes = crowd.text_bytes;
    plan.poll_percent = percent(crowd.poll_share);
    plan.threads = crowd.threads;
    plan.keeps_journals = arguments.check;
    plan.connects_per_second = match scenario {
        Scenario::Avalanche => arguments.times.connect_rate,
        _ => Some(arguments.times.connect_rate.unwrap_or(1_000)),
    };
    if scenario == Scenario::SlowReaders {
        plan.publishers = crowd.publishers.unwrap_or(plan.clients / 2);
        plan.slow_readers = Some((percent(crowd.slow_share), crowd.slow_bytes));
    }
    if scenario == Scenario::Churn {
        plan.publishers = crowd.publishers.unwrap_or(plan.clients / 2);
        plan.churn_per_second = crowd.churn.unwrap_or(f64::from(plan.clients) / 20.0);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1"
)]
fn percent(share: f64) -> u32 {
    (share * 100.0).round() as u32
}

fn credentials(
    arguments: &BenchArguments,
    plan: &Plan,
    secret: Option<String>,
) -> Result<Credentials, Failure> {
    if let Some(path) = &arguments.token {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
        let tokens: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        if tokens.len() < plan.clients as usize {
            return Err(Failure::refused(format!(
                "{} holds {} tokens for {} clients; `hubbub token --name N --count {}` prints more",
                path.display(),
                tokens.len(),
                plan.clients,
                plan.clients
            )));
        }
        return Ok(Credentials::Tokens(tokens.into()));
    }
    let Some(secret) = secret else {
        return Ok(Credentials::SignIn);
    };
    let secret = SecretString::from(secret);
    let ttl = arguments.times.duration + TOKEN_SPARE;
    let mint = |client| {
        let name = plan.user_name(client);
        let name = name
            .parse()
            .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        token::mint(&secret, &name, ttl, &format!("{}-u{client}", plan.name))
            .map_err(|error| Failure::refused(error.to_string()))
    };
    let tokens = (0..plan.clients).map(mint).collect::<Result<Vec<_>, _>>()?;
    Ok(Credentials::Tokens(tokens.into()))
}

fn read_cluster(path: &Path) -> Result<Cluster, Failure> {
    let refused =
        |error: String| Failure::refused(format!("{} cannot be read: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}

fn targets(urls: &[String], allow_remote: bool) -> Result<Vec<SocketAddr>, Failure> {
    let mut targets = Vec::new();
    for url in urls {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            Failure::refused(format!(
                "{url}: a target is written http://HOST:PORT; TLS is not spoken here"
            ))
        })?;
        let host = rest.trim_end_matches('/');
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut found = host
            .to_socket_addrs()
            .map_err(|error| Failure::refused(format!("{url}: {error}")))?;
        let target = found
            .next()
            .ok_or_else(|| Failure::refused(format!("{url} has no address")))?;
        if !target.ip().is_loopback() && !allow_remote {
            return Err(Failure::refused(format!(
                "{url} is another machine. Load it only if it is yours, and say so with --allow-remote."
            )));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// Tells runs apart: the second at which they began, and the process.
fn run_number() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs());
    format!("{seconds:x}-{}", std::process::id())
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

/// Shows how it goes: one line that is written over on a terminal, one line per
/// second elsewhere.
struct Display<'a> {
    options: &'a Options,
    is_quiet: bool,
    is_terminal: bool,
    part: Part,
    seconds: f64,
    before: Moment,
}

impl<'a> Display<'a> {
    fn new(options: &'a Options, is_quiet: bool) -> Self {
        Self {
            options,
            is_quiet,
            is_terminal: io::stderr().is_terminal(),
            part: Part::Connecting,
            seconds: 0.0,
            before: Moment::default(),
        }
    }

    fn show(&mut self, part: Part, moment: &Moment) {
        if self.is_quiet {
            return;
        }
        if part != self.part {
            self.part = part;
            self.seconds = 0.0;
        }
        self.seconds += 1.0;
        let share = match part {
            Part::Connecting => f64::from(moment.up) / f64::from(self.options.plan.clients),
            Part::WarmingUp => self.seconds / self.options.warm_up.as_secs_f64(),
            Part::Measuring => self.seconds / self.options.duration.as_secs_f64(),
            Part::Draining | Part::Checking => 1.0,
        };
        let line = live_line(self.options, part, share, &self.before, moment);
        self.before = moment.clone();
        let mut out = io::stderr().lock();
        // Whoever does not look at it misses nothing.
        let _ = if self.is_terminal {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    fn end(&self) {
        if self.is_terminal && !self.is_quiet {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
