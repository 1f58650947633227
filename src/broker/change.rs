//! What somebody wants to change about a message: the entry it becomes, and what
//! a broker needs to know to fold it into the message.

use std::sync::Arc;

use super::{DedupeKey, Draft};
use crate::protocol::{
    emoji::Emoji,
    entry::{ChangeFields, Fields, Kind},
    name::SendKey,
    position::Position,
    user::User,
};

/// The most different reactions of one message …
pub(super) const MOST_EMOJI: usize = 20;
/// … the most people who share one of them …
pub(super) const MOST_USERS: usize = 100;
/// … and the most bytes of them all.
pub(super) const MOST_BYTES: usize = 16 * 1024;

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which message.
    pub target: Position,
    /// Who changes it.
    pub by: User,
    /// Under which the change is recognised when it is asked for again.
    pub key: SendKey,
    /// What is changed.
    pub what: What,
}

/// What is changed about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Its author writes it anew.
    Edit {
        /// What it says from now on.
        text: String,
        /// The ids of those whom it names.
        mentions: Vec<Arc<str>>,
    },
    /// Its author takes it back.
    Delete,
    /// Somebody reacts to it.
    React {
        /// With what.
        emoji: Emoji,
        /// Whether that is set or unset.
        on: bool,
    },
}

impl Change {
    /// The entry it becomes.
    pub(super) fn draft(&self) -> Draft {
        let mut fields = ChangeFields {
            key: &self.key,
            target: self.target,
            by: &self.by,
            text: None,
            emoji: None,
            on: None,
            mentions: &[],
        };
        let kind = match &self.what {
            What::Edit { text, mentions } => {
                fields.text = Some(text);
                fields.mentions = mentions;
                Kind::Edited
            }
            What::Delete => Kind::Deleted,
            What::React { emoji, on } => {
                fields.emoji = Some(emoji);
                fields.on = Some(*on);
                Kind::Reacted
            }
        };
        Draft {
            kind,
            fields: Fields::of(&fields),
            key: Some(DedupeKey {
                user_id: Arc::clone(&self.by.id),
                key: self.key.clone(),
            }),
            may_create: false,
        }
    }
}
