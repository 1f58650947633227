//! The decoder against frames as clients write them, whole, in parts and wrong.

use super::*;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xFFFF => {
            frame.push(0xFE);
            frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0xFF);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    let mut masked = payload.to_vec();
    for (index, byte) in masked.iter_mut().enumerate() {
        *byte ^= MASK[index % 4];
    }
    frame.extend_from_slice(&masked);
    frame
}

fn decode_all(bytes: &[u8]) -> Result<Vec<Message>, Fault> {
    let mut decoder = Decoder::new(100_000);
    decoder.feed(bytes);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_message()? {
        messages.push(message);
    }
    Ok(messages)
}

fn text(text: &str) -> Message {
    Message::Text(text.to_owned())
}

#[test]
fn texts_of_every_length_are_read() {
    for length in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536] {
        let sent = "x".repeat(length);
        assert_eq!(
            decode_all(&frame(0x81, sent.as_bytes())).unwrap(),
            [text(&sent)]
        );
    }
}

#[test]
fn bytes_that_come_one_by_one_make_the_same_messages() {
    let mut bytes = frame(0x81, "grüße".as_bytes());
    bytes.extend(frame(0x89, b"are you there"));
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    let mut decoder = Decoder::new(100);
    let mut messages = Vec::new();
    for byte in bytes {
        decoder.feed(&[byte]);
        while let Some(message) = decoder.next_message().unwrap() {
            messages.push(message);
        }
    }
    let ping = Message::Ping(b"are you there".to_vec());
    assert_eq!(messages, [text("grüße"), ping, Message::Close(Some(1000))]);
}

#[test]
fn a_message_in_parts_may_be_interrupted_by_control_frames() {
    let (first, second) = "grüße".as_bytes().split_at(3);
    let mut bytes = frame(0x01, first);
    bytes.extend(frame(0x8A, b""));
    bytes.extend(frame(0x00, b""));
    bytes.extend(frame(0x80, second));
    assert_eq!(decode_all(&bytes).unwrap(), [Message::Pong, text("grüße")]);
}

#[test]
fn a_silent_client_costs_no_memory() {
    let mut decoder = Decoder::new(100_000);
    decoder.feed(&frame(0x81, &[b'x'; 5_000]));
    assert!(decoder.next_message().unwrap().is_some());
    assert_eq!(decoder.rest.capacity(), 0);
    assert!(decoder.open.is_none());
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let unmasked = [0x81, 0x01, b'x'];
    let cases: [(&str, Vec<u8>); 10] = [
        ("unmasked", unmasked.to_vec()),
        ("extension bit", frame(0xC1, b"x")),
        ("reserved opcode", frame(0x83, b"x")),
        ("reserved control", frame(0x8B, b"")),
        ("control in parts", frame(0x09, b"")),
        ("long control", frame(0x89, &[0; 126])),
        ("continuation of nothing", frame(0x80, b"x")),
        (
            "new message inside another",
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        ),
        ("close with one byte", frame(0x88, &[3])),
        (
            "close with a code of the inside",
            frame(0x88, &1006_u16.to_be_bytes()),
        ),
    ];
    for (what, bytes) in cases {
        assert_eq!(decode_all(&bytes), Err(Fault::Protocol), "{what}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_as_soon_as_it_shows() {
    assert_eq!(decode_all(&frame(0x81, &[0xFF])), Err(Fault::Utf8));
    assert_eq!(decode_all(&frame(0x01, &[b'a', 0xFF])), Err(Fault::Utf8));
    let cut = [frame(0x01, &[0xC3]), frame(0x80, b"x")].concat();
    assert_eq!(decode_all(&cut), Err(Fault::Utf8));
    let mut reason = 1000_u16.to_be_bytes().to_vec();
    reason.push(0xFF);
    assert_eq!(decode_all(&frame(0x88, &reason)), Err(Fault::Utf8));
    assert!(
        decode_all(&frame(0x82, &[0xFF])).is_ok(),
        "binary may be anything"
    );
}

#[test]
fn a_message_that_is_too_big_is_refused_by_its_head() {
    let mut decoder = Decoder::new(10);
    decoder.feed(&frame(0x81, &[b'x'; 11])[..6]);
    assert_eq!(decoder.next_message(), Err(Fault::TooBig));
    let mut decoder = Decoder::new(10);
    decoder.feed(&frame(0x01, &[b'x'; 6]));
    decoder.feed(&frame(0x80, &[b'x'; 6]));
    assert_eq!(decoder.next_message(), Err(Fault::TooBig));
    let mut decoder = Decoder::new(10);
    decoder.feed(&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(decoder.next_message(), Err(Fault::Protocol));
}

#[test]
fn any_bytes_at_all_end_in_messages_or_a_fault() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..(state % 40) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.push(state.to_le_bytes()[0]);
        }
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let _ = decode_all(&bytes);
    }
}

#[test]
fn frames_of_the_server_are_short_and_not_masked() {
    assert_eq!(ping(), [0x89, 0]);
    assert_eq!(pong(b"hi"), [0x8A, 2, b'h', b'i']);
    assert_eq!(
        closing(Some(1000), "done"),
        [0x88, 6, 3, 232, b'd', b'o', b'n', b'e']
    );
    assert_eq!(closing(None, ""), [0x88, 0]);
    assert_eq!(pong(&[0; 200]).len(), 127);
}
