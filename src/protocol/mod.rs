//! The language of hubbub: what clients and server say to each other, and the
//! values both sides name. Pure data: no clock, no socket, no async.

pub mod client_frame;
pub mod code;
pub mod emoji;
pub mod entry;
pub mod event;
pub mod name;
pub mod position;
pub mod server_frame;
pub mod user;

/// The protocol version announced in `hello`.
pub const PROTOCOL: u32 = 1;

/// Above so many members a room counts as large: who came and went is told
/// together, and nobody is told of all members without asking for them.
pub const LARGE_ROOM: u64 = 200;
