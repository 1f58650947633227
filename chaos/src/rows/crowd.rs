//! Many clients at once, slow ones, and one that never stays.

use std::time::Duration;

use crate::{
    fault::proxy::{Flow, Proxy, Rules},
    stage::{Group, Hits, Outcome, Setup, Spec, Stage},
};

const STORM: usize = 5_000;
/// Rooms of the storm; each has so many of its clients and one who speaks.
const STORM_ROOMS: usize = 100;

/// Thousands of clients lose their sockets in one moment, because the balancer
/// dies.
pub(super) async fn storm(setup: Setup) -> anyhow::Result<Outcome> {
    let count = if setup.is_quick { 500 } else { STORM };
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    let talkers = Group {
        pause: Some(Duration::from_millis(300)),
        ..Group::default()
    };
    stage.admit(talkers).await?;
    let criers = Group {
        count: 4,
        polling: 0,
        pause: Some(Duration::from_secs(2)),
        rooms: |number| {
            let rooms = (0..STORM_ROOMS).filter(|room| room % 4 == number);
            rooms.map(|room| format!("storm-{room}")).collect()
        },
        name: "crier",
        ..Group::default()
    };
    stage.admit(criers).await?;
    for _ in 0..count / 500 {
        let crowd = Group {
            count: 500,
            polling: 0,
            pause: None,
            rooms: |number| vec![format!("storm-{}", number % STORM_ROOMS)],
            name: "listener",
            ..Group::default()
        };
        stage.admit(crowd).await?;
    }
    stage.talk().await?;
    stage.breaks("storm", Hits::Everybody, true);
    let begun = stage.now();
    stage.cluster(|cluster| cluster.haproxy().restart()).await?;
    stage.all_recover().await?;
    stage.healed();
    let lost = stage.sockets_lost_since(begun);
    stage.remark(format!("{lost} sockets lost at once"));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Some sockets read far less than their rooms say.
pub(super) async fn slow_readers(setup: Setup) -> anyhow::Result<Outcome> {
    let spec = Spec::new(&setup).with("HUBBUB__LIMITS__OUTBOX_BYTES", "131072");
    let mut stage = Stage::open(&setup, spec).await?;
    let balancer = stage.url.trim_start_matches("http://").parse()?;
    let wire = Proxy::to(balancer).await?;
    wire.set_rules(Rules {
        down: Flow::Slow(20_000),
        ..Rules::default()
    });
    let big = Group {
        text_bytes: 3_000,
        pause: Some(Duration::from_millis(150)),
        ..Group::default()
    };
    stage.admit(big).await?;
    let slow = Group {
        count: 6,
        polling: 0,
        pause: None,
        base: Some(format!("http://{}", wire.address())),
        name: "slow",
        ..Group::default()
    };
    stage.admit(slow).await?;
    stage.talk().await?;
    stage.breaks("slow readers", Hits::TheCut, true);
    stage.is_not_measured();
    stage
        .wait(Duration::from_secs(if setup.is_quick { 8 } else { 20 }))
        .await;
    let behind = fell_behind(&stage).await?;
    wire.set_rules(Rules::default());
    stage.all_recover().await?;
    stage.healed();
    stage.require(
        behind > 0,
        "no reader fell behind, so this row shows nothing",
    );
    stage.remark(format!(
        "fell behind {behind} times and refilled from the log"
    ));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// How often instances found a client behind.
async fn fell_behind(stage: &Stage) -> anyhow::Result<u64> {
    let all = stage.metric("hubbub_outbox_dropped_total ").await?;
    Ok(all.iter().map(|(_, times)| times).sum())
}

/// One client that comes back every 200 ms.
pub(super) async fn flapping(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    stage.admit(Group::default()).await?;
    let flapping = Group {
        count: 1,
        polling: 0,
        flap: Some(Duration::from_millis(200)),
        name: "flapping",
        ..Group::default()
    };
    let flapping = stage.admit(flapping).await?;
    stage.talk().await?;
    stage
        .wait(Duration::from_secs(if setup.is_quick { 5 } else { 15 }))
        .await;
    stage.talk_until(setup.least()).await?;
    let times = stage.clients[flapping.start].mind().downs.len();
    stage.require(times > 10, "the client did not come back often enough");
    stage.remark(format!("it came back {times} times"));
    stage.finish().await
}
