//! hubbub: a chat server that grows by adding instances.
pub mod app;
pub mod broker;
pub mod chat;
pub mod config;
pub mod protocol;
pub mod server;
pub mod session;
pub mod telemetry;
pub mod transport;
pub mod web;
