//! Simulated clients, many per thread: each does what the browser app does
//! (resumes from its own positions, keeps what is not acknowledged, comes back
//! with jitter, moves when asked), but costs a few hundred bytes and a few
//! microseconds.
//!
//! One thread is one loop over epoll ([`driver`], [`io`]). What comes in goes
//! through [`hear`], what goes out through [`say`]; [`link`] and [`polling`] open and
//! close connections; [`pace`] says when who speaks. No memory is taken per
//! message received: frames are read in place by [`parse`].

mod driver;
mod frame;
mod hear;
mod io;
mod link;
mod pace;
mod parse;
mod person;
mod polling;
mod say;
pub(crate) mod shared;
pub(crate) mod stats;
pub(crate) mod text;
mod wire;

use crate::client::http;

pub(crate) use driver::start;
