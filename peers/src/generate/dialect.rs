//! What a client says in each dialect: its request, what follows until it is
//! there, and the frame that publishes.

use serde_json::json;

use super::text;
use crate::{
    frame,
    plan::{Dialect, Plan, Presence},
};

/// A frame that publishes, built once: only number and time change.
pub(crate) struct Template {
    frame: Vec<u8>,
    /// Where the text lies.
    text: usize,
    /// Where the number lies in the send key.
    key: Option<usize>,
}

/// A key ends with eight digits that follow this.
const KEY: &[u8] = b"-number-";

impl Template {
    /// The frame of a publisher in a room.
    pub(crate) fn new(dialect: Dialect, room: usize, publisher: u32) -> Self {
        let blank = text::blank(publisher);
        let said = String::from_utf8_lossy(&blank);
        let payload = match dialect {
            Dialect::Raw => said.into_owned(),
            Dialect::Hubbub => {
                let key = format!("p{publisher}-number-00000000");
                json!({"type": "send", "room": room_name(room), "key": key, "text": said})
                    .to_string()
            }
            Dialect::SocketIo => format!(r#"42["m","{said}"]"#),
        };
        let mut frame = Vec::new();
        frame::write_masked(&mut frame, frame::TEXT, payload.as_bytes());
        let text = text::place(&frame).unwrap_or_default();
        let key = memchr::memmem::find(&frame, KEY).map(|start| start + KEY.len());
        Self { frame, text, key }
    }

    /// The frame with this number and time.
    pub(crate) fn stamped(&mut self, number: u32, due: u64) -> &[u8] {
        text::stamp(&mut self.frame[self.text..], number, due);
        if let Some(key) = self.key {
            text::write_hex(&mut self.frame[key..key + 8], u64::from(number));
        }
        &self.frame
    }
}

/// The name of a room in hubbub and Socket.IO.
pub(crate) fn room_name(room: usize) -> String {
    format!("r{room}")
}

/// The request that opens a WebSocket.
pub(crate) fn upgrade(plan: &Plan, member: usize, credentials: &[String]) -> Vec<u8> {
    let room = plan.room_of(member);
    let host = plan.targets[member % plan.targets.len()];
    let own = (!credentials.is_empty()).then(|| &credentials[member % credentials.len()]);
    let (path, headers) = match plan.dialect {
        Dialect::Raw => (format!("/room/{room}"), String::new()),
        Dialect::SocketIo => (
            format!(
                "/socket.io/?EIO=4&transport=websocket&room={}",
                room_name(room)
            ),
            String::new(),
        ),
        Dialect::Hubbub => match (own, &plan.credentials) {
            (Some(cookie), crate::plan::Credentials::Cookies(_)) => (
                "/ws".to_owned(),
                format!("Cookie: {cookie}\r\nOrigin: http://{host}\r\n"),
            ),
            (Some(token), _) => (format!("/ws?token={token}"), String::new()),
            (None, _) => ("/ws".to_owned(), String::new()),
        },
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// What a client does next while it comes in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It waits.
    Wait,
    /// It sends this and waits.
    Say(String),
    /// It is there.
    There,
    /// It was refused.
    Refused(String),
}

/// After the handshake.
pub(crate) fn upgraded(dialect: Dialect, presence: Presence, room: usize) -> Step {
    match (dialect, presence) {
        (Dialect::Hubbub, Presence::Joined) => {
            Step::Say(json!({"type": "join", "id": 1, "room": room_name(room)}).to_string())
        }
        (Dialect::Raw | Dialect::Hubbub, _) => Step::There,
        (Dialect::SocketIo, _) => Step::Wait,
    }
}

/// After a text that came before the client was there.
pub(crate) fn heard(dialect: Dialect, payload: &[u8]) -> Step {
    match dialect {
        Dialect::Raw => Step::There,
        Dialect::Hubbub if payload.starts_with(br#"{"type":"joined""#) => Step::There,
        Dialect::Hubbub if payload.starts_with(br#"{"type":"error""#) => refused(payload),
        Dialect::SocketIo if payload.starts_with(b"0{") => Step::Say("40".to_owned()),
        Dialect::SocketIo if payload == br#"42["j"]"# => Step::There,
        Dialect::SocketIo if payload.starts_with(b"44") => refused(payload),
        Dialect::Hubbub | Dialect::SocketIo => Step::Wait,
    }
}

fn refused(payload: &[u8]) -> Step {
    Step::Refused(String::from_utf8_lossy(payload).into_owned())
}

/// What to answer at once to a text that is no message, if anything.
pub(crate) fn answer(dialect: Dialect, payload: &[u8]) -> Option<&'static [u8]> {
    (dialect == Dialect::SocketIo && payload == b"2").then_some(b"3")
}

/// Whether a text acknowledges a send.
#[inline]
pub(crate) fn is_ack(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"ack""#)
}

/// Whether a text refuses something.
#[inline]
pub(crate) fn is_error(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"error""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamped_frame_says_what_it_should_in_every_dialect() {
        for dialect in [Dialect::Raw, Dialect::Hubbub, Dialect::SocketIo] {
            let mut template = Template::new(dialect, 3, 5);
            for number in [0, 77] {
                let bytes = template.stamped(number, 1_234).to_vec();
                let head = frame::first(&bytes).unwrap();
                assert_eq!((head.opcode, head.end), (frame::TEXT, bytes.len()));
                let (said, _) = text::Reader::new()
                    .next(&bytes[head.start..head.end], 0)
                    .unwrap();
                assert_eq!((said.publisher, said.number), (5, number));
                assert_eq!(said.due, 1_234);
            }
        }
    }

    #[test]
    fn each_send_to_hubbub_has_a_key_of_its_own() {
        let mut template = Template::new(Dialect::Hubbub, 3, 5);
        let mut send = |number| {
            let bytes = template.stamped(number, 0).to_vec();
            let head = frame::first(&bytes).unwrap();
            serde_json::from_slice::<serde_json::Value>(&bytes[head.start..head.end]).unwrap()
        };
        let (one, other) = (send(1), send(2));
        assert_eq!(one["key"], "p5-number-00000001");
        assert_eq!(other["key"], "p5-number-00000002");
        assert_eq!(one["room"], "r3");
        assert_eq!(one["text"].as_str().unwrap().len(), text::LENGTH);
    }

    #[test]
    fn a_client_of_socket_io_waits_until_it_has_joined() {
        let dialect = Dialect::SocketIo;
        assert_eq!(upgraded(dialect, Presence::Joined, 0), Step::Wait);
        assert_eq!(heard(dialect, b"0{}"), Step::Say("40".to_owned()));
        assert_eq!(heard(dialect, b"40{}"), Step::Wait);
        assert_eq!(heard(dialect, br#"42["j"]"#), Step::There);
        assert_eq!(answer(dialect, b"2"), Some(b"3".as_slice()));
        assert_eq!(answer(Dialect::Raw, b"2"), None);
    }
}
