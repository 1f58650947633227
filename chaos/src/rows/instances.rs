//! Instances that die, freeze, and are replaced.

use std::{path::PathBuf, time::Duration};

use crate::stage::{Hits, Outcome, Setup, Spec, Stage};

/// kill -9 of each instance in turn.
pub(super) async fn kill(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    for round in 0..setup.rounds(6) {
        let name = format!("app-{}", round % 3 + 1);
        stage.breaks("kill -9", Hits::TheCut, true);
        stage
            .cluster(move |cluster| {
                if let Some(instance) = cluster.instance(&name) {
                    instance.process().kill();
                }
                Ok(())
            })
            .await?;
        stage.all_recover().await?;
        stage.cluster(|cluster| cluster.scale(3)).await?;
        stage.healed();
    }
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

async fn roll_to(stage: &mut Stage, binary: Option<PathBuf>) -> anyhow::Result<()> {
    // A planned roll: no page may say anything.
    stage.breaks("roll", Hits::TheCut, false);
    stage
        .cluster(move |cluster| cluster.roll(binary.as_deref()))
        .await?;
    stage.all_recover().await?;
    stage.healed();
    Ok(())
}

/// A rolling restart of all three.
pub(super) async fn roll(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    roll_to(&mut stage, None).await?;
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Old build, new build, old build.
pub(super) async fn old_new_old(setup: Setup) -> anyhow::Result<Outcome> {
    let mut spec = Spec::new(&setup);
    spec.binary.clone_from(&setup.old_binary);
    let mut stage = Stage::start(&setup, spec).await?;
    if setup.is_old_other {
        stage.remark(format!("the old build is {}", setup.old_name));
    } else {
        stage.remark("the old build is a copy of the new one, as no other was at hand");
    }
    roll_to(&mut stage, Some(setup.binary.clone())).await?;
    roll_to(&mut stage, Some(setup.old_binary.clone())).await?;
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// SIGSTOP of an instance for 20 s.
pub(super) async fn freeze(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    let seconds = if setup.is_quick { 8 } else { 20 };
    stage.breaks("SIGSTOP", Hits::TheCut, true);
    stage
        .cluster(|cluster| {
            let frozen = cluster.instance("app-2");
            frozen.map_or(Ok(()), |instance| instance.process().freeze())
        })
        .await?;
    stage.wait(Duration::from_secs(seconds)).await;
    stage
        .cluster(|cluster| {
            let frozen = cluster.instance("app-2");
            frozen.map_or(Ok(()), |instance| instance.process().thaw())
        })
        .await?;
    stage.cluster(|cluster| cluster.wait_until_up()).await?;
    stage.all_recover().await?;
    stage.healed();
    stage.wait(Duration::from_secs(3)).await;
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}
