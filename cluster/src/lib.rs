//! Runs a whole hubbub cluster as plain processes on loopback: redis-server, haproxy with the shipped configuration, and
//! any number of instances.
//!
//! It is the program behind `make cluster` and the support of the integration tests, so both see the same thing.
//! In reading order:
//!
//! - [`Cluster`] starts everything, scales it and rolls it; [`Description`] is what it tells others (`cluster.json`).
//! - [`RedisServer`], [`Haproxy`] and [`Instance`] are the parts. Each can be started alone, killed, frozen and thawed.
//! - [`Process`] is one program with its log file; [`Port`] keeps an address free for it.
//! - [`control`] is how `scale` and `roll` reach the cluster that is running.
//!
//! Everything started here ends when its value is dropped. If the program itself is killed, its processes are killed by
//! the kernel, provided that `setpriv` (util-linux) is installed.

mod cluster;
pub mod control;
mod description;
mod error;
mod haproxy;
mod http;
mod instance;
mod port;
mod process;
mod redis;
mod roll;
mod run_dir;
mod secret;
mod wait;

pub use cluster::{Cluster, ClusterOptions, EnvOf, Report, SLOTS};
pub use description::{Description, HaproxyEntry, InstanceEntry, RedisEntry};
pub use error::{Error, Result};
pub use haproxy::{Haproxy, HaproxyOptions, ServerState};
pub use http::get;
pub use instance::{Instance, InstanceOptions};
pub use port::Port;
pub use process::{Launch, Process, find_program};
pub use redis::{RedisOptions, RedisServer};
pub use run_dir::RunDir;
pub use wait::{stop_waiting, until};
