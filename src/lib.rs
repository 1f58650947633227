//! hubbub: a chat server that grows by adding instances.
//!
//! Modules in reading order, from what knows least to what knows most:
//!
//! * [`protocol`]: frames, events, positions and names: pure data;
//! * [`broker`]: the contract of the room log and the fan-out between
//!   instances, and its two implementations;
//! * [`chat`]: rooms, connections and commands: the heart;
//! * [`app`]: what every request can reach;
//! * [`transport`]: how frames travel: WebSocket and long-poll;
//! * [`web`]: routes, from the page to the admin listener;
//! * [`server`]: from settings to a running instance and to its end.
//!
//! Beside them: [`config`], [`session`], [`shutdown`], [`telemetry`] and [`turns`];
//! [`bench`], which plays many clients and checks what they were promised; and
//! [`demo`], in which a few of them talk. [`client`] is what one of these does.
//!
//! The path of one message: [`transport::websocket`] reads a frame and gives
//! its text to [`chat::connection`]; [`chat::commands`] checks it and appends
//! it through [`broker`], which stores it and tells all instances in one step;
//! on each of them [`chat::hub`] finds the room, [`chat::room`] delivers it in
//! order to the outbox of every member, and the member's transport writes it.

pub mod app;
pub mod bench;
pub mod broker;
pub mod chat;
pub mod client;
pub mod config;
pub mod demo;
pub mod protocol;
pub mod server;
pub mod session;
pub mod shutdown;
pub mod telemetry;
pub mod transport;
pub mod turns;
pub mod web;
