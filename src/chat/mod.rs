//! The heart: rooms, connections and what may be asked of them. Knows no HTTP,
//! no socket and no Redis.

pub mod commands;
pub mod connection;
mod follow;
pub mod hub;
pub mod limits;
pub mod outbox;
pub mod refusal;
mod ring;
pub mod room;
pub mod sequence;
mod typing;
