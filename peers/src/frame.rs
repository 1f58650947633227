//! WebSocket frames: as much of RFC 6455 as a server and a generator need that
//! only ever see small, whole messages. Also the answer to a handshake.

use sha1::{Digest as _, Sha1};

/// A text message.
pub(crate) const TEXT: u8 = 1;
/// The end of a connection.
pub(crate) const CLOSE: u8 = 8;
/// Are you there?
pub(crate) const PING: u8 = 9;
/// Yes.
pub(crate) const PONG: u8 = 10;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A length that says that the real one follows in two bytes, and in eight.
const MIDDLE: u8 = 0x7e;
const LONG: u8 = 0x7f;
const HANDSHAKE_ID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Where the payload of a frame lies, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Where the payload begins.
    pub(crate) start: usize,
    /// Where the frame ends.
    pub(crate) end: usize,
}

/// The first frame in some bytes, if all of it is there.
#[inline]
pub(crate) fn first(bytes: &[u8]) -> Option<Head> {
    let (&opcode, &length) = (bytes.first()?, bytes.get(1)?);
    let (length, mut start) = match length & 0x7f {
        MIDDLE => (usize::from(u16::from_be_bytes(read(bytes, 2)?)), 4),
        LONG => (
            usize::try_from(u64::from_be_bytes(read(bytes, 2)?)).ok()?,
            10,
        ),
        short => (usize::from(short), 2),
    };
    let mask = if bytes[1] & 0x80 == 0 {
        None
    } else {
        start += 4;
        Some(read(bytes, start - 4)?)
    };
    let end = start.checked_add(length)?;
    (bytes.len() >= end).then_some(Head {
        opcode: opcode & 0x0f,
        mask,
        start,
        end,
    })
}

#[inline]
fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Appends a frame of a server.
pub(crate) fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame of a client. The mask is zero: it is one as good as any, and
/// costs the generator nothing.
pub(crate) fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

fn write_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < MIDDLE) {
        out.push(masked | short);
    } else if let Ok(middle) = u16::try_from(length) {
        out.push(masked | MIDDLE);
        out.extend_from_slice(&middle.to_be_bytes());
    } else {
        out.push(masked | LONG);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// What a server answers to the key of a handshake.
pub(crate) fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(HANDSHAKE_ID);
    base64(&hash.finalize())
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > three.len() {
                out.push('=');
            } else {
                let digit = (bits >> (18 - 6 * place)) & 63;
                out.push(char::from(ALPHABET[digit as usize]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let (mut plain, mut masked) = (Vec::new(), Vec::new());
            write(&mut plain, TEXT, &payload);
            write_masked(&mut masked, PING, &payload);
            let head = first(&plain).unwrap();
            assert_eq!(
                (head.opcode, head.mask, head.end),
                (TEXT, None, plain.len())
            );
            assert_eq!(&plain[head.start..head.end], payload);
            let head = first(&masked).unwrap();
            assert_eq!((head.opcode, head.mask), (PING, Some([0; 4])));
            assert_eq!(head.end, masked.len());
        }
    }

    #[test]
    fn a_part_of_a_frame_is_none() {
        let mut frame = Vec::new();
        write_masked(&mut frame, TEXT, &[b'x'; 300]);
        for length in 0..frame.len() {
            assert_eq!(first(&frame[..length]), None, "{length}");
        }
        frame.push(0x81);
        assert_eq!(first(&frame).unwrap().end, frame.len() - 1);
    }

    #[test]
    fn a_length_beyond_all_memory_is_no_frame() {
        let mut bytes = vec![0x81, 127];
        bytes.extend_from_slice(&[0xff; 20]);
        assert_eq!(first(&bytes), None);
    }

    #[test]
    fn the_handshake_of_the_standard_is_answered_as_it_says() {
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
