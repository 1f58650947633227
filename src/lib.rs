//! hubbub: a chat server that grows by adding instances.
