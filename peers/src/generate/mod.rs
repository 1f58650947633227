//! The generator: plays all members of a run from one thread, and checks and
//! times every delivery.
//!
//! * [`text`]: what a message says, and how it is found;
//! * [`check`]: whether everybody got everything once and in order;
//! * [`dialect`]: what is said to which server;
//! * [`crowd`]: the connections;
//! * [`socket`]: one of them, from as many addresses as they need;
//! * [`talk`]: who speaks when;
//! * [`polls`]: clients that poll instead.

mod check;
mod crowd;
mod dialect;
mod polls;
mod socket;
mod talk;
mod text;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

pub(crate) use self::check::Counts;
use self::{crowd::Crowd, talk::Talk};
use crate::{
    affinity,
    plan::{Credentials, Outcome, Pace, Plan, Presence},
    usage::{Tree, Usage, machine_ns},
};

/// What a server still does for connections that are up belongs to them.
const AFTERMATH: Duration = Duration::from_millis(300);
/// So does what it still tells the members of a room about each other.
const INTRODUCTION: Duration = Duration::from_secs(1);
/// The ending of the file that says that all are connected.
pub(crate) const READY: &str = "ready";
/// The ending of the file that says that it may begin.
pub(crate) const GO: &str = "go";

/// Which plan, and where its outcome goes.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// The plan, as JSON
    #[arg(long)]
    plan: PathBuf,
    /// Where to write the outcome, as JSON
    #[arg(long)]
    outcome: PathBuf,
}

/// Carries out a plan and writes down its outcome.
pub(crate) fn main(args: &GenerateArgs) -> Result<()> {
    let text = fs::read_to_string(&args.plan)
        .with_context(|| format!("reading {}", args.plan.display()))?;
    let plan: Plan = serde_json::from_str(&text).context("the file is not a plan")?;
    affinity::raise_file_limit();
    affinity::pin(plan.cpu)?;
    let outcome = match plan.presence {
        Presence::Polling => polls::run(&plan)?,
        _ => run(&plan, &args.outcome)?,
    };
    fs::write(&args.outcome, serde_json::to_string(&outcome)?)
        .with_context(|| format!("writing {}", args.outcome.display()))
}

fn run(plan: &Plan, place: &Path) -> Result<Outcome> {
    let deadline = Instant::now() + plan.limit;
    let credentials = credentials(plan)?;
    let measures_memory = !plan.settle.is_zero();
    let own = Tree::of("generator", std::process::id());
    let before = sample(&trees(plan), measures_memory);
    let (own_before, machine_before) = (own.cpu().cpu_ns, machine_ns());
    let mut crowd = Crowd::new(plan.dialect)?;
    let mut talk = Talk::new(plan)?;
    let mut outcome = Outcome::default();

    let began = Instant::now();
    crowd.fill(plan, &credentials, deadline, &mut talk)?;
    outcome.connect_s = began.elapsed().as_secs_f64();
    outcome.connected = crowd.there() as u64;
    let aftermath = match plan.presence {
        Presence::Joined => INTRODUCTION,
        Presence::Connected | Presence::Polling => AFTERMATH,
    };
    quiet(&mut crowd, &mut talk, aftermath.max(plan.settle))?;
    // A server may have started processes meanwhile.
    let trees = trees(plan);
    let after = sample(&trees, measures_memory);
    outcome.connect_use = grown(&before, &after);
    let servers: u64 = outcome.connect_use.iter().map(|one| one.cpu_ns).sum();
    let ours = servers + own.cpu().cpu_ns.saturating_sub(own_before);
    let others = (machine_ns() - machine_before).saturating_sub(ours);
    outcome.other_cores =
        Duration::from_nanos(others).as_secs_f64() / began.elapsed().as_secs_f64();
    if measures_memory {
        outcome.growth.clone_from(&outcome.connect_use);
    }
    if plan.waits {
        fs::write(place.with_extension(READY), "")?;
        while !place.with_extension(GO).exists() {
            crowd.turn(&mut talk)?;
            ensure!(Instant::now() < deadline, "nobody said when to begin");
        }
    }
    if plan.pace != Pace::Silent {
        talk.run(plan, &mut crowd, &trees, deadline, &mut outcome)?;
    }
    outcome.failures.extend(crowd.failures());
    Ok(outcome)
}

/// Everybody stays and nobody speaks.
fn quiet(crowd: &mut Crowd, talk: &mut Talk, time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        crowd.turn(talk)?;
    }
    Ok(())
}

fn credentials(plan: &Plan) -> Result<Vec<String>> {
    match &plan.credentials {
        Credentials::None => Ok(Vec::new()),
        Credentials::Tokens(file) | Credentials::Cookies(file) => {
            let text =
                fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            Ok(text.lines().map(str::to_owned).collect())
        }
    }
}

fn trees(plan: &Plan) -> Vec<Tree> {
    let processes = plan.processes.iter();
    processes.map(|(name, pid)| Tree::of(name, *pid)).collect()
}

fn sample(trees: &[Tree], with_memory: bool) -> Vec<Usage> {
    let of = |tree: &Tree| if with_memory { tree.all() } else { tree.cpu() };
    trees.iter().map(of).collect()
}

/// What was used from one sample to the next.
fn grown(before: &[Usage], after: &[Usage]) -> Vec<Usage> {
    let pairs = before.iter().zip(after);
    pairs
        .map(|(before, after)| Usage {
            name: after.name.clone(),
            cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
            rss: after.rss.saturating_sub(before.rss),
        })
        .collect()
}
