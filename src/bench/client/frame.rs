//! WebSocket frames as a client sees them: what it writes is masked (with zero,
//! which costs nothing), what it reads is not.

/// The bit that says that a mask follows.
const MASKED: u8 = 0x80;
/// Instead of a length: it follows in two bytes.
const SHORT_LENGTH: u8 = 0x7e;
/// Instead of a length: it follows in eight bytes.
const LONG_LENGTH: u8 = 0x7f;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Text,
    Close,
    Ping,
    Pong,
    /// A fragment or a binary message: the server never writes one.
    Other,
}

/// A frame at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// A whole frame, and how many bytes it took.
    Whole(Opcode, &'a [u8], usize),
    /// Not all of it is there yet.
    Part,
    /// No frame of a server.
    Bad,
}

/// Reads the frame at the start of some bytes.
pub(super) fn read(bytes: &[u8]) -> Read<'_> {
    let [first, second, ..] = bytes else {
        return Read::Part;
    };
    if second & MASKED != 0 || first & 0x70 != 0 {
        return Read::Bad;
    }
    let (head, length): (usize, u64) = match *second {
        SHORT_LENGTH => match bytes.get(2..4).and_then(|rest| rest.first_chunk()) {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Read::Part,
        },
        LONG_LENGTH => match bytes.get(2..10).and_then(|rest| rest.first_chunk()) {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Read::Part,
        },
        short => (2, u64::from(short)),
    };
    let Ok(length) = usize::try_from(length) else {
        return Read::Bad;
    };
    let Some(payload) = bytes.get(head..head.saturating_add(length)) else {
        return Read::Part;
    };
    let opcode = match first {
        0x81 => Opcode::Text,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        _ => Opcode::Other,
    };
    Read::Whole(opcode, payload, head + length)
}

/// Writes a frame.
pub(super) fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.push(match opcode {
        Opcode::Text => 0x81,
        Opcode::Close => 0x88,
        Opcode::Ping => 0x89,
        Opcode::Pong => 0x8a,
        Opcode::Other => 0x82,
    });
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < SHORT_LENGTH => out.push(MASKED | length),
        (_, Ok(length)) => {
            out.push(MASKED | SHORT_LENGTH);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(MASKED | LONG_LENGTH);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend_from_slice(payload);
}

/// The code and the reason of a close frame.
pub(super) fn close_code(payload: &[u8]) -> (u16, &[u8]) {
    match payload.split_first_chunk() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None => (1005, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would send: the same without the mask.
    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, payload);
        let head = out.len() - payload.len();
        out.drain(head - 4..head);
        out[1] &= 0x7f;
        out
    }

    #[test]
    fn frames_of_every_length_are_read_once_they_are_whole() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = unmasked(&payload);
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                if cut < bytes.len() {
                    assert_eq!(read(&bytes[..cut]), Read::Part, "{cut} of {length}");
                }
            }
            let size = bytes.len();
            assert_eq!(read(&bytes), Read::Whole(Opcode::Text, &payload, size));
        }
    }

    #[test]
    fn a_masked_frame_is_not_of_a_server() {
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, b"hi");
        assert_eq!(read(&out), Read::Bad);
    }

    #[test]
    fn a_close_frame_has_a_code_and_a_reason() {
        assert_eq!(close_code(b"\x03\xf4later"), (1012, &b"later"[..]));
        assert_eq!(close_code(b""), (1005, &b""[..]));
    }
}
