//! Names that come from outside: parsed once, valid from then on.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization;

/// The most characters a title has.
pub const TITLE_CHARS: usize = 80;
/// The most characters a user's name has.
pub const USER_NAME_CHARS: usize = 32;
/// The most people a private room has.
pub const PEOPLE: usize = 200;
/// The most characters one searches for.
pub const QUERY_CHARS: usize = 100;
/// How the names of private rooms begin …
const PRIVATE: &str = "p-";
/// … and those of the rooms of two people.
const DIRECT: &str = "d-";

/// The name of a room: 1–64 of `[a-z0-9_-]`. The alphabet keeps a name from
/// meaning anything inside a Redis key or pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// The room that always exists.
    pub fn lobby() -> Self {
        Self("lobby".into())
    }

    /// The log of what concerns every instance (sign-outs, bans, notices to
    /// all). Its name lies outside the alphabet, so no client can join it.
    pub fn control() -> Self {
        Self("!control".into())
    }

    /// Whether this is the control log rather than a room of people.
    pub fn is_control(&self) -> bool {
        self.0.starts_with('!')
    }

    /// The name of a private room, out of 128 random bits: nobody guesses it.
    pub fn private(random: u128) -> Self {
        Self(format!("{PRIVATE}{random:032x}").into())
    }

    /// The name of the room of two people: the same one whoever asks, and
    /// another one for any other two.
    pub fn direct(one: &str, other: &str) -> Self {
        let (first, second) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        let mut sha = Sha256::new();
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        sha.update((first.len() as u64).to_be_bytes());
        sha.update(first);
        sha.update(second);
        Self(format!("{DIRECT}{:032x}", half(sha)).into())
    }

    /// Whether only those who were invited may know of it: a private room, or
    /// the room of two people. The name alone tells, so that whatever is done
    /// with any other room need not ask.
    pub fn is_private(&self) -> bool {
        self.0.starts_with(PRIVATE) || self.is_direct()
    }

    /// Whether it is the room of two people.
    pub fn is_direct(&self) -> bool {
        self.0.starts_with(DIRECT)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Half of a digest, as a number.
fn half(sha: Sha256) -> u128 {
    let digest = sha.finalize();
    let half = digest.iter().take(16).copied();
    half.fold(0, |number, byte| number << 8 | u128::from(byte))
}

/// The text is no room name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room name is 1 to 64 of a-z, 0-9, _ and -")]
pub struct RoomNameError;

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(RoomNameError)
        }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RoomName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a client calls one send: 1–64 of `[A-Za-z0-9_-]`, unique per user and
/// room. A retry carries the same key and so cannot become a second message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SendKey(Box<str>);

impl SendKey {
    /// The key that follows from some texts: the same one for the same texts.
    pub fn made_of(texts: &[&str]) -> Self {
        let mut sha = Sha256::new();
        for text in texts {
            sha.update((text.len() as u64).to_be_bytes());
            sha.update(text);
        }
        Self(format!("{:032x}", half(sha)).into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no send key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 1 to 64 of A-Z, a-z, 0-9, _ and -")]
pub struct SendKeyError;

impl FromStr for SendKey {
    type Err = SendKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(SendKeyError)
        }
    }
}

/// The name a person goes by: 1–32 visible characters on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserName(Box<str>);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names count as the same: compatibility-normalised,
    /// lower case, without spaces and marks.
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }
}

/// The skeleton of a text that may be somebody's name.
pub fn skeleton(text: &str) -> String {
    text.nfkd()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The text is no name for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing visible, or too much of it.
    #[error("a name has 1 to {USER_NAME_CHARS} characters")]
    Length,
    /// Control, direction and other invisible characters.
    #[error("a name is made of visible characters on one line")]
    Invisible,
    /// Nothing that tells it from other names.
    #[error("a name has at least one letter or digit")]
    NoLetter,
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.nfc().collect::<String>();
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.chars().count() > USER_NAME_CHARS {
            return Err(UserNameError::Length);
        }
        if text.chars().any(char::is_control) || name.chars().any(is_invisible) {
            return Err(UserNameError::Invisible);
        }
        let name = Self(name.into());
        if name.skeleton().is_empty() {
            return Err(UserNameError::NoLetter);
        }
        Ok(name)
    }
}

