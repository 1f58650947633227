//! What load tools that speak Primus over plain WebSockets rely on, and no
//! other client gets.

use hubbub_cluster::Description;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{
    cluster::{cases, mint},
    http::fresh_room,
    socket::{Heard, Socket},
};

cases! {
    pings_are_answered_and_other_bare_strings_are_not_taken_amiss;
    who_must_not_come_back_is_told_so_before_the_close;
    who_may_come_back_is_only_closed;
    nobody_else_is_told_in_this_dialect;
}

/// Both spellings: the tool adds the slash when its URL has a query.
const PATHS: [&str; 2] = ["primus", "primus/"];

async fn open(world: &Description, path: &str) -> Socket {
    let token = mint(world, &["--name", "Robot"]);
    let base = world.url.replacen("http", "ws", 1);
    let request = format!("{base}/{path}?token={token}").into_client_request();
    let mut socket = Socket::open_request(request.unwrap()).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["type"], "hello");
    socket
}

/// The next frame, or the code of the close.
async fn next(socket: &mut Socket) -> Result<Value, Option<u16>> {
    match socket.heard.recv().await {
        Some(Heard::Frame(frame)) => Ok(frame),
        Some(Heard::Closed(code, _)) => Err(code),
        None => Err(None),
    }
}

/// What is said up to the close, of bare strings, and the code of the close.
async fn last_words(socket: &mut Socket) -> (Vec<Value>, Option<u16>) {
    let mut words = Vec::new();
    loop {
        match next(socket).await {
            Ok(frame) if frame.is_string() => words.push(frame),
            Ok(_) => {}
            Err(code) => return (words, code),
        }
    }
}

async fn pings_are_answered_and_other_bare_strings_are_not_taken_amiss(world: &Description) {
    let room = fresh_room("primus");
    for path in PATHS {
        let mut socket = open(world, path).await;
        // More than the bad frames that end a connection.
        for text in ["", "primus::id::", "primus::ping::x", "hello", "\\u0000"] {
            socket.say_text(&format!("\"{text}\""));
        }
        socket.say_text("\"primus::ping::1732060800000\"");
        let answer = next(&mut socket).await.unwrap();
        assert_eq!(answer, "primus::pong::1732060800000", "{path}");
        socket.say(&json!({"type": "join", "id": 1, "room": room}));
        let joined = next(&mut socket).await.unwrap();
        assert_eq!(
            (&joined["type"], &joined["id"]),
            (&json!("joined"), &json!(1))
        );
    }
}

async fn who_must_not_come_back_is_told_so_before_the_close(world: &Description) {
    for path in PATHS {
        let mut socket = open(world, path).await;
        for _ in 0..3 {
            socket.say_text("{");
        }
        let told = last_words(&mut socket).await;
        assert_eq!(told, (vec![json!("primus::server::close")], Some(4400)));
    }
}

async fn who_may_come_back_is_only_closed(world: &Description) {
    let mut socket = open(world, "primus").await;
    socket.say_text(&"x".repeat(33 * 1024));
    assert_eq!(last_words(&mut socket).await, (vec![], Some(1009)));
}

async fn nobody_else_is_told_in_this_dialect(world: &Description) {
    let mut socket = open(world, "ws").await;
    for _ in 0..3 {
        socket.say_text("\"primus::ping::1\"");
    }
    assert_eq!(last_words(&mut socket).await, (vec![], Some(4400)));
}
