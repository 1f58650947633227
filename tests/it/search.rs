//! Looking for words, over both transports and by HTTP, and through long logs of
//! both brokers a part at a time.

use std::sync::Arc;

use hubbub::{
    broker::{DedupeKey, Draft},
    chat::{commands::search, hub::Hub},
    protocol::{
        entry::{Fields, Kind},
        position::Position,
        user::User,
    },
    shutdown::Shutdown,
};
use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::{
    hub::settings,
    support::{
        changes::say,
        chat::{ada, brisk, room},
        client::{BOTH, Client, Via, texts},
        cluster::cases,
        http::{Person, fresh_room},
        pair::Pair,
    },
};

cases! {
    words_are_found_newest_first_over_every_way_to_ask;
    what_cannot_be_looked_for_is_refused;
}

async fn words_are_found_newest_first_over_every_way_to_ask(world: &Description) {
    let (room, other) = (fresh_room("search"), fresh_room("search"));
    let mut ada = Client::enter(&world.url, "Ada", Via::WebSocket).await;
    let mut ben = Client::enter(&world.url, "Ben", Via::WebSocket).await;
    for client in [&mut ada, &mut ben] {
        client.join(&room).await;
        client.join(&other).await;
    }
    ada.say(&room, "Tea at five").await;
    ben.say(&room, "No tea for me, COFFEE").await;
    ada.say(&other, "tea elsewhere").await;
    ada.say(&room, "Then coffee and Téa").await;
    ada.say(&room, "100 %_* \\ \"quoted\"").await;
    let from_ada = format!("from:{} tea", ada.person.name.replace(' ', ""));
    let cases: [(&str, &[&str]); 8] = [
        (
            "tea",
            &[
                "Then coffee and Téa",
                "No tea for me, COFFEE",
                "Tea at five",
            ],
        ),
        (
            "coffee TEA",
            &["Then coffee and Téa", "No tea for me, COFFEE"],
        ),
        (&from_ada, &["Then coffee and Téa", "Tea at five"]),
        ("ben coffee", &["No tea for me, COFFEE"]),
        ("tea cocoa", &[]),
        ("%_*", &["100 %_* \\ \"quoted\""]),
        ("\"quoted\"", &["100 %_* \\ \"quoted\""]),
        ("\"text\"", &[]),
    ];
    for via in BOTH {
        // Whoever may join may look, without being there.
        let mut eve = Client::enter(&world.url, "Eve", via).await;
        for (query, expected) in &cases {
            let frame = json!({"type": "search", "room": room, "query": query});
            let found = eve.ask(&frame).await;
            assert_eq!(found["type"], "found", "{found}");
            let messages = found["messages"].as_array().unwrap();
            assert_eq!(texts(messages), *expected, "{query}");
            assert!(messages.iter().all(|message| message["type"] == "message"));
            assert_eq!((&found["more"], found.get("before")), (&json!(false), None));
            let query = query
                .replace('%', "%25")
                .replace(' ', "%20")
                .replace('"', "%22");
            let path = format!("/api/v1/rooms/{room}/search?q={query}&limit=50");
            let (status, answer) = eve.person.get(&path).await;
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["messages"], found["messages"]);
            assert_eq!(answer["more"], false);
        }
        let frame = |before: &Value| json!({"type": "search", "room": room, "query": "tea", "limit": 2, "before": before});
        let first = eve.ask(&frame(&Value::Null)).await;
        assert_eq!(texts(first["messages"].as_array().unwrap()).len(), 2);
        assert_eq!(first["more"], true);
        assert_eq!(first["before"], first["messages"][1]["position"]);
        let rest = eve.ask(&frame(&first["before"])).await;
        assert_eq!(texts(rest["messages"].as_array().unwrap()), ["Tea at five"]);
    }
}

