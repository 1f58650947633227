//! `hubbub-chaos`: breaks a running cluster in every way that hubbub promises to
//! survive, while simulated people talk on it, and checks what they saw.
//!
//! * [`fault`]: the tools that break things;
//! * [`client`]: the people; [`browser`]: two more, with real browsers;
//! * [`stage`]: a cluster, people on it, and the verdict;
//! * [`rows`]: the faults, each with its schedule;
//! * [`plant`] and [`selftest`]: instances with planted bugs, to see that the
//!   checker finds them;
//! * [`table`]: what comes out, for people.

mod browser;
mod client;
mod fault;
mod plant;
mod rows;
mod run;
mod selftest;
mod stage;
mod table;
mod wait;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

/// Breaks a hubbub cluster in every way we promise to survive.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the faults and print the table
    Run(run::RunArgs),
    /// Show that the checker finds planted bugs
    Selftest(selftest::SelftestArgs),
    /// Serve as an instance with a planted bug
    Instance {
        /// The bug
        #[arg(long, value_enum)]
        plant: plant::Bug,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    hubbub::config::descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Command::Run(args) => until_stopped(run::run(args)).await,
                Command::Selftest(args) => until_stopped(selftest::run(args)).await,
                Command::Instance { plant } => plant::serve(plant).await.map(|()| true),
            }
        })
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Ctrl-C ends the run, and with it everything it has started.
async fn until_stopped(work: impl Future<Output = anyhow::Result<bool>>) -> anyhow::Result<bool> {
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped before it was done")),
    }
}

/// A line for whoever watches. That nobody reads it is no reason to stop.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "hubbub-chaos: {line}");
}
