//! The heart: rooms, connections and what may be asked of them. Knows no HTTP,
//! no socket and no Redis. What decides who gets which entry (`sequence`,
//! `sequencer`, `refill`) knows no clock, lock or task either.

mod breaks;
pub mod catch_up;
pub mod commands;
pub mod connection;
mod follow;
mod guests;
mod heads;
mod hints;
pub mod hub;
pub mod limits;
mod mentions;
pub mod outbox;
mod presence;
mod private;
mod reads;
pub mod refill;
pub mod refusal;
mod ring;
pub mod room;
mod seats;
pub mod sequence;
pub mod sequencer;
mod signed_out;
mod single_flight;
mod sink;
mod typing;
pub mod vitals;
mod walk;