async fn what_cannot_be_looked_for_is_refused(world: &Description) {
    let long = "x".repeat(101);
    for via in BOTH {
        let mut ada = Client::enter(&world.url, "Ada", via).await;
        for (frame, code) in [
            (
                json!({"type": "search", "room": "lobby", "query": ""}),
                "bad_field",
            ),
            (
                json!({"type": "search", "room": "lobby", "query": "  "}),
                "bad_field",
            ),
            (
                json!({"type": "search", "room": "lobby", "query": "from:"}),
                "bad_field",
            ),
            (
                json!({"type": "search", "room": "lobby", "query": long}),
                "bad_field",
            ),
            (json!({"type": "search", "room": "lobby"}), "bad_field"),
            (
                json!({"type": "search", "room": "lobby", "query": "x", "limit": 51}),
                "bad_field",
            ),
            (
                json!({"type": "search", "room": "lobby", "query": "x", "before": "y"}),
                "bad_position",
            ),
            (
                json!({"type": "search", "room": "LOBBY", "query": "x"}),
                "bad_room_name",
            ),
        ] {
            assert_eq!(ada.ask(&frame).await["code"], code, "{frame}");
        }
    }
    let ada = Person::sign_in(&world.url, "Ada").await;
    for (query, status) in [
        ("", 400),
        ("?q=", 400),
        ("?q=x&limit=51", 400),
        ("?q=x&before=y", 400),
        ("?q=x", 200),
    ] {
        let path = format!("/api/v1/rooms/lobby/search{query}");
        assert_eq!(ada.get(&path).await.0, status, "{query}");
    }
}

/// Each answer has looked at a part of the log, and says where to go on.
async fn a_long_log_is_looked_through_a_part_at_a_time(pair: Pair) {
    let den = room("den");
    let say = |n: usize| {
        let text = match n {
            3 => "the needle",
            4_000 => "another needle",
            _ => "hay",
        };
        let draft = Draft {
            kind: Kind::Message,
            fields: Fields::of(&json!({"key": format!("k{n}"), "from": ada(), "text": text})),
            key: Some(DedupeKey {
                user_id: ada().id,
                key: format!("k{n}").parse().unwrap(),
            }),
            may_create: true,
        };
        pair.one.append(&den, draft)
    };
    for from in (0..5_000).step_by(1_000) {
        let said = futures_util::future::join_all((from..from + 1_000).map(say)).await;
        assert!(said.into_iter().all(|appended| appended.is_ok()));
    }
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&pair.other), settings(), &shutdown);
    let (found, answers) = look_to_the_end(&hub, "Needle").await;
    assert_eq!(found, ["another needle", "the needle"]);
    assert_eq!(answers, 3, "of 2,000 each");
    // Many are found at once, and no more than were asked for.
    let (hay, next) = look(&hub, "hay", None).await;
    assert_eq!((hay.len(), next.is_some()), (50, true));
    let head = pair.one.status(&den).await.unwrap().head;
    assert_eq!(next.unwrap().seq, head.seq - 49);
}

/// What takes long to look through is looked through a little at a time.
async fn large_messages_are_looked_through_by_their_bytes(pair: Pair) {
    let den = room("den");
    // Nothing grows more than this when it is folded.
    let hay = "\u{fdfa}".repeat(2_700);
    for n in 0..400 {
        let text = if n == 5 { "the needle" } else { &hay };
        say(&*pair.one, &den, &ada(), &format!("k{n}"), text).await;
    }
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&pair.other), settings(), &shutdown);
    let (found, answers) = look_to_the_end(&hub, "needle").await;
    assert_eq!(found, ["the needle"]);
    // 400 messages of 8 KiB, and one MiB at a time.
    assert_eq!(answers, 4);
}

/// Looks further until nothing is left: what was found, and in how many answers.
async fn look_to_the_end(hub: &Arc<Hub>, words: &str) -> (Vec<String>, usize) {
    let (mut found, mut before, mut answers) = (Vec::new(), None, 0);
    loop {
        let (some, next) = look(hub, words, before).await;
        found.extend(some);
        answers += 1;
        let Some(next) = next else {
            return (found, answers);
        };
        assert!(before.is_none_or(|before| next < before), "it goes on");
        before = Some(next);
    }
}

async fn look(
    hub: &Arc<Hub>,
    words: &str,
    before: Option<Position>,
) -> (Vec<String>, Option<Position>) {
    let eve = User::new("u9", "Eve");
    let found = search::search(hub, &eve, &room("den"), words, before, 50).await;
    let found = found.unwrap();
    let messages = serde_json::to_value(&found.messages).unwrap();
    (texts(messages.as_array().unwrap()), found.before)
}

mod brokers {
    use super::{
        a_long_log_is_looked_through_a_part_at_a_time, brisk,
        large_messages_are_looked_through_by_their_bytes,
    };

    for_every_broker! {
        brisk:
        a_long_log_is_looked_through_a_part_at_a_time,
        large_messages_are_looked_through_by_their_bytes,
    }
}
