//! A position in a room's log, written `<epoch>-<seq>`.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where an entry stands in a room's log. Positions of one room are totally
/// ordered: first by epoch, then by sequence number. Sequence 0 is only ever
/// the marker that opens an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Milliseconds since 1970 at which the epoch was opened, or one more than
    /// the epoch before it, whichever is larger.
    pub epoch: u64,
    /// Counts the entries of one epoch without a hole.
    pub seq: u64,
}

impl Position {
    /// Lies before everything.
    pub const ZERO: Self = Self { epoch: 0, seq: 0 };

    /// The position `seq` of `epoch`.
    pub const fn new(epoch: u64, seq: u64) -> Self {
        Self { epoch, seq }
    }

    /// The position that follows this one within its epoch.
    #[must_use]
    pub const fn next(self) -> Self {
        Self {
            epoch: self.epoch,
            seq: self.seq.saturating_add(1),
        }
    }

    /// Whether this is the place of a marker that opens an epoch.
    pub const fn is_marker(self) -> bool {
        self.seq == 0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// The text is not of the form `<epoch>-<seq>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is written <epoch>-<seq>, as in \"1732060800000-42\"")]
pub struct PositionError;

impl From<ParseIntError> for PositionError {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, seq) = text.split_once('-').ok_or(PositionError)?;
        Ok(Self {
            epoch: digits(epoch)?,
            seq: digits(seq)?,
        })
    }
}

/// `u64::from_str` takes a leading plus sign; a position has digits only.
fn digits(text: &str) -> Result<u64, PositionError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PositionError);
    }
    Ok(text.parse()?)
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_what_it_wrote() {
        for text in ["0-0", "1732060800000-42", "18446744073709551615-1"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-2",
            "1-+2",
            "1-2-3",
            "a-b",
            " 1-2",
            "99999999999999999999-1",
        ] {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text:?}");
        }
    }

    #[test]
    fn epochs_order_before_sequence_numbers() {
        assert!(Position::new(2, 0) > Position::new(1, 9));
        assert!(Position::new(1, 10) > Position::new(1, 9));
        assert!(Position::ZERO < Position::new(1, 0));
    }
}
