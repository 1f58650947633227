//! `hubbub bench`: simulated people in great number, and the proof that what
//! they were promised was kept.
//!
//! * [`check`]: what every client saw, and the verdict on it. Pure: no clock,
//!   no socket.

pub mod check;
