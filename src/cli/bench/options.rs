//! From the command line to the options of a run.

use std::{
    fs,
    net::{SocketAddr, ToSocketAddrs as _},
    path::Path,
    time::Duration,
};

use hubbub::{
    bench::{
        plan::{Credentials, Pace, Plan},
        roll::RollOptions,
        scenario::{Options, Scenario},
    },
    config::descriptors,
    session::token,
};
use secrecy::SecretString;
use serde::Deserialize;

use super::{BenchArguments, Failure};

/// How much longer than the run a token is good for.
const TOKEN_SPARE: Duration = Duration::from_secs(3_600);

/// What this program opens beside its clients' connections.
const OWN_DESCRIPTORS: u64 = 64;

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

/// Reads everything that the command line names.
pub(super) fn options(arguments: &BenchArguments) -> Result<Options, Failure> {
    let scenario = arguments.scenario;
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
        if scenario != Scenario::RollingRestart {
            // Those that are replaced are other processes in the end.
            let named = cluster.instances.iter();
            processes.extend(named.map(|one| (one.name.clone(), one.pid)));
        }
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
    check_descriptors(&plan)?;
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
        calm: times.calm,
        roll: (scenario == Scenario::RollingRestart)
            .then(|| roll_options(arguments))
            .transpose()?,
        processes: processes.into_iter().filter(|(_, pid)| *pid > 0).collect(),
        checks: arguments.check,
    })
}

/// Instances are replaced by the program that runs them.
fn roll_options(arguments: &BenchArguments) -> Result<RollOptions, Failure> {
    let Some(cluster) = arguments.cluster.clone() else {
        return Err(Failure::refused(
            "rolling-restart replaces the instances of a running cluster: start one with \
             `make cluster` and name it with --cluster target/cluster.json",
        ));
    };
    let program = std::env::current_exe()?.with_file_name("hubbub-cluster");
    if program.is_file() {
        Ok(RollOptions { program, cluster })
    } else {
        let missing = program.display();
        Err(Failure::refused(format!(
            "{missing} is missing: cargo build --release --workspace makes it"
        )))
    }
}

/// Every connection takes a file descriptor; a client that polls has two.
fn check_descriptors(plan: &Plan) -> Result<(), Failure> {
    let allowed = descriptors::raise_limit();
    let polling = u64::from(plan.clients) * u64::from(plan.poll_percent) / 100;
    let needed = u64::from(plan.clients) + polling + OWN_DESCRIPTORS;
    if needed <= allowed {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} clients need {needed} open files, and the system allows {allowed} per process; \
         start several with fewer clients each",
        plan.clients
    )))
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
        Scenario::Churn | Scenario::RollingRestart => (200, 10, Pace::Open { per_second: 50.0 }),
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArguments,
    }

    fn plan(line: &str) -> Plan {
        let arguments = Line::parse_from(std::iter::once("bench").chain(line.split(' ')));
        let mut plan = Plan::new(Vec::new(), "run");
        shape(&mut plan, arguments.bench.scenario, &arguments.bench);
        plan
    }

    #[test]
    fn a_scenario_has_its_shape_and_the_person_the_last_word() {
        let usual = plan("many-rooms");
        assert_eq!((usual.clients, usual.rooms), (2_000, 100));
        assert_eq!(usual.pace, Pace::Closed { in_flight: 200 });
        // Rooms keep their size.
        assert_eq!(plan("many-rooms --clients 200").rooms, 10);
        let other = plan("many-rooms --rooms 7 --rate 50 --poll-share 0.25");
        assert_eq!((other.rooms, other.poll_percent), (7, 25));
        assert_eq!(other.pace, Pace::Open { per_second: 50.0 });
        assert_eq!(plan("avalanche").connects_per_second, None);
    }

    #[test]
    fn whoever_checks_keeps_order_and_journals() {
        let checked = plan("steady --check");
        assert_eq!((checked.window, checked.keeps_journals), (1, true));
        let measured = plan("steady");
        assert_eq!((measured.window, measured.keeps_journals), (16, false));
    }

    #[test]
    fn only_this_machine_is_loaded_unasked() {
        let url = |text: &str| targets(&[text.to_owned()], false);
        assert!(url("http://127.0.0.1:8080").is_ok());
        assert!(url("http://[::1]:8080/").is_ok());
        for other in [
            "http://192.0.2.1:80",
            "https://127.0.0.1",
            "127.0.0.1:80",
            "http://",
        ] {
            assert!(url(other).is_err(), "{other}");
        }
        assert!(targets(&["http://192.0.2.1:80".to_owned()], true).is_ok());
    }
}
