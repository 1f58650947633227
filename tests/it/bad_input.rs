//! What nobody should send, and what it is answered with. The connection goes
//! on, or closes with the code that the protocol names.

use hubbub_cluster::Description;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::cases,
    http::{Person, fresh_room},
};

cases! {
    frames_in_requests_are_counted_like_those_of_a_socket;
    text_that_is_not_json_is_named_and_the_socket_stays;
    three_bad_frames_in_a_row_end_the_socket;
    each_wrong_field_has_its_own_code_on_both_transports;
    a_text_that_is_too_long_is_refused_and_nothing_is_lost;
    a_frame_beyond_the_limit_ends_the_socket_with_1009;
    a_body_beyond_the_limit_is_413;
    bad_polls_are_named;
    who_sends_too_fast_is_told_when_to_go_on;
    changes_count_as_sends;
    an_unknown_address_is_a_json_404;
    an_address_that_names_no_room_is_the_page;
}

async fn in_a_room(world: &Description) -> (Client, String) {
    let room = fresh_room("bad");
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    (ada, room)
}

async fn text_that_is_not_json_is_named_and_the_socket_stays(world: &Description) {
    let (mut ada, room) = in_a_room(world).await;
    for text in ["{", "[1]", "nonsense"] {
        ada.say_text(text);
        let error = ada.hears(|frame| frame["type"] == "error").await;
        assert_eq!(error["code"], "bad_json");
        // A good frame in between: the count of bad ones begins anew.
        ada.say(&room, "still here").await;
    }
}

async fn three_bad_frames_in_a_row_end_the_socket(world: &Description) {
    let (mut ada, _) = in_a_room(world).await;
    for _ in 0..3 {
        ada.say_text("{");
    }
    assert_eq!(ada.is_closed().await.0, Some(4400));
}

async fn each_wrong_field_has_its_own_code_on_both_transports(world: &Description) {
    let cases: [(&str, Value); 12] = [
        ("unknown_type", json!({"type": "fly"})),
        ("bad_field", json!({"type": "join"})),
        ("bad_room_name", json!({"type": "join", "room": "a{b}"})),
        ("bad_room_name", json!({"type": "join", "room": "a*"})),
        ("bad_room_name", json!({"type": "join", "room": "a\u{0}b"})),
        ("bad_room_name", json!({"type": "join", "room": "!control"})),
        (
            "bad_position",
            json!({"type": "join", "room": "a", "after": "now"}),
        ),
        (
            "bad_position",
            json!({"type": "join", "room": "a", "after": "-1-2"}),
        ),
        (
            "bad_field",
            json!({"type": "history", "room": "a", "limit": 1000}),
        ),
        (
            "bad_field",
            json!({"type": "send", "room": "lobby", "key": "a b", "text": "x"}),
        ),
        (
            "bad_field",
            json!({"type": "send", "room": "lobby", "key": "k", "text": "  "}),
        ),
        (
            "bad_field",
            json!({"type": "send", "room": "lobby", "key": "k", "text": 7}),
        ),
    ];
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        ada.join("lobby").await;
        for (code, frame) in &cases {
            let error = ada.ask(frame).await;
            assert_eq!(error["type"], "error");
            assert_eq!(error["code"], json!(code), "{frame}");
            assert!(!error["message"].as_str().unwrap().is_empty());
        }
    }
}

async fn a_text_that_is_too_long_is_refused_and_nothing_is_lost(world: &Description) {
    let (mut ada, room) = in_a_room(world).await;
    for text in ["x".repeat(4_001), "\u{1F600}".repeat(2_049)] {
        let frame = json!({"type": "send", "room": room, "key": "long", "text": text});
        assert_eq!(ada.ask(&frame).await["code"], "text_too_long");
    }
    ada.say_as(&room, "long", &"x".repeat(4_000)).await;
}

async fn a_frame_beyond_the_limit_ends_the_socket_with_1009(world: &Description) {
    for bytes in [33 * 1024, 1024 * 1024] {
        let (mut ada, _) = in_a_room(world).await;
        ada.say_text(&"x".repeat(bytes));
        assert_eq!(ada.is_closed().await.0, Some(1009), "{bytes} bytes");
    }
}

