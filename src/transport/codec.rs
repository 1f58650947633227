//! WebSocket frames of a client, as RFC 6455 writes them.
//!
//! Our own, because of what a library cannot give: no byte of memory for a
//! client that is silent, and frames to clients that are finished once and
//! written by whoever delivers them. Pure: bytes in, messages out.

use bytes::{Buf, BytesMut};

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// Wants a pong with the same bytes.
    Ping(Vec<u8>),
    /// Answers a ping, or says unasked that it lives.
    Pong,
    /// Goes, with this code if it gave one.
    Close(Option<u16>),
}

/// Why a client is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not keep to the protocol.
    #[error("this is no frame of a WebSocket client")]
    Protocol,
    /// A text is not UTF-8.
    #[error("a text message is UTF-8")]
    Utf8,
    /// A message is larger than the limit.
    #[error("this message is too big")]
    TooBig,
}

impl Fault {
    /// The close code of the protocol for it.
    pub const fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Utf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// Takes frames out of what was read. Holds nothing between messages.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// Read, and not a whole frame yet.
    rest: BytesMut,
    /// The parts of a message that came in several frames.
    open: Option<Box<Open>>,
}

#[derive(Debug)]
struct Open {
    is_text: bool,
    bytes: Vec<u8>,
    /// So many bytes are known to be whole characters.
    checked: usize,
    /// So many more frames may follow, however short they are.
    frames_left: usize,
}

impl Open {
    /// Refuses a text that cannot become UTF-8 any more; a character may still
    /// be cut in two at the end.
    fn check(&mut self) -> Result<(), Fault> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_some() => return Err(Fault::Utf8),
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }
}

/// The head of a frame.
struct Head {
    is_last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Of the head itself.
    length: usize,
    payload: usize,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The most bytes of a control frame.
const CONTROL_BYTES: usize = 125;

impl Decoder {
    /// A decoder for messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            rest: BytesMut::new(),
            open: None,
        }
    }

    /// Takes what was read.
    pub fn feed(&mut self, read: &[u8]) {
        self.rest.extend_from_slice(read);
    }

    /// The next message, if a whole one has been read.
    pub fn next_message(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            let Some(head) = self.head()? else {
                return Ok(None);
            };
            if self.rest.len() < head.length + head.payload {
                return Ok(None);
            }
            self.rest.advance(head.length);
            let mut payload = self.rest.split_to(head.payload);
            unmask(&mut payload, head.mask);
            if self.rest.is_empty() {
                // Memory goes back: most clients are silent for a long time.
                self.rest = BytesMut::new();
            }
            if let Some(message) = self.take(&head, &payload)? {
                return Ok(Some(message));
            }
        }
    }

    /// Reads the head of the next frame and refuses what must not come, before
    /// its payload is waited for.
    fn head(&self) -> Result<Option<Head>, Fault> {
        let [first, second, ..] = self.rest[..] else {
            return Ok(None);
        };
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0F);
        let is_control = opcode & 0x08 != 0;
        let has_extension_bits = first & 0x70 != 0;
        let is_known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        let is_masked = second & 0x80 != 0;
        let short = usize::from(second & 0x7F);
        if has_extension_bits
            || !is_known
            || !is_masked
            || (is_control && (!is_last || short > CONTROL_BYTES))
            || (opcode == CONTINUATION) != (self.open.is_some() && !is_control)
        {
            return Err(Fault::Protocol);
        }
        let Some((payload, before_mask)) = self.length(short)? else {
            return Ok(None);
        };
        let so_far = self.open.as_ref().map_or(0, |open| open.bytes.len());
        if !is_control && so_far.saturating_add(payload) > self.limit {
            return Err(Fault::TooBig);
        }
        let Some(mask) = self.rest.get(before_mask..before_mask + 4) else {
            return Ok(None);
        };
        Ok(Some(Head {
            is_last,
            opcode,
            mask: [mask[0], mask[1], mask[2], mask[3]],
            length: before_mask + 4,
            payload,
        }))
    }

    /// The payload's length, and where the mask begins.
    fn length(&self, short: usize) -> Result<Option<(usize, usize)>, Fault> {
        let wide = |bytes: usize| {
            let field = self.rest.get(2..2 + bytes)?;
            let value = field
                .iter()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            Some((value, 2 + bytes))
        };
        let found = match short {
            126 => wide(2),
            127 => wide(8),
            short => Some((short as u64, 2)),
        };
        let Some((value, mask_at)) = found else {
            return Ok(None);
        };
        if value > i64::MAX as u64 {
            return Err(Fault::Protocol);
        }
        let payload = usize::try_from(value).map_err(|_| Fault::TooBig)?;
        Ok(Some((payload, mask_at)))
    }

    fn take(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Message>, Fault> {
        match head.opcode {
            PING => Ok(Some(Message::Ping(payload.to_vec()))),
            PONG => Ok(Some(Message::Pong)),
            CLOSE => close(payload).map(Some),
            CONTINUATION => self.go_on(head.is_last, payload),
            opcode => {
                let is_text = opcode == TEXT;
                if head.is_last {
                    return message(is_text, payload.to_vec()).map(Some);
                }
                let mut open = Box::new(Open {
                    is_text,
                    bytes: payload.to_vec(),
                    checked: 0,
                    frames_left: self.limit,
                });
                open.check()?;
                self.open = Some(open);
                Ok(None)
            }
        }
    }

    fn go_on(&mut self, is_last: bool, payload: &[u8]) -> Result<Option<Message>, Fault> {
        let Some(open) = &mut self.open else {
            return Err(Fault::Protocol);
        };
        open.bytes.extend_from_slice(payload);
        open.frames_left = open.frames_left.checked_sub(1).ok_or(Fault::TooBig)?;
        if !is_last {
            open.check()?;
            return Ok(None);
        }
        match self.open.take() {
            Some(open) => message(open.is_text, open.bytes).map(Some),
            None => Err(Fault::Protocol),
        }
    }
}

fn message(is_text: bool, bytes: Vec<u8>) -> Result<Message, Fault> {
    if is_text {
        let text = String::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
        Ok(Message::Text(text))
    } else {
        Ok(Message::Binary(bytes))
    }
}

fn close(payload: &[u8]) -> Result<Message, Fault> {
    match *payload {
        [] => Ok(Message::Close(None)),
        [_] => Err(Fault::Protocol),
        [high, low, ref reason @ ..] => {
            let code = u16::from_be_bytes([high, low]);
            let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            if !may_be_sent {
                return Err(Fault::Protocol);
            }
            std::str::from_utf8(reason).map_err(|_| Fault::Utf8)?;
            Ok(Message::Close(Some(code)))
        }
    }
}

/// Takes the mask off, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// A control frame of the server.
fn control(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(CONTROL_BYTES)];
    let mut frame = Vec::with_capacity(2 + payload.len());
    frame.push(0x80 | opcode);
    // At most 125, as cut above.
    frame.push(u8::try_from(payload.len()).unwrap_or(0));
    frame.extend_from_slice(payload);
    frame
}

/// A ping of the server.
pub fn ping() -> Vec<u8> {
    control(PING, &[])
}

/// The answer to a client's ping.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    control(PONG, payload)
}

/// A close frame of the server; without a code where the client gave none.
pub fn closing(code: Option<u16>, reason: &str) -> Vec<u8> {
    let Some(code) = code else {
        return control(CLOSE, &[]);
    };
    let mut payload = code.to_be_bytes().to_vec();

    payload.extend_from_slice(reason.as_bytes());
    control(CLOSE, &payload)
}

#[cfg(test)]
mod tests;
