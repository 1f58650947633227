//! `hubbub demo`: the command line of the characters that talk.

use std::{
    io::{self, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use hubbub::{
    demo::{self, Counts, FEWEST_CHARACTERS, MOST_CHARACTERS, Options, Target, USUAL_CHARACTERS},
    protocol::name::RoomName,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, parse_duration};

/// Who talks where, and for how long.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArguments {
    /// The server, or the balancer in front of several
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    target: Target,
    /// The room in which they talk
    #[arg(long, default_value = "lobby")]
    room: RoomName,
    /// How many characters there are
    #[arg(long, value_name = "N", default_value_t = USUAL_CHARACTERS,
          value_parser = clap::value_parser!(u32)
              .range(i64::from(FEWEST_CHARACTERS)..=i64::from(MOST_CHARACTERS)))]
    characters: u32,
    /// How many times as fast as people they are, from 0.1 to 100
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_speed)]
    speed: f64,
    /// The same number gives the same casting and the same pauses
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Play every scene once, then end
    #[arg(long)]
    once: bool,
    /// How long they talk at most, such as 10m
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    length: Duration,
    /// Talk until Ctrl-C
    #[arg(long, conflicts_with_all = ["once", "length"])]
    forever: bool,
}

const EXAMPLES: &str = "\
Examples:
  hubbub demo
  hubbub demo --once --speed 5 --room demo
  hubbub demo --target http://localhost:9000 --characters 12 --forever

Ctrl-C ends it and signs everybody out. Others in the room may join in.

Exit status: 0 = everybody heard everything once, 1 = something was lost or
doubled, or the server could not be used, 2 = wrong usage.";

/// Lets them talk, and says in one line what came of it.
pub(super) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let scripts = demo::scripts().map_err(|error| failed(&error))?;
    let options = options(arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let played = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        let out = Box::new(io::stdout());
        io::Result::Ok(demo::run(&options, &scripts, &run_name(), out, stop).await)
    });
    let outcome = played.map_err(|error| failed(&error))?;
    if let Some(broken) = outcome.broken_output {
        return Err(broken.into());
    }
    // Who did not even begin has nothing to sum up.
    if outcome.failure.is_none() || outcome.counts != Counts::default() {
        writeln!(io::stdout().lock(), "{}", outcome.counts)?;
    }
    if let Some(why) = outcome.failure {
        return Err(Failure::failed(with_advice(&why, &options)));
    }
    if outcome.counts.is_clean() {
        Ok(())
    } else {
        Err(Failure::failed("not everything arrived once"))
    }
}

fn options(arguments: &DemoArguments) -> Options {
    Options {
        target: arguments.target.clone(),
        room: arguments.room.to_string(),
        characters: arguments.characters,
        speed: arguments.speed,
        seed: arguments.seed,
        rounds: arguments.once.then_some(1),
        length: (!arguments.forever).then_some(arguments.length),
    }
}

/// What somebody can do who sees the demonstration for the first time.
fn with_advice(why: &str, options: &Options) -> String {
    if why.contains("does not answer: ") {
        let target = &options.target;
        return format!(
            "{why}\nStart a server with `hubbub serve`, or name another one than {target} with --target."
        );
    }
    why.to_owned()
}

/// The first Ctrl-C or SIGTERM lets everybody say goodbye, the second one does
/// not wait for it.
fn stop_on_signal(stop: CancellationToken) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(i32::from(super::FAILED));
            }
            stop.cancel();
        }
    });
    Ok(())
}

/// What tells the sends of this run from those of any other.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos());
    format!("demo-{nanos:x}-{:x}", std::process::id())
}

fn parse_speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.1..=100.0).contains(speed))
        .ok_or_else(|| "write a number from 0.1 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        demo: DemoArguments,
    }

    fn read(line: &str) -> Result<Options, String> {
        let words = std::iter::once("demo").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(options(&line.demo))
    }

    #[test]
    fn without_a_word_they_talk_here_for_an_hour() {
        let options = read("").unwrap();
        assert_eq!(options.target.to_string(), "http://127.0.0.1:8080");
        assert_eq!((options.room.as_str(), options.characters), ("lobby", 6));
        assert_eq!(options.rounds, None);
        assert_eq!(options.length, Some(Duration::from_secs(3_600)));
        assert_eq!(read("--forever").unwrap().length, None);
        assert_eq!(read("--once").unwrap().rounds, Some(1));
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for line in [
            "--target https://chat.example.org",
            "--room Lobby",
            "--characters 1",
            "--characters 1000",
            "--speed 0",
            "--speed NaN",
            "--forever --once",
            "--forever --for 1m",
            "--for 0s",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_comes_with_advice() {
        let options = read("--target http://h:1").unwrap();
        let said = with_advice("http://h:1 does not answer: refused", &options);
        assert!(said.contains("hubbub serve") && said.contains("--target"));
        assert_eq!(with_advice("so it is", &options), "so it is");
    }

    #[test]
    fn keys_of_a_run_fit() {
        // With the number of a deed behind it.
        assert!(run_name().len() + 21 <= 64);
    }
}
