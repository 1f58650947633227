//! What is left when everybody is gone, and what it takes to catch up.

use std::{collections::BTreeSet, fs, ops::Range, time::Duration};

use hubbub::bench::check::{Micros, Resource, Via};
use hubbub_cluster::Port;
use tokio::time::sleep;

use crate::{
    client::{Client, person::Person},
    fault::{proxy::Proxy, redis},
    stage::{Group, Hits, Outcome, Setup, Spec, Stage, percentile},
    wait::until,
};

const MISSED: u64 = 10_000;

/// How many say what is missed.
const LOUD: usize = 16;

/// Clients that missed 10,000 messages get them whole, and nobody else waits.
pub(super) async fn resume(setup: Setup) -> anyhow::Result<Outcome> {
    let missed = if setup.is_quick { 1_000 } else { MISSED };
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    let balancer = stage.url.trim_start_matches("http://").parse()?;
    let wire = Proxy::to(balancer).await?;
    let busy = |_| vec!["busy".to_owned()];
    let loud = Group {
        count: LOUD,
        pause: Some(Duration::from_millis(5)),
        rooms: busy,
        ..Group::default()
    };
    let loud = stage.admit(loud).await?;
    let others = Group {
        pause: Some(Duration::from_millis(150)),
        name: "other",
        ..Group::default()
    };
    let others = stage.admit(others).await?;
    let away = Group {
        count: 2,
        pause: None,
        base: Some(format!("http://{}", wire.address())),
        rooms: busy,
        name: "away",
        ..Group::default()
    };
    let away = stage.admit(away).await?;
    stage.talk().await?;
    stage.breaks("two clients away", Hits::TheCut, true);
    stage.is_not_measured();
    let nobody = Port::free()?;
    wire.set_target(nobody.address());
    wire.cut();
    let said = acked(&stage, &loud);
    stage.talk_until_of(loud.clone(), said + missed).await?;
    // From now on the busy room is as calm as the others.
    stage.pace(loud.clone(), Duration::from_millis(500));
    let calm_from = stage.now() + 500_000;
    sleep(Duration::from_secs(5)).await;
    let calm = stage.latencies_of(others.clone(), calm_from, stage.now());
    let missed = acked(&stage, &loud) - said;
    let back_at = stage.now();
    wire.set_target(balancer);
    let took = catch_up(&stage, &loud, &away, back_at).await?;
    sleep(Duration::from_secs(1)).await;
    stage.healed();
    let beside = stage.latencies_of(others, back_at, stage.now());
    let p99 = |all: &[Micros]| percentile(all, 0.99).unwrap_or_default();
    // Nobody is blocked who waits less than this.
    stage.flooded(p99(&calm).max(100_000), p99(&beside));
    stage.remark(format!(
        "{missed} messages missed by each of two; {} p99 of the other sockets {} ms before, {} \
         ms meanwhile",
        took.join(" "),
        p99(&calm) / 1_000,
        p99(&beside) / 1_000
    ));
    stage.finish().await
}

fn acked(stage: &Stage, who: &Range<usize>) -> u64 {
    let clients = stage.clients[who.clone()].iter();
    clients.map(|client| client.mind().acked).sum()
}

/// Waits until those who were away have all; says how long each took.
async fn catch_up(
    stage: &Stage,
    loud: &Range<usize>,
    away: &Range<usize>,
    back_at: Micros,
) -> anyhow::Result<Vec<String>> {
    let at = |client: &Client| client.mind().position("busy");
    let head = stage.clients[loud.clone()].iter().filter_map(at).max();
    let mut took = Vec::new();
    let mut pending: Vec<_> = stage.clients[away.clone()].iter().collect();
    until("both have caught up", Duration::from_secs(60), async || {
        pending.retain(|client| {
            let is_behind = at(client) < head;
            if !is_behind {
                let how = match client.via {
                    Via::Poll => "by polling",
                    Via::WebSocket => "over WebSocket",
                };
                // From the first of them, not from the attempt to come back.
                let begun = first_since(client, back_at).unwrap_or(back_at);
                let ms = (stage.now() - begun) / 1_000;
                took.push(format!("whole {how} {ms} ms after the first,"));
            }
            is_behind
        });
        pending.is_empty()
    })
    .await?;
    Ok(took)
}

