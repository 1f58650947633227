//! What the tests start and talk through.

pub mod client;
pub mod cluster;
pub mod http;
pub mod long_poll;
pub mod socket;
