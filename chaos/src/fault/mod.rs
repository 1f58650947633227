//! What can be broken, and the tools that break it: a TCP proxy of our own,
//! Redis asked to cut its clients, Redis with a replica and sentinels, another
//! clock, a firewall in a network of our own.

pub(crate) mod clock;
pub(crate) mod firewall;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod replicas;