/// When a client heard something for the first time since a moment.
fn first_since(client: &Client, moment: Micros) -> Option<Micros> {
    let mind = client.mind();
    let times = mind.heard.iter().map(|heard| heard.at);
    times.filter(|at| *at >= moment).min()
}

/// How long people talk each time.
const TALKING: Duration = Duration::from_secs(20);
/// How long a log is kept: until no instance follows its room any more, which takes 60 s.
/// One that does would note that the log has expired, sooner or later than it is counted.
const KEPT: &str = "70s";
/// How long after the last client left the counting begins.
const QUIET: Duration = Duration::from_secs(74);

/// Runs the same conversation twice, and compares what is left each time.
pub(super) async fn resources(setup: Setup) -> anyhow::Result<Outcome> {
    let spec = Spec::new(&setup)
        .with("HUBBUB__ROOMS__TTL", KEPT)
        .with("HUBBUB__TIMING__DEDUPE_WINDOW", "60s");
    let mut stage = Stage::open(&setup, spec).await?;
    let people = stage.people(&Group::default()).await?;
    let (first, before) = round(&mut stage, &people).await?;
    let (mut outcome, after) = round(&mut stage, &people).await?;
    let new: Vec<_> = after.keys.difference(&before.keys).cloned().collect();
    if !new.is_empty() {
        let note = format!("keys that were not there before: {}", new.join(" "));
        outcome.notes.push(note);
    }
    let both = before.numbers.into_iter().zip(after.numbers);
    let resources: Vec<_> = both
        .map(|((name, before), (_, after))| Resource {
            name,
            before,
            after,
        })
        .collect();
    let told = resources.iter().map(|resource| {
        let Resource {
            name,
            before,
            after,
        } = resource;
        format!("{name} {before} → {after}")
    });
    outcome.notes.push(told.collect::<Vec<_>>().join(", "));
    outcome.violations.extend(first.violations);
    outcome.counts.sent += first.counts.sent;
    outcome.counts.acknowledged += first.counts.acknowledged;
    outcome.counts.received += first.counts.received;
    outcome.counts.lost += first.counts.lost;
    outcome.counts.duplicated += first.counts.duplicated;
    outcome.counts.reordered += first.counts.reordered;
    outcome.counts.false_left += first.counts.false_left;
    outcome.counts.false_notices += first.counts.false_notices;
    Stage::judge_resources(&mut outcome, resources);
    Ok(outcome)
}

/// What is left when everybody is gone.
struct Left {
    numbers: Vec<(String, u64)>,
    keys: BTreeSet<String>,
}

async fn round(stage: &mut Stage, people: &[Person]) -> anyhow::Result<(Outcome, Left)> {
    stage.begin_again();
    stage.admit_people(&Group::default(), people).await?;
    stage.talk().await?;
    sleep(TALKING).await;
    let outcome = stage.judge().await?;
    sleep(QUIET).await;
    Ok((outcome, count(stage).await?))
}

async fn count(stage: &Stage) -> anyhow::Result<Left> {
    let pids = stage
        .cluster(|cluster| {
            let pids = cluster
                .instances()
                .map(|i| (i.name().to_owned(), i.process().pid()));
            Ok(pids.collect::<Vec<_>>())
        })
        .await?;
    let mut all = Vec::new();
    for (name, pid) in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |wanted: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(wanted));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        };
        all.push((format!("{name} kB"), field("VmRSS:").unwrap_or_default()));
        all.push((
            format!("{name} threads"),
            field("Threads:").unwrap_or_default(),
        ));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        all.push((format!("{name} files"), descriptors as u64));
    }
    // The two counts are alike only if nobody is still saying goodbye.
    for (name, tasks) in stage.metric("hubbub_tasks ").await? {
        all.push((format!("{name} tasks"), tasks));
    }
    let keys = redis::keys(stage.store).await?;
    all.push(("Redis keys".to_owned(), keys.len() as u64));
    Ok(Left { numbers: all, keys })
}
