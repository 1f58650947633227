//! The text of a message: a marker, who said it, which of their messages it is,
//! when it was due, and filling. The marker is found by scanning, so the same
//! reader understands every server, whatever it wraps around a text.

use memchr::memmem::Finder;

/// How long every text is.
pub(crate) const LENGTH: usize = 128;
/// Nothing that a server writes by itself looks like it, and to none it means
/// anything, as an @name would.
const MARKER: &[u8] = b"~hubbub:";
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The value of each digit; 16 and more is none. Looking it up is the cheapest way,
/// and this is done for every delivery.
const VALUES: [u8; 256] = values();
/// Publisher, number and time: 8, 8 and 16 digits.
const FIELDS: usize = 32;

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which publisher of the run.
    pub(crate) publisher: u32,
    /// Which of its messages, from 0.
    pub(crate) number: u32,
    /// When it was due, in nanoseconds since the run began.
    pub(crate) due: u64,
}

/// Finds texts in what a server says.
pub(crate) struct Reader {
    marker: Finder<'static>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            marker: Finder::new(MARKER),
        }
    }

    /// The next text from this place on, and where to look for another one.
    #[inline]
    pub(crate) fn next(&self, bytes: &[u8], from: usize) -> Option<(Said, usize)> {
        let rest = bytes.get(from..)?;
        // A frame holds one text as a rule, so what is left is too short for one more.
        if rest.len() < LENGTH {
            return None;
        }
        let start = self.marker.find(rest)? + MARKER.len();
        let fields: &[u8; FIELDS] = rest.get(start..start + FIELDS)?.try_into().ok()?;
        let said = Said {
            publisher: u32::try_from(hex(&fields[..8])?).ok()?,
            number: u32::try_from(hex(&fields[8..16])?).ok()?,
            due: hex(&fields[16..])?,
        };
        Some((said, from + start + LENGTH - MARKER.len()))
    }
}

const fn values() -> [u8; 256] {
    let mut values = [16; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}

#[inline]
fn hex(digits: &[u8]) -> Option<u64> {
    let (mut number, mut seen) = (0_u64, 0);
    for digit in digits {
        let value = VALUES[usize::from(*digit)];
        seen |= value;
        number = number << 4 | u64::from(value & 15);
    }
    (seen < 16).then_some(number)
}

/// Writes a number over the bytes it is given, with leading zeros.
pub(crate) fn write_hex(out: &mut [u8], mut number: u64) {
    for place in out.iter_mut().rev() {
        *place = DIGITS[(number & 15) as usize];
        number >>= 4;
    }
}

/// A text of this publisher with nothing said yet.
pub(crate) fn blank(publisher: u32) -> Vec<u8> {
    let mut text = MARKER.to_vec();
    text.resize(LENGTH, b'x');
    let start = MARKER.len();
    write_hex(&mut text[start..start + 8], u64::from(publisher));
    text
}

/// Writes number and time into a text that lies at the start of some bytes.
pub(crate) fn stamp(text: &mut [u8], number: u32, due: u64) {
    let start = MARKER.len() + 8;
    write_hex(&mut text[start..start + 8], u64::from(number));
    write_hex(&mut text[start + 8..start + 24], due);
}

/// Where the text lies in a frame that was built around it.
pub(crate) fn place(frame: &[u8]) -> Option<usize> {
    memchr::memmem::find(frame, MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(publisher: u32, number: u32, due: u64) -> Vec<u8> {
        let mut text = blank(publisher);
        stamp(&mut text, number, due);
        assert_eq!(text.len(), LENGTH);
        text
    }

    #[test]
    fn a_text_is_found_in_whatever_surrounds_it() {
        let said = Said {
            publisher: 7,
            number: u32::MAX,
            due: 1 << 60,
        };
        let mut frame = br#"{"type":"message","key":"~hub","text":""#.to_vec();
        frame.extend(text(7, u32::MAX, 1 << 60));
        frame.extend(br#""}"#);
        let (found, end) = Reader::new().next(&frame, 0).unwrap();
        assert_eq!(found, said);
        assert_eq!(&frame[end..], br#""}"#);
        assert_eq!(Reader::new().next(&frame, end), None);
    }

    #[test]
    fn a_frame_may_hold_several_texts() {
        let frame = [text(1, 2, 3), b",".to_vec(), text(4, 5, 6)].concat();
        let reader = Reader::new();
        let (first, end) = reader.next(&frame, 0).unwrap();
        let (second, _) = reader.next(&frame, end).unwrap();
        assert_eq!((first.publisher, second.publisher), (1, 4));
        assert_eq!((second.number, second.due), (5, 6));
    }

    #[test]
    fn other_frames_hold_none() {
        let reader = Reader::new();
        let long = "y".repeat(300);
        let cut = format!("~hubbub:{}", "z".repeat(200));
        for frame in ["", "{}", "~hubbub:", &long, &cut] {
            assert_eq!(reader.next(frame.as_bytes(), 0), None, "{frame}");
        }
    }
}
