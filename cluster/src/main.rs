//! The program behind `make cluster`, `make scale` and `make roll`.

mod runner;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use hubbub_cluster::Result;
use hubbub_cluster::control::{self, Request};

/// Runs a hubbub cluster on this machine: redis-server, haproxy and instances as plain processes on loopback.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a cluster and stay in the foreground until Ctrl-C
    Run(RunArgs),
    /// Change the number of instances of the running cluster
    Scale {
        /// How many instances shall run (1 to 16)
        #[arg(long, short = 'n')]
        instances: usize,
        #[command(flatten)]
        place: Place,
    },
    /// Replace the instances of the running cluster one at a time
    Roll {
        /// Change to this program; without it, the same file is started again
        #[arg(long)]
        binary: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct RunArgs {
    /// How many instances to start (1 to 16)
    #[arg(long, short = 'n', default_value_t = 3)]
    instances: usize,
    /// The public port; 0 takes a free one
    #[arg(long, short, default_value_t = 8080)]
    port: u16,
    /// The server program; without it, `hubbub` beside this program
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The configuration of the load balancer
    #[arg(long, default_value = "haproxy.cfg")]
    haproxy_cfg: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Place {
    /// The file that describes the running cluster; its control socket and its logs are beside it
    #[arg(long, default_value = "target/cluster.json")]
    file: PathBuf,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => runner::run(args),
        Command::Scale { instances, place } => send(&place, &Request::Scale { instances }),
        Command::Roll { binary, place } => {
            // The running cluster may have another working directory.
            let binary = binary.map(|path| std::path::absolute(&path).unwrap_or(path));
            send(&place, &Request::Roll { binary })
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn send(place: &Place, request: &Request) -> Result<()> {
    control::ask(&control::socket_beside(&place.file), request, say)?;
    say("done");
    Ok(())
}

/// A line for the person at the terminal. That nobody reads it any more is no reason to end a cluster.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "hubbub-cluster: {line}");
}
