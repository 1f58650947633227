//! The `hubbub` program.
fn main() {}
