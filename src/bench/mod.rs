//! `hubbub bench`: simulated people in great number, and the proof that what
//! they were promised was kept.
//!
//! * [`check`]: what every client saw, and the verdict on it. Pure: no clock,
//!   no socket;
//! * [`plan`]: what a run does;
//! * [`run`]: a run from its first connection to its verdict;
//! * [`scenario`]: the measuring around it; [`report`]: what comes out;
//! * `client`: the clients, many per thread;
//! * [`history`]: the final logs; [`process`]: what the servers use.

pub mod check;
pub mod history;
pub mod plan;
pub mod process;
pub mod report;
pub mod roll;
pub mod run;
pub mod scenario;

mod client;
