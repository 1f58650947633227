//! An instance whose clock jumps.

use std::time::Duration;

use anyhow::Context as _;
use hubbub_cluster::RunDir;

use crate::{
    fault::clock::Clock,
    stage::{Hits, Outcome, Setup, Spec, Stage},
};

const AHEAD: i32 = 300;

/// The clock of one instance jumps 300 s ahead while it runs, and back.
pub(super) async fn jump(setup: Setup) -> anyhow::Result<Outcome> {
    let dir = RunDir::temporary()?;
    let clock = match Clock::new(dir.path()) {
        Ok(clock) => clock,
        Err(why) => return Ok(Outcome::skipped(why.to_string())),
    };
    let mut spec = Spec::new(&setup);
    let env = clock.env();
    spec.env_of = Some(Box::new(move |name, _| {
        if name == "app-2" {
            env.clone()
        } else {
            Vec::new()
        }
    }));
    let mut stage = Stage::start(&setup, spec).await?;
    let begun = stage.now();
    let before = skew(&stage).await?;
    stage.breaks("clock ahead", Hits::TheCut, false);
    clock.set(AHEAD)?;
    stage.wait(Duration::from_secs(10)).await;
    let during = skew(&stage).await?;
    stage.all_recover().await?;
    stage.healed();
    stage.breaks("clock back", Hits::TheCut, false);
    clock.set(0)?;
    stage.wait(Duration::from_secs(5)).await;
    stage.all_recover().await?;
    stage.healed();
    let lost = stage.sockets_lost_since(begun);
    stage.require(lost == 0, format!("{lost} sockets were closed"));
    stage.require(
        before.abs() < 5 && (during - i64::from(AHEAD)).abs() < 5,
        format!("the clock did not jump: {before} s ahead before, {during} s after"),
    );
    stage.remark(format!(
        "{during} s ahead by its own answers; {lost} sockets closed"
    ));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// How many seconds the clock of app-2 is ahead of that of app-1, by the dates
/// in their answers.
async fn skew(stage: &Stage) -> anyhow::Result<i64> {
    let addresses = stage
        .cluster(|cluster| {
            let address = |name| {
                cluster
                    .instance(name)
                    .map(hubbub_cluster::Instance::address)
            };
            Ok((address("app-1"), address("app-2")))
        })
        .await?;
    let (Some(right), Some(wrong)) = addresses else {
        anyhow::bail!("an instance is gone");
    };
    Ok(date(wrong).await? - date(right).await?)
}

/// The time of day of an answer, in seconds.
async fn date(address: std::net::SocketAddr) -> anyhow::Result<i64> {
    let answer = reqwest::get(format!("http://{address}/livez")).await?;
    let date = answer.headers().get("date").context("no date")?;
    // Sat, 21 Nov 2026 00:50:39 GMT
    let time = date.to_str()?.split(' ').nth(4).context("no time")?;
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<i64>()?;
    }
    Ok(seconds)
}