async fn a_body_beyond_the_limit_is_413(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let big = json!({"frames": [], "filler": "x".repeat(1024 * 1024)});
    for path in ["/api/v1/frames", "/api/v1/poll", "/api/v1/session"] {
        let (status, body) = ada.post(path, &big).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (413, &json!("too_big")),
            "{path}"
        );
    }
}

async fn bad_polls_are_named(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    for (code, body) in [
        ("bad_room_name", json!({"rooms": {"a{b}": null}})),
        ("bad_position", json!({"rooms": {"lobby": "x"}})),
        ("bad_position", json!({"rooms": {"lobby": 7}})),
        ("bad_position", json!({"rooms": {}, "control": "x"})),
        ("bad_field", json!({"rooms": []})),
        ("bad_field", json!({"rooms": {}, "hold_ms": -1})),
        ("bad_field", json!({"rooms": {}, "connection": 5})),
    ] {
        let (status, answer) = ada.post("/api/v1/poll", &body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    let (status, _) = ada.post("/api/v1/frames", &json!({})).await;
    assert_eq!(status, 400);
}

async fn who_sends_too_fast_is_told_when_to_go_on(world: &Description) {
    // Every world allows 1,000, and few after that.
    let room = fresh_room("fast");
    let person = Person::sign_in(&world.instances[0].url, "Ada").await;
    let frames: Vec<_> = (0..100)
        .map(|count| json!({"type": "send", "room": room, "key": format!("k{count}"), "text": "x"}))
        .collect();
    is_refused_in_the_end(&person, &frames, 15).await;
}

async fn changes_count_as_sends(world: &Description) {
    let room = fresh_room("fickle");
    let person = Person::sign_in(&world.instances[0].url, "Ada").await;
    let send = json!({"frames": [{"type": "send", "room": room, "key": "k", "text": "x"}]});
    let (_, answer) = person.post("/api/v1/frames", &send).await;
    let target = &answer["frames"][0]["position"];
    let frames: Vec<_> = (0..100)
        .map(|count| {
            json!({"type": "react", "room": room, "key": format!("r{count}"), "target": target,
                   "emoji": "👍", "on": count % 2 == 0})
        })
        .collect();
    is_refused_in_the_end(&person, &frames, 15).await;
}

async fn frames_in_requests_are_counted_like_those_of_a_socket(world: &Description) {
    // The limit is on each instance: behind the balancer both fill up.
    let person = Person::sign_in(&world.url, "Ada").await;
    let frames: Vec<_> = (0..100).map(|_| json!({"type": "ping"})).collect();
    is_refused_in_the_end(&person, &frames, 400).await;
}

/// Sends the same frames again and again until one is refused as too fast.
async fn is_refused_in_the_end(person: &Person, frames: &[Value], most: usize) {
    for _ in 0..most {
        let body = json!({"frames": frames});
        let (status, answer) = person.post("/api/v1/frames", &body).await;
        assert_eq!(status, 200, "{answer}");
        let replies = answer["frames"].as_array().unwrap();
        if let Some(refused) = replies.iter().find(|reply| reply["type"] == "error") {
            assert_eq!(refused["code"], "rate_limited");
            assert!(refused["retry_after_ms"].as_u64().unwrap() > 0);
            return;
        }
    }
    panic!("the limit is never reached");
}

async fn an_unknown_address_is_a_json_404(world: &Description) {
    let person = Person::stranger(&world.url);
    for path in ["/nothing", "/a/000000000000/js/main.js", "/api/v1/nothing"] {
        let (status, _) = person.get(path).await;
        assert_eq!(status, 404, "{path}");
    }
}

async fn an_address_that_names_no_room_is_the_page(world: &Description) {
    let person = Person::stranger(&world.url);
    for path in ["/r/", "/r/a/b", "/r/x!", "/r/book%20club", "/r/B%C3%BCcher"] {
        let answer = person.request(Method::GET, path, None).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.starts_with("<!doctype html>"), "{path}: {page}");
    }
}
