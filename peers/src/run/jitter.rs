//! Jitter: every client is cut for two seconds, by hubbub's own load generator,
//! which has a client for that and a checker to go with it.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use hubbub_cluster::{Launch, Process, RunDir, find_program};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Bench, GENERATOR_CPU,
    server::{Peer, Server},
};

const LIMIT: Duration = Duration::from_secs(240);

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Jitter {
    pub(crate) clients: u64,
    pub(crate) delivered: u64,
    /// Passed over or not reached in the end.
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) reordered: u64,
    pub(crate) catch_up_p95_ms: f64,
    pub(crate) catch_up_p99_ms: f64,
    /// Whether the checker of invariants was content, too.
    pub(crate) is_clean: bool,
    pub(crate) failures: Vec<String>,
}

impl Jitter {
    /// The share of deliveries that arrived, in percent.
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    pub(crate) fn arrived(&self) -> f64 {
        let all = self.delivered + self.lost;
        if all == 0 {
            0.0
        } else {
            self.delivered as f64 / all as f64 * 100.0
        }
    }
}

/// Cuts so many clients.
pub(crate) fn measure(bench: &Bench, clients: u32) -> Result<Jitter> {
    let dir = RunDir::temporary()?;
    let server = Server::start(bench, Peer::Hubbub, 1, dir.path())?;
    let json = dir.path().join("jitter.json");
    let (cpu, clients) = (GENERATOR_CPU.to_string(), clients.to_string());
    let (target, file) = (
        format!("http://{}", server.targets[0]),
        json.display().to_string(),
    );
    let program = bench.hubbub.display().to_string();
    let args = [
        "-c",
        &cpu,
        &program,
        "bench",
        "jitter",
        "--clients",
        &clients,
        "--rate",
        "100",
        "--check",
        "--quiet",
        "--target",
        &target,
        "--json",
        &file,
    ];
    let process = Process::start(Launch {
        name: "hubbub bench".to_owned(),
        program: find_program("taskset", "util-linux")?,
        args: args.map(str::to_owned).into(),
        env: vec![("HUBBUB_BENCH_TOKEN_SECRET".to_owned(), bench.secret.clone())],
        log: dir.path().join("bench.log"),
        ..Launch::default()
    })?;
    // 1 means that something was lost; the report says what.
    let status = process.wait_for_exit(LIMIT)?;
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("hubbub bench failed: {}", process.log().trim());
    }
    read(&json)
}

fn read(file: &PathBuf) -> Result<Jitter> {
    let text = fs::read_to_string(file).context("hubbub bench wrote no report")?;
    let report: Value = serde_json::from_str(&text)?;
    let count = |name: &str| report["counts"][name].as_u64().unwrap_or(0);
    let catch_up = |name: &str| report["latency"]["catch_up"][name].as_f64();
    let failures = report["failures"].as_array().into_iter().flatten();
    Ok(Jitter {
        clients: report["settings"]["clients"].as_u64().unwrap_or(0),
        delivered: count("delivered"),
        lost: count("holes") + report["short"].as_u64().unwrap_or(0),
        repeated: count("duplicated"),
        reordered: count("reordered"),
        catch_up_p95_ms: catch_up("p95_ms").context("the report has no catch-up")?,
        catch_up_p99_ms: catch_up("p99_ms").context("the report has no catch-up")?,
        is_clean: report["is_clean"].as_bool().unwrap_or(false),
        failures: failures
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect(),
    })
}
