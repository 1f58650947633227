//! Links between instances and Redis that are there and carry nothing.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hubbub_cluster::EnvOf;
use tokio::runtime::Handle;

use crate::{
    fault::{
        firewall::BlackHole,
        proxy::{Flow, Proxy, Rules},
    },
    stage::{Hits, Outcome, Setup, Spec, Stage},
};

/// A wire of its own from each instance to Redis.
#[derive(Clone, Default)]
pub(crate) struct Wires(Arc<Mutex<HashMap<String, Arc<Proxy>>>>);

impl Wires {
    /// Puts the wires in place as instances start.
    pub(crate) fn env_of(&self) -> EnvOf {
        let wires = self.clone();
        let handle = Handle::current();
        Box::new(move |name, redis| wires.env(&handle, name, redis))
    }

    fn env(&self, handle: &Handle, name: &str, redis: SocketAddr) -> Vec<(String, String)> {
        let mut wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wires.contains_key(name)
            && let Ok(proxy) = handle.block_on(Proxy::to(redis))
        {
            wires.insert(name.to_owned(), Arc::new(proxy));
        }
        let Some(wire) = wires.get(name) else {
            return Vec::new();
        };
        let url = format!("redis://{}/0", wire.address());
        vec![("HUBBUB__REDIS__URL".to_owned(), url)]
    }

    /// The wire of an instance.
    pub(crate) fn of(&self, name: &str) -> anyhow::Result<Arc<Proxy>> {
        let wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wire = wires.get(name).map(Arc::clone);
        wire.ok_or_else(|| anyhow::anyhow!("{name} has no wire"))
    }

    fn all(&self) -> Vec<Arc<Proxy>> {
        let wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wires.values().map(Arc::clone).collect()
    }
}

async fn start(setup: &Setup) -> anyhow::Result<(Stage, Wires)> {
    let wires = Wires::default();
    let mut spec = Spec::new(setup);
    spec.env_of = Some(wires.env_of());
    Ok((Stage::start(setup, spec).await?, wires))
}

/// Open links swallow everything: first those of one instance, then all.
pub(super) async fn half_open(setup: Setup) -> anyhow::Result<Outcome> {
    let (mut stage, wires) = start(&setup).await?;
    for _ in 0..setup.rounds(2) {
        stage.breaks("one instance's links half open", Hits::Everybody, false);
        wires.of("app-1")?.silence();
        stage.all_recover().await?;
        stage.wait(Duration::from_secs(4)).await;
        stage.healed();
        stage.breaks("all links half open", Hits::Everybody, false);
        for wire in wires.all() {
            wire.silence();
        }
        stage.all_recover().await?;
        stage.wait(Duration::from_secs(2)).await;
        stage.healed();
    }
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Everything comes late; then what Redis says to one instance is held back
/// while what that one says arrives.
pub(super) async fn slow(setup: Setup) -> anyhow::Result<Outcome> {
    let (mut stage, wires) = start(&setup).await?;
    stage.breaks("delay", Hits::Everybody, false);
    for wire in wires.all() {
        wire.set_rules(Rules {
            delay: Duration::from_millis(25),
            ..Rules::default()
        });
    }
    stage.wait(Duration::from_secs(8)).await;
    for wire in wires.all() {
        wire.set_rules(Rules::default());
    }
    stage.all_recover().await?;
    stage.healed();
    stage.breaks("one way held", Hits::Everybody, false);
    let wire = wires.of("app-2")?;
    wire.set_rules(Rules {
        down: Flow::Hold,
        ..Rules::default()
    });
    stage.wait(Duration::from_secs(3)).await;
    wire.set_rules(Rules::default());
    stage.all_recover().await?;
    stage.healed();
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Every packet to and from Redis is dropped for a while.
pub(super) async fn black_hole(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::start(&setup, Spec::new(&setup)).await?;
    stage.breaks("black hole", Hits::Everybody, false);
    let hole = BlackHole::around(stage.store).await?;
    stage.wait(Duration::from_secs(8)).await;
    hole.heal().await?;
    stage.all_recover().await?;
    stage.healed();
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}
