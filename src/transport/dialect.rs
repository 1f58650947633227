//! What some clients say beside our frames.

use crate::{chat::outbox::Outbox, protocol::server_frame::Text};

use super::codec::Message;

/// What a socket speaks beside our frames.
pub trait Dialect: Send + Sync {
    /// Whether a message is of the dialect; if so, what answers it goes into
    /// the outbox.
    fn take(&self, message: &Message, outbox: &Outbox) -> bool;

    /// What is said before a close frame after which the client must not come
    /// back.
    fn farewell(&self) -> Option<Text> {
        None
    }
}

/// Nothing beside our frames.
pub struct Plain;

impl Dialect for Plain {
    fn take(&self, _: &Message, _: &Outbox) -> bool {
        false
    }
}

/// Bare JSON strings, of which `"primus::ping::N"` wants an answer.
pub struct Primus;

impl Dialect for Primus {
    fn take(&self, message: &Message, outbox: &Outbox) -> bool {
        let Message::Text(text) = message else {
            return false;
        };
        if !text.starts_with('"') {
            return false;
        }
        let inside = text.strip_prefix("\"primus::ping::").unwrap_or_default();
        if let Some(count) = inside.strip_suffix('"')
            && count.len() <= 20
            && count.bytes().all(|b| b.is_ascii_digit())
        {
            outbox.push(Text::from(format!("\"primus::pong::{count}\"")));
        }
        true
    }

    /// A client of Primus does not look at close codes, and would come back at
    /// once.
    fn farewell(&self) -> Option<Text> {
        Some(Text::from("\"primus::server::close\"".to_owned()))
    }
}
