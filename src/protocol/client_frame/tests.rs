//! Frames of clients, read: what they mean, and what is wrong with them.

use super::*;

fn code_of(text: &str) -> ErrorCode {
    ClientFrame::parse(text).unwrap_err().code
}

#[test]
fn a_send_is_read_with_all_its_fields() {
    let (id, frame) = ClientFrame::parse(
        r#"{"type":"send","id":7,"room":"lobby","key":"k1","text":"hi","reply_to":"5-1","future":true}"#,
    )
    .unwrap();
    assert_eq!(id, Some(FrameId::Number(7)));
    assert_eq!(
        frame,
        ClientFrame::Send {
            room: RoomName::lobby(),
            key: "k1".parse().unwrap(),
            text: "hi".to_owned(),
            reply_to: Some(Position::new(5, 1)),
        }
    );
}

#[test]
fn each_fault_has_its_own_code() {
    assert_eq!(code_of("{"), ErrorCode::BadJson);
    assert_eq!(code_of("[]"), ErrorCode::BadJson);
    assert_eq!(code_of("{}"), ErrorCode::UnknownType);
    assert_eq!(code_of(r#"{"type":"fly"}"#), ErrorCode::UnknownType);
    assert_eq!(code_of(r#"{"type":"join"}"#), ErrorCode::BadField);
    assert_eq!(
        code_of(r#"{"type":"join","room":"a{b}"}"#),
        ErrorCode::BadRoomName
    );
    assert_eq!(
        code_of(r#"{"type":"join","room":"a","after":"x"}"#),
        ErrorCode::BadPosition
    );
    assert_eq!(
        code_of(r#"{"type":"join","room":"a","after":5}"#),
        ErrorCode::BadPosition
    );
    assert_eq!(
        code_of(r#"{"type":"history","room":"a","limit":101}"#),
        ErrorCode::BadField
    );
    assert_eq!(
        code_of(r#"{"type":"send","room":"a","key":"a b","text":""}"#),
        ErrorCode::BadField
    );
    assert_eq!(
        code_of(r#"{"type":"members","room":"a","limit":0}"#),
        ErrorCode::BadField
    );
    assert_eq!(code_of(r#"{"type":"ping","id":{}}"#), ErrorCode::BadField);
}

#[test]
fn a_change_names_a_message() {
    let react =
        r#"{"type":"react","room":"lobby","key":"k1","target":"5-1","emoji":"👍","on":true}"#;
    let (_, frame) = ClientFrame::parse(react).unwrap();
    let change = Changing {
        room: RoomName::lobby(),
        key: "k1".parse().unwrap(),
        target: Position::new(5, 1),
    };
    let emoji = "👍".parse().unwrap();
    let on = true;
    assert_eq!(frame, ClientFrame::React { change, emoji, on });
    for (text, code) in [
        (
            r#"{"type":"delete","room":"a","key":"k"}"#,
            ErrorCode::BadPosition,
        ),
        (
            r#"{"type":"edit","room":"a","key":"k","target":"5-1"}"#,
            ErrorCode::BadField,
        ),
        (
            r#"{"type":"react","room":"a","key":"k","target":"5-1","emoji":"a b","on":true}"#,
            ErrorCode::BadField,
        ),
    ] {
        assert_eq!(code_of(text), code, "{text}");
    }
}

#[test]
fn a_refused_frame_keeps_its_id() {
    let bad = ClientFrame::parse(r#"{"type":"fly","id":"x"}"#).unwrap_err();
    assert_eq!(bad.id, Some(FrameId::Text("x".into())));
}
