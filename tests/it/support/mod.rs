//! What the tests start and talk through.

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod http;
pub(crate) mod long_poll;
pub(crate) mod socket;