/// Characters that take no place or turn the text around them, with which one
/// name could pass for another.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Checks a room's free-text title.
pub fn parse_title(text: &str) -> Result<String, TitleError> {
    let title = text.trim();
    if title.chars().count() > TITLE_CHARS || title.chars().any(is_invisible) {
        return Err(TitleError);
    }
    Ok(title.to_owned())
}

/// A room's free-text title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(pub String);

impl FromStr for Title {
    type Err = TitleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_title(text).map(Self)
    }
}

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(pub String);

/// The text is nothing to look for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is looked for has 1 to {QUERY_CHARS} characters")]
pub struct QueryError;

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let query = text.trim();
        if (1..=QUERY_CHARS).contains(&query.chars().count()) {
            Ok(Self(query.to_owned()))
        } else {
            Err(QueryError)
        }
    }
}

/// The text is no title.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a title has at most {TITLE_CHARS} visible characters")]
pub struct TitleError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_cannot_mean_anything_to_redis() {
        for text in [
            "",
            "Room",
            "a b",
            "{a}",
            "a*",
            "a?",
            "[a]",
            "a\n",
            "a\0",
            "ä",
            "!control",
            &"a".repeat(65),
        ] {
            assert_eq!(text.parse::<RoomName>(), Err(RoomNameError), "{text:?}");
        }
        for text in ["a", "lobby", "team-1_x", &"a".repeat(64)] {
            assert!(text.parse::<RoomName>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn the_room_of_two_people_is_the_same_whoever_asks() {
        let room = RoomName::direct("u1", "u2");
        assert_eq!(room, RoomName::direct("u2", "u1"));
        assert_ne!(RoomName::direct("a", "bc"), RoomName::direct("ab", "c"));
        assert_eq!(room.as_str().parse(), Ok(room.clone()));
        assert!(room.is_direct() && room.is_private());
    }

    #[test]
    fn a_private_room_is_known_by_its_name() {
        let room = RoomName::private(u128::MAX);
        assert_eq!(room.as_str().parse(), Ok(room.clone()));
        assert!(room.is_private() && !room.is_direct());
        assert!(!RoomName::lobby().is_private() && !RoomName::control().is_private());
        for text in ["p", "pp-x", "d", "ad-x", "p_x"] {
            assert!(!text.parse::<RoomName>().unwrap().is_private(), "{text}");
        }
    }

    #[test]
    fn a_key_is_short_and_plain() {
        assert!("aZ09_-".parse::<SendKey>().is_ok());
        for text in ["", "a b", "ä", "a:b", &"k".repeat(65)] {
            assert!(text.parse::<SendKey>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_trimmed_and_its_spaces_folded() {
        assert_eq!(
            "  Ada   Lovelace ".parse::<UserName>().unwrap().as_str(),
            "Ada Lovelace"
        );
    }

    #[test]
    fn invisible_and_turning_characters_are_refused() {
        for text in ["a\u{202E}b", "a\u{200B}b", "a\nb", "\u{7}", "\u{FEFF}x"] {
            assert!(text.parse::<UserName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        let skeleton = |text: &str| text.parse::<UserName>().unwrap().skeleton();
        assert_eq!(skeleton("Ada"), skeleton("a d a"));
        assert_eq!(skeleton("Ada"), skeleton("\u{FF21}da"));
        assert_ne!(skeleton("Ada"), skeleton("Ida"));
    }

    #[test]
    fn a_name_needs_a_letter_or_digit() {
        assert_eq!("---".parse::<UserName>(), Err(UserNameError::NoLetter));
        assert!("李".parse::<UserName>().is_ok());
    }
}
