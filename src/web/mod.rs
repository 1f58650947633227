//! What browsers and other programs ask for over HTTP.

pub mod assets;
