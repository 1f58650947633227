//! Isolation: how long a message of a quiet room takes alone, and how long while
//! another room of the same server is saturated.

use std::{fs, time::Duration};

use anyhow::Result;
use hubbub_cluster::RunDir;
use serde::Serialize;

use super::{
    Bench,
    server::{Peer, Server},
    stage::Generator,
    workload::workload,
};
use crate::plan::{Credentials, Outcome, Pace, Plan};

/// How many members the quiet room has.
const MEMBERS: usize = 20;
/// How long the quiet room is listened to: a message each second.
const WINDOW: Duration = Duration::from_secs(12);
/// How much longer the flood goes on.
const AROUND: Duration = Duration::from_secs(4);
/// Far from the rooms of the flood.
const QUIET_ROOM: usize = 10_000;

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Isolation {
    pub(crate) peer: Peer,
    pub(crate) calm_p50_ms: f64,
    pub(crate) calm_p99_ms: f64,
    pub(crate) flooded_p50_ms: f64,
    pub(crate) flooded_p99_ms: f64,
    /// What the saturated room delivered meanwhile, per second.
    pub(crate) flood_per_second: f64,
    /// Whether every message of both rooms reached everybody once and in order.
    pub(crate) is_clean: bool,
}

impl Isolation {
    /// How much longer the slowest take beside the flood.
    pub(crate) fn ratio(&self) -> f64 {
        self.flooded_p99_ms / self.calm_p99_ms
    }
}

/// Listens to a quiet room, first alone and then beside workload A.
pub(crate) fn measure(bench: &Bench, peer: Peer) -> Result<Isolation> {
    let dir = RunDir::temporary()?;
    let server = Server::start(bench, peer, 1, dir.path())?;
    let credentials = Credentials::Tokens(bench.tokens.clone());
    let aim = |mut plan: Plan| {
        plan.targets.clone_from(&server.targets);
        if plan.dialect == crate::plan::Dialect::Hubbub {
            plan.credentials = credentials.clone();
        }
        plan
    };
    let saturated = workload("A")?.plan(peer, &super::FULL);
    let quiet = aim(Plan {
        first_room: QUIET_ROOM,
        members_per_room: MEMBERS,
        publishers_per_room: 1,
        pace: Pace::Open { per_second: 1.0 },
        warm_up: Duration::from_secs(1),
        window: WINDOW,
        ..saturated.clone()
    });
    let flood = aim(Plan {
        window: WINDOW + AROUND,
        waits: true,
        ..saturated
    });
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder)?;
        anyhow::Ok(folder)
    };
    let listen = |name: &str, room: usize| {
        let dir = folder(name)?;
        let plan = Plan {
            first_room: room,
            waits: true,
            ..quiet.clone()
        };
        let generator = Generator::start_first(bench, &plan, &dir)?;
        generator.wait_until_ready()?;
        anyhow::Ok(generator)
    };
    let calm = listen("calm", QUIET_ROOM)?;
    calm.go()?;
    let calm = calm.finish()?;
    let flooded = listen("flooded", QUIET_ROOM + 1)?;
    let flood = Generator::start(bench, &flood, &folder("flood")?)?;
    flood.wait_until_ready()?;
    flood.go()?;
    flooded.go()?;
    let (flooded, flood) = (flooded.finish()?, flood.finish()?);
    let is_clean = [&calm, &flooded, &flood]
        .iter()
        .all(|one: &&Outcome| one.counts.is_clean() && one.failures.is_empty());
    Ok(Isolation {
        peer,
        calm_p50_ms: calm.p50_ms,
        calm_p99_ms: calm.p99_ms,
        flooded_p50_ms: flooded.p50_ms,
        flooded_p99_ms: flooded.p99_ms,
        #[expect(clippy::cast_precision_loss, reason = "deliveries of some seconds")]
        flood_per_second: flood.delivered as f64 / flood.window_s,
        is_clean,
    })
}
