//! Runs the rows one after the other, shows how it goes, and writes the table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::{process::Command, time::Instant};

use crate::{
    browser,
    fault::firewall,
    rows::{self, Row},
    say,
    stage::{Outcome, Setup},
    table::{self, Report},
};

/// How many messages are acknowledged in a full run, at least.
const LEAST: u64 = 100_000;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Fewer faults and messages: less than a minute
    #[arg(long)]
    quick: bool,
    /// Only these rows (see --list)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print what rows there are
    #[arg(long)]
    list: bool,
    /// The server; without it, `hubbub` beside this program
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The release before it; without it, a copy of the same
    #[arg(long)]
    old_binary: Option<PathBuf>,
    /// Which one that is, for the table
    #[arg(long, default_value = "another build")]
    old_name: String,
    /// The program that watches by browser
    #[arg(long, default_value = "chaos/browser/watch.mjs")]
    watcher: PathBuf,
    /// The configuration of the load balancer
    #[arg(long, default_value = "haproxy.cfg")]
    haproxy_cfg: PathBuf,
    /// Write all results here, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace the table in this file
    #[arg(long)]
    markdown: Option<PathBuf>,
}

/// Runs the rows; true if everything held.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<bool> {
    let rows = chosen(&args)?;
    if args.list {
        for row in &rows {
            say(&format!("{:<17} {}: {}", row.id, row.fault, row.how));
        }
        return Ok(true);
    }
    let dir = hubbub_cluster::RunDir::temporary()?;
    let setup = setup(&args, dir.path())?;
    let no_browser = browser::why_not(&args.watcher).await;
    if let Some(why) = &no_browser {
        say(&format!("rows that real browsers watch are not run: {why}"));
    }
    let begun = Instant::now();
    let mut report = Report {
        machine: machine(),
        seconds: 0.0,
        rows: Vec::new(),
    };
    for (number, row) in rows.iter().enumerate() {
        say(&format!("{:>2}/{} {}", number + 1, rows.len(), row.fault));
        let outcome = run_row(row, &setup, no_browser.as_deref()).await;
        say(&format!("      {}", table::line(&outcome)));
        for note in outcome.notes.iter().chain(&outcome.violations) {
            say(&format!("      {note}"));
        }
        report.rows.push(outcome);
    }
    report.seconds = begun.elapsed().as_secs_f64();
    finish(&args, &setup, &report)
}

fn finish(args: &RunArgs, setup: &Setup, report: &Report) -> anyhow::Result<bool> {
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(report)?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    if let Some(file) = &args.markdown {
        report.write_into(file)?;
    }
    let all = report.acknowledged();
    let is_enough = all >= LEAST || setup.is_quick || !args.only.is_empty();
    let broken = report.rows.iter().filter(|row| !row.violations.is_empty());
    say(&format!(
        "{all} messages acknowledged in {:.0} s; {} of {} rows broken",
        report.seconds,
        broken.count(),
        report.rows.len()
    ));
    let not_run: Vec<_> = report.rows.iter().filter(|r| r.skipped.is_some()).collect();
    if !not_run.is_empty() {
        let names: Vec<_> = not_run.iter().map(|row| row.fault.as_str()).collect();
        say(&format!(
            "{} rows were NOT RUN: {}",
            names.len(),
            names.join("; ")
        ));
    }
    if !is_enough {
        say(&format!(
            "a full run has at least {LEAST} acknowledged messages"
        ));
    }
    Ok(report.is_clean() && is_enough)
}

fn chosen(args: &RunArgs) -> anyhow::Result<Vec<Row>> {
    let mut rows = rows::all();
    for id in &args.only {
        if !rows.iter().any(|row| row.id == id) {
            bail!("there is no row {id}; --list shows all");
        }
    }
    if args.only.is_empty() {
        rows.retain(|row| !args.quick || row.is_quick);
    } else {
        rows.retain(|row| args.only.iter().any(|id| id == row.id));
    }
    Ok(rows)
}

async fn run_row(row: &Row, setup: &Setup, no_browser: Option<&str>) -> Outcome {
    let mut setup = setup.clone();
    let mut lack = None;
    if row.is_watched {
        lack = no_browser.map(str::to_owned);
    } else {
        setup.watcher = None;
    }
    let setup = &setup;
    let mut outcome = if let Some(lack) = lack {
        Ok(Outcome::skipped(lack))
    } else if row.is_apart && !firewall::is_inside() {
        apart(row, setup).await
    } else {
        (row.run)(setup.clone()).await
    }
    .unwrap_or_else(|error| Outcome::failed(&error));
    let least = setup.least().min(2_000);
    if outcome.skipped.is_none()
        && outcome.violations.is_empty()
        && outcome.counts.acknowledged < least
    {
        let few = format!("fewer than {least} messages were acknowledged");
        outcome.violations.push(few);
    }
    row.fault.clone_into(&mut outcome.fault);
    row.how.clone_into(&mut outcome.how);
    outcome
}

/// Runs one row in a network namespace of its own.
async fn apart(row: &Row, setup: &Setup) -> anyhow::Result<Outcome> {
    if let Some(why) = firewall::why_not().await {
        return Ok(Outcome::skipped(why));
    }
    let dir = hubbub_cluster::RunDir::temporary()?;
    let json = dir.path().join("row.json");
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "sh",
        "-c",
        "ip link set lo up && exec \"$0\" \"$@\"",
    ]);
    command.arg(std::env::current_exe()?);
    command.args(["run", "--only", row.id, "--json"]).arg(&json);
    command.arg("--binary").arg(&setup.binary);
    command.arg("--haproxy-cfg").arg(&setup.haproxy_config);
    if let Some(watcher) = &setup.watcher {
        command.arg("--watcher").arg(watcher);
    }
    if setup.is_quick {
        command.arg("--quick");
    }
    command.env(firewall::INSIDE, "1").kill_on_drop(true);
    let output = command.output().await?;
    let text = fs::read_to_string(&json).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("the run in its own network gave no result: {}", said.trim())
    })?;
    let mut report: Report = serde_json::from_str(&text)?;
    report.rows.pop().context("it ran no row")
}

fn setup(args: &RunArgs, dir: &Path) -> anyhow::Result<Setup> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("hubbub"),
    };
    let binary = std::path::absolute(binary)?;
    if !binary.is_file() {
        bail!(
            "there is no {}: build it first (cargo build --release), or name it with --binary",
            binary.display()
        );
    }
    let (old_binary, is_old_other) = if let Some(old) = &args.old_binary {
        (std::path::absolute(old)?, !is_same(old, &binary))
    } else {
        let copy = dir.join("hubbub-old");
        fs::copy(&binary, &copy).context("copying the server")?;
        (copy, false)
    };
    Ok(Setup {
        binary,
        old_binary,
        is_old_other,
        old_name: args.old_name.clone(),
        watcher: Some(std::path::absolute(&args.watcher)?),
        haproxy_config: std::path::absolute(&args.haproxy_cfg)?,
        is_quick: args.quick,
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// What the numbers were measured on.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("processors of an unknown kind", |(_, name)| name);
    format!("{processors} × {model}, all processes on one machine")
}
