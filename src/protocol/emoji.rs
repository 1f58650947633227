//! What somebody reacts with: one emoji, or a very short text.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use super::name::is_invisible;

/// The most bytes of an emoji: the longest families and flags fit.
pub const EMOJI_BYTES: usize = 32;

/// An emoji or a short text, without white space and control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Emoji(Box<str>);

impl Emoji {
    /// The emoji as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is nothing to react with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`emoji` is one emoji or a short text: 1 to {EMOJI_BYTES} bytes, without white space and control characters"
)]
pub struct EmojiError;

impl FromStr for Emoji {
    type Err = EmojiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |c: char| joins_emoji(c) || !(c.is_whitespace() || is_invisible(c));
        let is_seen = |c: char| !joins_emoji(c);
        if text.len() <= EMOJI_BYTES && text.chars().all(is_allowed) && text.chars().any(is_seen) {
            Ok(Self(text.into()))
        } else {
            Err(EmojiError)
        }
    }
}

/// Invisible characters of which emoji are made: the joiner, the two variation
/// selectors, and the letters of a flag.
const fn joins_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' | '\u{E0020}'..='\u{E007F}'
    )
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Emoji {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_of_many_parts_and_short_texts_are_taken() {
        let scotland = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}";
        for text in ["👍", "👍🏽", "❤\u{FE0F}", "+1", "lol", "\"", scotland, family] {
            assert!(text.parse::<Emoji>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_is_too_long_is_refused() {
        let long = "x".repeat(EMOJI_BYTES + 1);
        for text in [
            "",
            " ",
            "a b",
            "a\n",
            "\u{7}",
            "\u{200D}",
            "\u{FE0F}\u{FE0F}",
            "a\u{202E}",
            "\u{200B}",
            &long,
        ] {
            assert_eq!(text.parse::<Emoji>(), Err(EmojiError), "{text:?}");
        }
    }
}
