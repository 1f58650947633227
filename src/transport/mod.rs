//! How frames travel. What every transport owes a connection:
//!
//! * frames of the client are begun in the order they came; only sends that
//!   follow each other may be under way together;
//! * frames of the outbox go out in order, and nothing is dropped that was
//!   taken out of it while the client can still be reached;
//! * a client that was silent for too long, or accepts nothing, is let go;
//! * when the client is gone, the connection is ended exactly once.

pub mod codec;
pub mod dialect;
pub mod long_poll;
pub mod pulse;
pub mod stream;
pub mod upgrade;
pub mod websocket;
mod works;
