//! Redis with a replica that takes over.

use std::{sync::Arc, time::Duration};

use crate::{
    fault::replicas::{Replicas, Sentinels},
    stage::{Hits, Outcome, Setup, Spec, Stage},
    wait::until,
};

const LIMIT: Duration = Duration::from_secs(10);

/// A cluster whose rooms are behind the front of these replicas. Sessions stay
/// in a Redis of their own, which nothing happens to.
async fn start(setup: &Setup, replicas: &Replicas) -> anyhow::Result<Stage> {
    let url = format!("redis://{}/0", replicas.front.address());
    let mut spec = Spec::new(setup);
    spec.env_of = Some(Box::new(move |_, _| {
        vec![("HUBBUB__REDIS__URL".to_owned(), url.clone())]
    }));
    let mut stage = Stage::start(setup, spec).await?;
    stage.store = replicas.servers[0].address();
    stage.remark("redis.url names a proxy that follows the master");
    Ok(stage)
}

/// The sentinels replace a master that does not answer. With
/// `min-replicas-to-write 1` the old one can take nothing that gets lost.
pub(super) async fn sentinel(setup: Setup) -> anyhow::Result<Outcome> {
    let replicas = Replicas::start(Some(1)).await?;
    let sentinels = Sentinels::watch(&replicas).await?;
    let mut stage = start(&setup, &replicas).await?;
    stage.remark(
        "there are two servers, so the new master takes writes once the old one follows it",
    );
    let old = replicas.servers[0].address();
    stage.breaks("failover", Hits::Everybody, false);
    replicas.servers[0].process().freeze()?;
    let promoted = sentinels.promoted(old).await?;
    // In its first moment awake the old master still counts its replica, and
    // would take what is sent to it: nobody may be led to it any more.
    let front = &replicas.front;
    until("the front follows", LIMIT, async || {
        front.target() == promoted
    })
    .await?;
    stage.wait(Duration::from_millis(500)).await;
    replicas.servers[0].process().thaw()?;
    stage.store = promoted;
    stage.all_recover().await?;
    stage.healed();
    stage.wait(Duration::from_secs(3)).await;
    stage.talk_until(setup.least()).await?;
    let taken_back = stage.acks_taken_back();
    stage.require(
        taken_back == 0,
        format!("{taken_back} acknowledged messages were taken back"),
    );
    let mut outcome = stage.finish().await?;
    let taken_back = format!("{taken_back} acknowledged messages taken back");
    outcome.notes.push(taken_back);
    Ok(outcome)
}

/// A replica that is behind takes over: what the old master had acknowledged
/// meanwhile is gone, everybody is told so, and the senders send it again.
pub(super) async fn lost_tail(setup: Setup) -> anyhow::Result<Outcome> {
    let replicas = Arc::new(Replicas::start(None).await?);
    let mut stage = start(&setup, &replicas).await?;
    stage.expect.may_roll_back = true;
    stage.breaks("lost tail", Hits::Everybody, false);
    let (promoted, died) = replicas.lose_tail(0, Duration::from_millis(700)).await?;
    // Until then everything went on, though nothing of it was kept.
    stage.strikes_at(vec![stage.moment(died)]);
    stage.store = replicas.servers[promoted].address();
    stage.all_recover().await?;
    stage.healed();
    stage.wait(Duration::from_secs(3)).await;
    stage.talk_until(setup.least()).await?;
    let mut outcome = stage.finish().await?;
    if outcome.counts.rollbacks == 0 {
        let nothing = "no tail was lost, so this row shows nothing".to_owned();
        outcome.violations.push(nothing);
    }
    outcome.notes.push(format!(
        "declared as rollback {} times, then sent again",
        outcome.counts.rollbacks
    ));
    Ok(outcome)
}
