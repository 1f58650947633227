//! What became of a room's messages since they were said, in memory.

use std::{collections::HashMap, sync::Arc};

use crate::{
    broker::{
        BrokerError, Change, What,
        change::{MOST_BYTES, MOST_EMOJI, MOST_USERS},
        look::{Look, NewText, Reaction},
    },
    protocol::{emoji::Emoji, entry::Entry, position::Position, user::User},
};

/// The messages that were changed.
#[derive(Debug, Default)]
pub(super) struct Folds(HashMap<Position, Fold>);

/// What became of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    /// The last entry that changed it.
    last: Position,
    text: Wording,
    reactions: Vec<Reaction>,
}

#[derive(Clone, Debug, Default)]
enum Wording {
    #[default]
    AsSaid,
    Edited {
        text: String,
        mentions: Vec<Arc<str>>,
        at: u64,
    },
    Deleted,
}

impl Folds {
    /// What a change makes of a message; none if it changes nothing.
    pub(super) fn fold(&self, said: &Entry, change: &Change) -> Result<Option<Fold>, BrokerError> {
        let mut fold = self.0.get(&said.position).cloned().unwrap_or_default();
        let is_deleted = matches!(fold.text, Wording::Deleted);
        if !matches!(change.what, What::React { .. }) && author(said) != *change.by.id {
            return Err(BrokerError::NotYours);
        }
        match &change.what {
            What::Delete | What::React { on: false, .. } if is_deleted => return Ok(None),
            _ if is_deleted => return Err(BrokerError::Deleted),
            What::Edit { text, mentions } => {
                fold.text = Wording::Edited {
                    text: text.clone(),
                    mentions: mentions.clone(),
                    at: 0,
                };
            }
            What::Delete => {
                fold.text = Wording::Deleted;
                fold.reactions.clear();
            }
            What::React { emoji, on } => {
                if !fold.react(emoji, &change.by, *on)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(fold))
    }

    /// Keeps what an entry made of a message.
    pub(super) fn keep(&mut self, target: Position, mut fold: Fold, entry: &Entry) {
        fold.last = entry.position;
        if let Wording::Edited { at, .. } = &mut fold.text
            && *at == 0
        {
            *at = entry.at;
        }
        if matches!(fold.text, Wording::AsSaid) && fold.reactions.is_empty() {
            self.0.remove(&target);
        } else {
            self.0.insert(target, fold);
        }
    }

    /// Lets go of what an entry that left the log had made of a message, if it
    /// was the last one that did: the message itself has left before it.
    pub(super) fn forget(&mut self, gone: &Entry) {
        if let Some(target) = gone.target()
            && self
                .0
                .get(&target)
                .is_some_and(|fold| fold.last == gone.position)
        {
            self.0.remove(&target);
        }
    }

    /// How a message, or an edit of one, looks now.
    pub(super) fn look(&self, entry: &Entry) -> Option<Look> {
        if self.0.is_empty() {
            return None;
        }
        let message = entry.target().unwrap_or(entry.position);
        self.0.get(&message).map(Fold::look)
    }
}

impl Fold {
    /// Returns whether that changed anything.
    fn react(&mut self, emoji: &Emoji, user: &User, on: bool) -> Result<bool, BrokerError> {
        let same = |reaction: &Reaction| reaction.emoji == emoji.as_str();
        let Some(index) = self.reactions.iter().position(same) else {
            if on {
                self.reactions.push(Reaction {
                    emoji: emoji.as_str().to_owned(),
                    users: vec![user.clone()],
                });
                self.check()?;
            }
            return Ok(on);
        };
        let users = &mut self.reactions[index].users;
        let place = users.iter().position(|held| held.id == user.id);
        match place {
            Some(place) if !on => {
                users.remove(place);
                if users.is_empty() {
                    self.reactions.remove(index);
                }
                Ok(true)
            }
            None if on => {
                users.push(user.clone());
                self.check()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn check(&self) -> Result<(), BrokerError> {
        let is_within = self.reactions.len() <= MOST_EMOJI
            && self.reactions.iter().all(|of| of.users.len() <= MOST_USERS)
            && Look::of(None, &self.reactions).bytes() <= MOST_BYTES;
        is_within.then_some(()).ok_or(BrokerError::TooManyReactions)
    }

    fn look(&self) -> Look {
        match &self.text {
            Wording::Deleted => Look::deleted(),
            Wording::AsSaid => Look::of(None, &self.reactions),
            Wording::Edited { text, mentions, at } => {
                let now = NewText {
                    text,
                    mentions,
                    edited: Some(*at),
                };
                Look::of(Some(&now), &self.reactions)
            }
        }
    }
}

/// The id of who said something.
fn author(said: &Entry) -> String {
    let fields = said.fields.value();
    let id = fields
        .pointer("/from/id")
        .and_then(serde_json::Value::as_str);
    id.unwrap_or_default().to_owned()
}
