//! Planted bugs, each under a fault that exposes it; and the same fault without
//! the bug, which must find nothing. And a notice that a real browser shows,
//! which must be seen.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use hubbub::bench::check::Expectations;

use crate::{
    browser,
    fault::{redis::kill_clients, replicas::Replicas},
    plant::Bug,
    rows::Wires,
    say,
    stage::{Group, Hits, Outcome, Setup, Spec, Stage},
};

#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    /// The configuration of the load balancer
    #[arg(long, default_value = "haproxy.cfg")]
    haproxy_cfg: PathBuf,
    /// The program that watches by browser
    #[arg(long, default_value = "chaos/browser/watch.mjs")]
    watcher: PathBuf,
}

/// Which fault exposes a bug.
#[derive(Clone, Copy, Debug)]
enum Schedule {
    /// Redis stops for a moment: sends are repeated.
    StoreFreezes,
    /// The event links are cut while people talk.
    LinksCut,
    /// The last words are lost on the way to one instance, and nobody says
    /// anything after them.
    LastWords,
    /// A failover loses a tail.
    LostTail,
}

const CASES: [(Schedule, &[Bug]); 4] = [
    (
        Schedule::StoreFreezes,
        &[Bug::SkipDedupe, Bug::AckBeforeRedis],
    ),
    (Schedule::LinksCut, &[Bug::PlainRelay]),
    (Schedule::LastWords, &[Bug::NoHeadCheck]),
    (Schedule::LostTail, &[Bug::NoPrevCheck]),
];

/// True if every bug was found, and nothing where there was none.
pub(crate) async fn run(args: SelftestArgs) -> anyhow::Result<bool> {
    let program = std::env::current_exe()?;
    let setup = Setup {
        old_binary: program.clone(),
        binary: program,
        is_old_other: false,
        old_name: String::new(),
        watcher: Some(std::path::absolute(&args.watcher)?),
        haproxy_config: std::path::absolute(args.haproxy_cfg)?,
        is_quick: true,
    };
    let mut is_good = true;
    for (schedule, bugs) in CASES {
        for bug in std::iter::once(&Bug::None).chain(bugs) {
            let outcome = try_out(&setup, schedule, *bug).await?;
            let is_found = !outcome.violations.is_empty();
            let is_right = is_found == (*bug != Bug::None);
            is_good &= is_right;
            say(&format!(
                "{:<13} {:<17} {}{}",
                format!("{schedule:?}"),
                bug.name(),
                if is_found { "found" } else { "nothing found" },
                if is_right { "" } else { ": WRONG" },
            ));
            for line in outcome
                .violations
                .iter()
                .filter(|l| !l.starts_with(' ') || !is_right)
            {
                say(&format!("    {line}"));
            }
        }
    }
    is_good &= match browser::why_not(&args.watcher).await {
        None => notice_is_seen(&setup).await?,
        Some(why) => {
            say(&format!("Notice        NOT RUN: {why}"));
            true
        }
    };
    Ok(is_good)
}

/// The balancer is away for longer than pages keep silent about, in a row that
/// permits no notice: a browser must be seen to show one.
async fn notice_is_seen(setup: &Setup) -> anyhow::Result<bool> {
    let mut spec = Spec::new(setup);
    spec.instances = 2;
    spec.args = vec!["instance".into(), "--plant".into(), Bug::None.name()];
    let mut stage = Stage::start(setup, spec).await?;
    stage.breaks("balancer away", Hits::Everybody, false);
    stage
        .cluster(|cluster| {
            cluster.haproxy().process().kill();
            Ok(())
        })
        .await?;
    stage.wait(Duration::from_secs(5)).await;
    stage.cluster(|cluster| cluster.haproxy().restart()).await?;
    stage.all_recover().await?;
    stage.healed();
    let seen = stage.finish().await?.browser.unwrap_or_default();
    let is_right = seen.false_notices > 0 && seen.wrong_ends == 0;
    say(&format!(
        "Notice        in a browser      {}",
        if is_right { "found" } else { "WRONG" }
    ));
    for example in &seen.examples {
        say(&format!("    {example}"));
    }
    Ok(is_right)
}

