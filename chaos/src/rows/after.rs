//! What is left when everybody is gone, and what it takes to catch up.

use std::{fs, time::Duration};

use hubbub::bench::check::{Micros, Resource};
use tokio::time::{Instant, sleep};

use crate::{
    client::person::Person,
    fault::redis,
    stage::{Group, Outcome, Setup, Spec, Stage, percentile},
    wait::until,
};

const MISSED: u64 = 10_000;

/// Clients that missed 10,000 messages get them whole, and nobody else waits.
pub(super) async fn resume(setup: Setup) -> anyhow::Result<Outcome> {
    let missed = if setup.is_quick { 1_000 } else { MISSED };
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    let wire =
        crate::fault::proxy::Proxy::to(stage.url.trim_start_matches("http://").parse()?).await?;
    let loud = Group {
        count: 16,
        pause: Some(Duration::from_millis(5)),
        rooms: |_| vec!["busy".to_owned()],
        ..Group::default()
    };
    stage.admit(loud).await?;
    let quiet = Group {
        pause: Some(Duration::from_millis(150)),
        name: "other",
        ..Group::default()
    };
    let quiet = stage.admit(quiet).await?;
    let away = Group {
        count: 2,
        pause: None,
        base: Some(format!("http://{}", wire.address())),
        rooms: |_| vec!["busy".to_owned()],
        name: "away",
        ..Group::default()
    };
    let away = stage.admit(away).await?;
    stage.talk().await?;
    let begun = stage.now();
    stage.breaks("two clients away", crate::stage::Hits::TheCut, true);
    stage.is_not_measured();
    let nobody = hubbub_cluster::Port::free()?;
    wire.set_target(nobody.address());
    wire.cut();
    let before: u64 = stage.clients[..16].iter().map(|c| c.mind().acked).sum();
    stage.talk_until_of(0..16, before + missed).await?;
    let calm_from = stage.now();
    sleep(Duration::from_secs(4)).await;
    let calm = stage.latencies_of(quiet.clone(), calm_from, stage.now());
    let back_at = stage.now();
    let back = Instant::now();
    let heads: Vec<_> = stage.clients[..16]
        .iter()
        .filter_map(|c| c.mind().position("busy"))
        .collect();
    let head = heads.into_iter().max().unwrap_or_default();
    wire.set_target(stage.url.trim_start_matches("http://").parse()?);
    let clients = &stage.clients[away.clone()];
    until("both have caught up", Duration::from_secs(60), async || {
        clients
            .iter()
            .all(|c| c.mind().position("busy") >= Some(head))
    })
    .await?;
    let took = back.elapsed();
    sleep(Duration::from_secs(2)).await;
    stage.healed();
    let beside = stage.latencies_of(quiet, back_at, stage.now());
    let p99 = |all: &[Micros]| percentile(all, 0.99).unwrap_or_default();
    stage.flooded(p99(&calm).max(10_000), p99(&beside));
    let came: usize = stage.clients[away]
        .iter()
        .map(|c| {
            c.mind()
                .heard
                .iter()
                .filter(|heard| heard.said >= begun && heard.at >= back_at)
                .count()
        })
        .sum();
    stage.remark(format!(
        "{came} messages to two clients, all of them {:.1} s after they came back; p99 of the others {} ms before, {} ms meanwhile",
        took.as_secs_f64(), p99(&calm) / 1_000, p99(&beside) / 1_000
    ));
    stage.finish().await
}

/// How long people talk each time.
const TALKING: Duration = Duration::from_secs(20);
/// How long after the last client left the counting begins.
const QUIET: Duration = Duration::from_secs(62);

/// Runs the same conversation twice, and compares what is left each time.
pub(super) async fn resources(setup: Setup) -> anyhow::Result<Outcome> {
    let spec = Spec::new(&setup)
        .with("HUBBUB__ROOMS__TTL", "60s")
        .with("HUBBUB__TIMING__DEDUPE_WINDOW", "60s");
    let mut stage = Stage::open(&setup, spec).await?;
    let people = stage.people(&Group::default()).await?;
    let (first, before) = round(&mut stage, &people).await?;
    let (mut outcome, after) = round(&mut stage, &people).await?;
    let both = before.into_iter().zip(after);
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
    let unmeasured = "the number of tasks is not measured: the program does not show it";
    outcome.notes.push(unmeasured.to_owned());
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

type Left = Vec<(String, u64)>;

async fn round(stage: &mut Stage, people: &[Person]) -> anyhow::Result<(Outcome, Left)> {
    stage.begin_again();
    stage.admit_people(&Group::default(), people).await?;
    stage.talk().await?;
    sleep(TALKING).await;
    let outcome = stage.judge().await?;
    sleep(QUIET).await;
    Ok((outcome, count(stage).await?))
}

async fn count(stage: &Stage) -> anyhow::Result<Vec<(String, u64)>> {
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
    let mut keys = 0;
    let keyspace: String = redis::ask(stage.store, &["INFO", "keyspace"]).await?;
    for part in keyspace.split("keys=").skip(1) {
        keys += part
            .split(',')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0);
    }
    all.push(("Redis keys".to_owned(), keys));
    Ok(all)
}
