//! A balancer that reads its configuration again, or dies; and clients whose
//! way to it is dead.

use std::time::Duration;

use crate::{
    fault::proxy::Proxy,
    stage::{Group, Hits, Outcome, Setup, Spec, Stage},
};

/// A reload: the old worker keeps its sockets.
pub(super) async fn reload(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    let begun = stage.now();
    for _ in 0..setup.rounds(3) {
        stage.breaks("reload", Hits::TheCut, false);
        stage.cluster(|cluster| cluster.haproxy().reload()).await?;
        stage.wait(Duration::from_secs(3)).await;
        stage.cluster(|cluster| cluster.wait_until_up()).await?;
        stage.all_recover().await?;
        stage.healed();
    }
    let lost = stage.sockets_lost_since(begun);
    stage.require(lost == 0, format!("{lost} sockets were closed"));
    stage.remark(format!("{lost} sockets closed"));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// kill -9, and started again.
pub(super) async fn kill(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    for _ in 0..setup.rounds(2) {
        stage.breaks("balancer killed", Hits::Everybody, true);
        stage
            .cluster(|cluster| {
                cluster.haproxy().process().kill();
                Ok(())
            })
            .await?;
        stage.wait(Duration::from_secs(1)).await;
        stage.cluster(|cluster| cluster.haproxy().restart()).await?;
        stage.all_recover().await?;
        stage.healed();
        // A client that was up for 10 s begins with short pauses again.
        stage
            .wait(Duration::from_secs(if setup.is_quick { 1 } else { 11 }))
            .await;
    }
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// What clients have open goes nowhere any more and stays open; they notice by
/// themselves.
pub(super) async fn half_open(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    let balancer = stage.url.trim_start_matches("http://").parse()?;
    let wire = Proxy::to(balancer).await?;
    let half = Group {
        count: 12,
        ..Group::default()
    };
    stage.admit(half).await?;
    let other_half = Group {
        count: 12,
        base: Some(format!("http://{}", wire.address())),
        ..Group::default()
    };
    stage.admit(other_half).await?;
    stage.talk().await?;
    stage.breaks("half open", Hits::TheCut, true);
    wire.silence();
    stage.wait(Duration::from_secs(22)).await;
    stage.all_recover().await?;
    stage.healed();
    stage.remark("a dead link shows after 10 s of silence (a poll: 20 s)");
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}
