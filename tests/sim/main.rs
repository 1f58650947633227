//! Thousands of small worlds, each grown from a seed: real sequencers between a
//! model of the log and models of clients, under every fault that chance can
//! think of. No clock, no task, no socket: a seed always runs the same way.
//!
//! `HUBBUB_SIM_SEEDS=100000` runs more of them; a seed that fails is printed with
//! its last events, and `HUBBUB_SIM_SEED=… HUBBUB_SIM_STEPS=…` runs it again.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod client;
mod faults;
mod frames;
mod instance;
mod log;
mod people;
mod pipe;
mod presence;
mod rng;
mod verdict;
mod world;

use std::{fmt::Write as _, thread, time::Instant};

use instance::Flaw;
use world::World;

/// How long a world is in trouble, in steps of 50 ms.
const STEPS: u64 = 16;
/// How many seeds run if nobody says otherwise.
const SEEDS: u64 = 2_000;
/// How many seeds a planted flaw may stay hidden.
const PATIENCE: u64 = 1_000;
/// How much of a failed run is shown.
const LINES: usize = 60;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What one seed found to be wrong, if anything.
fn run(seed: u64, steps: u64, flaw: Option<Flaw>) -> Result<u64, String> {
    let mut world = World::new(seed, flaw, false);
    world.live(steps).map(|()| world.appended)
}

/// The same seed with as little trouble as still goes wrong, told at length.
fn report(seed: u64, steps: u64) -> String {
    let least = (1..=steps)
        .find(|steps| run(seed, *steps, None).is_err())
        .unwrap_or(steps);
    let mut world = World::new(seed, None, true);
    let wrong = world.live(least).unwrap_err();
    let trace = world.trace.unwrap_or_default();
    let mut told = format!("seed {seed}: {wrong}\n");
    for line in &trace[trace.len().saturating_sub(LINES)..] {
        let _ = writeln!(told, "{line}");
    }
    let _ = writeln!(
        told,
        "again: HUBBUB_SIM_SEED={seed} HUBBUB_SIM_STEPS={least} cargo test --test sim"
    );
    told
}

#[test]
fn nothing_is_lost_repeated_or_hidden_in_any_world() {
    let steps = setting("HUBBUB_SIM_STEPS").unwrap_or(STEPS);
    if let Some(seed) = setting("HUBBUB_SIM_SEED") {
        assert!(run(seed, steps, None).is_ok(), "{}", report(seed, steps));
        return;
    }
    let seeds = setting("HUBBUB_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let started = Instant::now();
    let lanes: Vec<_> = (0..threads)
        .map(|lane| {
            thread::spawn(move || {
                let mut appended = 0;
                for seed in (lane..seeds).step_by(usize::try_from(threads).unwrap()) {
                    appended += run(seed, steps, None).map_err(|_| seed)?;
                }
                Ok(appended)
            })
        })
        .collect();
    let ends: Vec<Result<u64, u64>> = lanes.into_iter().map(|lane| lane.join().unwrap()).collect();
    if let Some(seed) = ends.iter().filter_map(|end| end.err()).min() {
        panic!("{}", report(seed, steps));
    }
    let appended: u64 = ends.into_iter().flatten().sum();
    let took = started.elapsed();
    println!("{seeds} worlds with {appended} entries in {took:.1?}");
}

#[test]
fn a_seed_always_runs_the_same_way() {
    let told = |seed| {
        let mut world = World::new(seed, None, true);
        let end = world.live(STEPS);
        (end, world.trace)
    };
    for seed in 0..20 {
        assert!(told(seed) == told(seed), "seed {seed} ran in two ways");
    }
}

/// The first seed that finds a planted flaw, and what it finds.
fn finds(flaw: Flaw) -> (u64, String) {
    (0..PATIENCE)
        .find_map(|seed| Some((seed, run(seed, STEPS, Some(flaw)).err()?)))
        .unwrap_or_else(|| panic!("{flaw:?} was not found by {PATIENCE} seeds"))
}

#[test]
fn planted_flaws_are_found() {
    for flaw in [
        Flaw::NoContiguity,
        Flaw::NoPrev,
        Flaw::NoCatchUp,
        Flaw::ForgetsSeen,
        Flaw::EarlyEntry,
        Flaw::NoDedupe,
        Flaw::ForgetsChanges,
    ] {
        let (seed, what) = finds(flaw);
        println!("{flaw:?}: found by seed {seed}: {what}");
    }
}

#[test]
fn nobody_leaves_who_is_there_or_back_in_time_and_everybody_else_once() {
    let seeds = setting("HUBBUB_SIM_SEEDS").unwrap_or(2 * SEEDS);
    let all = setting("HUBBUB_SIM_SEED").map_or(0..seeds, |seed| seed..seed + 1);
    for seed in all {
        if let Err(wrong) = presence::run(seed) {
            panic!(
                "seed {seed}: {wrong}\nagain: HUBBUB_SIM_SEED={seed} cargo test --test sim nobody"
            );
        }
    }
}