async fn try_out(setup: &Setup, schedule: Schedule, bug: Bug) -> anyhow::Result<Outcome> {
    let mut spec = Spec::new(setup);
    spec.instances = 2;
    spec.args = vec!["instance".into(), "--plant".into(), bug.name()];
    // What a bug lost is waited for in vain. Without one all comes, which may take
    // long on a busy machine.
    let (patience, longer) = match bug {
        Bug::None => (Duration::from_secs(20), Duration::from_secs(20)),
        _ => (Duration::from_secs(3), Duration::from_secs(6)),
    };
    match schedule {
        Schedule::StoreFreezes => store_freezes(setup, spec, patience).await,
        Schedule::LinksCut => links_cut(setup, spec, patience).await,
        Schedule::LastWords => last_words(setup, spec, longer).await,
        Schedule::LostTail => lost_tail(setup, spec, patience).await,
    }
}

/// How long everything may take once a fault has healed.
fn give_time(stage: &mut Stage, patience: Duration) {
    stage.expect.calm = Expectations::default().calm;
    stage.expect.heal = u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
    stage.patience = patience;
}

fn few() -> Group {
    Group {
        count: 8,
        pause: Some(Duration::from_millis(30)),
        ..Group::default()
    }
}

async fn begin(setup: &Setup, spec: Spec, patience: Duration) -> anyhow::Result<Stage> {
    let mut stage = Stage::open(setup, spec).await?;
    give_time(&mut stage, patience);
    stage.admit(few()).await?;
    stage.talk().await?;
    Ok(stage)
}

async fn store_freezes(setup: &Setup, spec: Spec, patience: Duration) -> anyhow::Result<Outcome> {
    let mut stage = begin(setup, spec, patience).await?;
    stage.breaks("Redis frozen", Hits::Everybody, true);
    stage
        .cluster(|cluster| cluster.redis().process().freeze())
        .await?;
    stage.wait(Duration::from_millis(2_500)).await;
    stage
        .cluster(|cluster| cluster.redis().process().thaw())
        .await?;
    stage.wait(Duration::from_secs(2)).await;
    stage.healed();
    stage.finish().await
}

async fn links_cut(setup: &Setup, spec: Spec, patience: Duration) -> anyhow::Result<Outcome> {
    let mut stage = begin(setup, spec, patience).await?;
    stage.breaks("links cut", Hits::Everybody, true);
    for _ in 0..8 {
        kill_clients(stage.store, "pubsub").await?;
        stage.wait(Duration::from_millis(200)).await;
    }
    stage.healed();
    stage.finish().await
}

/// Those on one instance fall silent, its links swallow everything, and
/// somebody on the other says the last words.
async fn last_words(setup: &Setup, mut spec: Spec, patience: Duration) -> anyhow::Result<Outcome> {
    let wires = Wires::default();
    spec.env_of = Some(wires.env_of());
    let mut stage = Stage::open(setup, spec).await?;
    give_time(&mut stage, patience);
    let addresses = stage
        .cluster(|cluster| {
            Ok(cluster
                .instances()
                .map(hubbub_cluster::Instance::address)
                .collect::<Vec<_>>())
        })
        .await?;
    let near = |index: usize, pause: Option<Duration>| Group {
        count: 2,
        polling: 0,
        pause,
        base: Some(format!("http://{}", addresses[index])),
        rooms: |_| vec!["last".to_owned()],
        ..Group::default()
    };
    stage.admit(near(0, None)).await?;
    stage
        .admit(near(1, Some(Duration::from_millis(50))))
        .await?;
    stage.talk().await?;
    stage.breaks("half open", Hits::Everybody, true);
    wires.of("app-1")?.silence();
    stage.wait(Duration::from_millis(400)).await;
    stage.hush().await?;
    stage.wait(Duration::from_secs(4)).await;
    stage.healed();
    stage.finish().await
}

async fn lost_tail(setup: &Setup, mut spec: Spec, patience: Duration) -> anyhow::Result<Outcome> {
    let replicas = Replicas::start(None).await?;
    let url = format!("redis://{}/0", replicas.front.address());
    spec.env_of = Some(Box::new(move |_, _| {
        vec![("HUBBUB__REDIS__URL".to_owned(), url.clone())]
    }));
    let mut stage = begin(setup, spec, patience).await?;
    stage.expect.may_roll_back = true;
    stage.breaks("lost tail", Hits::Everybody, true);
    let (promoted, _) = replicas.lose_tail(0, Duration::from_millis(500)).await?;
    stage.store = replicas.servers[promoted].address();
    stage.wait(Duration::from_secs(3)).await;
    stage.healed();
    stage.finish().await
}
