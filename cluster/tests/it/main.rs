//! The cluster and the shipped haproxy.cfg with real redis-server and haproxy processes. The instances are this test
//! program itself, started as the stand-in of `stub.rs`, so that nothing else has to be built.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod http;
mod proxy;
mod rolling;
mod runner;
mod stub;

use std::path::PathBuf;

use hubbub_cluster::{Cluster, ClusterOptions};

/// The shipped configuration.
fn haproxy_config() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../haproxy.cfg")
}

/// A cluster of stand-ins.
fn cluster_of(instances: usize) -> Cluster {
    Cluster::start(stand_ins(instances)).unwrap()
}

/// How to start it, for those who change something.
fn stand_ins(instances: usize) -> ClusterOptions {
    let mut options = ClusterOptions::new(std::env::current_exe().unwrap(), haproxy_config());
    options.args = stub::ARGS.map(str::to_owned).into();
    options.instances = instances;
    options
}
