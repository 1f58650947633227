//! The text of a message: who sent it, which of its messages it is, in which
//! slot of a closed loop, and when it should have gone out; then filling.

/// What every text begins with.
const OPENING: &[u8] = b"hb:";
/// The shortest text that holds all of it.
pub(crate) const SHORTEST: usize = 47;

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The client that sent it.
    pub(super) client: u32,
    /// Which of its messages.
    pub(super) number: u32,
    /// The slot of a closed loop; `u32::MAX` without one.
    pub(super) slot: u32,
    /// When it was due, in nanoseconds since the run began.
    pub(super) due: u64,
}

impl Said {
    /// Writes the text, `length` bytes long.
    pub(super) fn write(self, out: &mut String, length: usize) {
        use std::fmt::Write as _;
        let Self {
            client,
            number,
            slot,
            due,
        } = self;
        let start = out.len();
        // Writing to a String cannot fail.
        let _ = write!(out, "hb:{client:08x}:{number:08x}:{slot:08x}:{due:016x}:");
        while out.len() - start < length {
            out.push('x');
        }
    }

    /// Reads the text; `None` if somebody else wrote it.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let rest = text.strip_prefix(OPENING)?;
        let (head, _) = rest.split_at_checked(SHORTEST - OPENING.len())?;
        Some(Self {
            client: u32::try_from(hex(&head[..8])?).ok()?,
            number: u32::try_from(hex(&head[9..17])?).ok()?,
            slot: u32::try_from(hex(&head[18..26])?).ok()?,
            due: hex(&head[27..43])?,
        })
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_back_and_has_its_length() {
        let said = Said {
            client: 7,
            number: u32::MAX,
            slot: 3,
            due: 1 << 60,
        };
        for length in [SHORTEST, 128, 4_000] {
            let mut text = String::new();
            said.write(&mut text, length);
            assert_eq!(text.len(), length);
            assert_eq!(Said::read(text.as_bytes()), Some(said));
        }
    }

    #[test]
    fn other_texts_are_nobodys() {
        for text in ["", "hello", "hb:", &format!("hb:{}", "z".repeat(60))] {
            assert_eq!(Said::read(text.as_bytes()), None);
        }
    }
}
