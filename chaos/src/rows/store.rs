//! A Redis that dies, freezes, and cuts its clients.

use std::time::Duration;

use hubbub::bench::check::Micros;
use tokio::time::{Instant, sleep};

use crate::{
    fault::redis::kill_clients,
    stage::{Hits, Outcome, Setup, Spec, Stage},
};

/// kill -9 and a restart with what the append-only file holds.
pub(super) async fn kill(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    for _ in 0..setup.rounds(4) {
        stage.breaks("Redis killed", Hits::Everybody, false);
        stage
            .cluster(|cluster| {
                cluster.redis().process().kill();
                Ok(())
            })
            .await?;
        stage.wait(Duration::from_secs(1)).await;
        stage.cluster(|cluster| cluster.redis().restart()).await?;
        stage.all_recover().await?;
        stage.healed();
        stage.wait(Duration::from_secs(2)).await;
    }
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// SIGSTOP for 5 s: everybody waits, and no socket is closed.
pub(super) async fn freeze(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    let begun = stage.now();
    for _ in 0..setup.rounds(2) {
        stage.breaks("Redis frozen", Hits::Everybody, false);
        stage
            .cluster(|cluster| cluster.redis().process().freeze())
            .await?;
        stage.wait(Duration::from_secs(5)).await;
        stage
            .cluster(|cluster| cluster.redis().process().thaw())
            .await?;
        stage.all_recover().await?;
        stage.healed();
        stage.wait(Duration::from_secs(2)).await;
    }
    let lost = stage.sockets_lost_since(begun);
    stage.require(lost == 0, format!("{lost} sockets were closed"));
    stage.remark(format!("{lost} sockets closed"));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Cuts all clients of a kind again and again. Returns how many were cut, and
/// when.
async fn keep_killing(
    stage: &Stage,
    kind: &str,
    every: Duration,
    time: Duration,
) -> anyhow::Result<(u64, Vec<Micros>)> {
    let end = Instant::now() + time;
    let (mut killed, mut strikes) = (0, Vec::new());
    while Instant::now() < end {
        let before = stage.now();
        let cut = kill_clients(stage.store, kind).await?;
        // Links that are still coming back cannot be cut once more.
        if cut > 0 {
            killed += cut;
            strikes.push(before);
        }
        // Not in step with clients that were told to come back after a second.
        sleep(every.mul_f64(rand::random_range(0.8..1.2))).await;
    }
    Ok((killed, strikes))
}

async fn cut_links(setup: Setup, kind: &str, every: Duration) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    let begun = stage.now();
    let time = Duration::from_secs(if setup.is_quick { 4 } else { 15 });
    stage.breaks("CLIENT KILL", Hits::Everybody, false);
    let (killed, strikes) = keep_killing(&stage, kind, every, time).await?;
    let cuts = strikes.len();
    // Each of the cuts counts, and not the first of them alone.
    stage.strikes_at(strikes);
    stage.all_recover().await?;
    stage.healed();
    let lost = stage.sockets_lost_since(begun);
    stage.require(lost == 0, format!("{lost} sockets of clients were closed"));
    stage.require(killed > 0, "no link was there to be cut");
    stage.remark(format!("{killed} links cut in {cuts} blows"));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// The event links, every 200 ms.
pub(super) async fn kill_pubsub(setup: Setup) -> anyhow::Result<Outcome> {
    cut_links(setup, "pubsub", Duration::from_millis(200)).await
}

/// The command links, every second.
pub(super) async fn kill_normal(setup: Setup) -> anyhow::Result<Outcome> {
    cut_links(setup, "normal", Duration::from_secs(1)).await
}
