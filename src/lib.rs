//! hubbub: a chat server that grows by adding instances.
pub mod broker;
pub mod chat;
pub mod protocol;
pub mod telemetry;
