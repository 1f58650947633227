//! Runs a whole hubbub cluster as plain processes on loopback.
