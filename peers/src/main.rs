//! `hubbub-peers`: measures hubbub beside its peers and beside the least that
//! the machine needs, in one interleaved run, and writes docs/benchmarks.md.
//!
//! * [`run`]: the runner, which starts servers and the generator by turns;
//! * [`generate`]: the generator, which plays all clients, in a process and on a
//!   CPU of its own;
//! * [`plan`]: what the runner asks of it, and what it answers;
//! * [`limit`]: the server that does the least possible.

mod affinity;
mod frame;
mod generate;
mod limit;
mod plan;
mod run;
mod usage;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

/// Measures hubbub beside its peers and beside the limit of the machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything and write the tables
    Run(run::RunArgs),
    /// Serve as the limit: one thread, one send per delivery, and nothing else
    Limit {
        /// Where to listen, on 127.0.0.1
        #[arg(long)]
        port: u16,
        /// Send what a room says within one turn of the loop together
        #[arg(long)]
        coalesce: bool,
    },
    /// Play the clients of one plan; the runner starts this
    Generate(generate::GenerateArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Limit { port, coalesce } => limit::serve(port, coalesce).map(|()| true),
        Command::Generate(args) => generate::main(&args).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "hubbub-peers: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// A line for whoever watches. That nobody reads it is no reason to stop.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
