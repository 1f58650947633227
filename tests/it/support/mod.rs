//! What the tests start and talk through.

// In words of the chat: a client, over either transport, and what carries it.
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod long_poll;
pub(crate) mod socket;
// Whole clusters.
pub(crate) mod cluster;
// Brokers alone: two of a kind, and the Redis between them.
pub(crate) mod changes;
pub(crate) mod chat;
pub(crate) mod pair;
pub(crate) mod private;
pub(crate) mod redis;
pub(crate) mod slow;
pub(crate) mod until;
pub(crate) mod wire;
// A server that is wrong on purpose, for the load generator.
pub(crate) mod wrong_server;
