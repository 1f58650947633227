//! The command line: what may be asked for, and what each answer means for the
//! exit status.

mod bench;
mod demo;
mod healthcheck;
mod token;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use hubbub::{
    config::{Config, ConfigError, Sources, duration},
    server, telemetry,
};

/// It was done.
const DONE: u8 = 0;
/// It failed.
const FAILED: u8 = 1;
/// It was not tried: the command line or the configuration is wrong.
const REFUSED: u8 = 2;

const AFTER_HELP: &str = "\
Settings come from built-in defaults, config/<HUBBUB_PROFILE>.toml,
config/<HUBBUB_MODIFIER>.toml and HUBBUB__SECTION__KEY in the environment.
`hubbub config` prints all of them and where each value came from.

Exit status: 0 = done, 1 = failed, 2 = wrong usage or configuration.";

/// A chat server that grows by adding instances.
#[derive(Debug, Parser)]
#[command(name = "hubbub", version, about, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the chat (this is what happens without a command)
    Serve,
    /// Print connect tokens, one per line, signed with token.secret
    Token(token::TokenArguments),
    /// Play many clients, measure the server, and check what they were promised
    Bench(Box<bench::BenchArguments>),
    /// Let characters talk in a room, to see a living chat
    Demo(demo::DemoArguments),
    /// Print the settings in force and where each value came from
    Config,
    /// Ask the instance on http.listen whether it takes traffic
    Healthcheck,
}

/// Does what the command line asks for.
pub(crate) fn run() -> ExitCode {
    // Wrong usage ends here, with status 2.
    let arguments = Arguments::parse();
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(),
        Command::Token(arguments) => token::print(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Config => print_config(),
        Command::Healthcheck => healthcheck::run(),
    };
    ExitCode::from(match result {
        // Whoever read our output may have seen enough, as `head` does.
        Ok(())
        | Err(Failure {
            is_unread: true, ..
        }) => DONE,
        Err(Failure { status, text, .. }) => {
            // Nobody to tell if that fails.
            let _ = writeln!(io::stderr(), "hubbub: {text}");
            status
        }
    })
}

/// Why a command did not succeed.
struct Failure {
    status: u8,
    text: String,
    /// Only that nobody reads the output any more.
    is_unread: bool,
}

impl Failure {
    fn refused(text: impl Into<String>) -> Self {
        Self {
            status: REFUSED,
            text: text.into(),
            is_unread: false,
        }
    }

    fn failed(text: impl Into<String>) -> Self {
        Self {
            status: FAILED,
            text: text.into(),
            is_unread: false,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let problems = error.to_string().replace('\n', "\n  ");
        Self::refused(format!("the configuration is wrong:\n  {problems}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            is_unread: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::failed(format!("the output could not be written: {error}"))
        }
    }
}

fn serve() -> Result<(), Failure> {
    let config = Config::read()?;
    telemetry::start_log(&config.log).map_err(|error| Failure::refused(format!("{error:#}")))?;
    let failed = |error: anyhow::Error| Failure::failed(format!("{error:#}"));
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.into()))?
        .block_on(server::run(config))
        .map_err(failed)
}

fn print_config() -> Result<(), Failure> {
    let (_, listing) = Config::read_from(&Sources::of_process()?)?;
    write!(io::stdout().lock(), "{listing}")?;
    Ok(())
}

/// Reads a duration of the command line.
fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write a number and s, m, h or d, such as 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default() {
        let arguments = Arguments::try_parse_from(["hubbub"]).unwrap();
        assert!(arguments.command.is_none());
        assert!(Arguments::try_parse_from(["hubbub", "serve"]).is_ok());
        assert!(Arguments::try_parse_from(["hubbub", "srve"]).is_err());
    }
}
