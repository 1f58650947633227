//! hubbub: a chat server that grows by adding instances.
pub mod broker;
pub mod config;
pub mod protocol;
pub mod server;
pub mod session;
pub mod shutdown;
pub mod telemetry;
pub mod web;
