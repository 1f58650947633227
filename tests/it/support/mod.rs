//! What the tests stand on.

pub(crate) mod chat;
pub(crate) mod pair;
pub(crate) mod redis;
pub(crate) mod until;
pub(crate) mod wire;
