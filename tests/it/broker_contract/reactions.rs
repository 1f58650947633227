//! Reactions, how many there may be, and what happens to changed messages that
//! are many, old or large.

use hubbub::{
    broker::{BrokerError, BrokerSettings, What},
    protocol::{
        entry::{Entry, Kind},
        position::Position,
        user::User,
    },
};
use serde_json::json;

use crate::support::{
    changes::{change, cleo, edit, look, react, say},
    chat::{ada, bob, brisk, room, whole_log},
    pair::Pair,
};

fn short() -> BrokerSettings {
    BrokerSettings {
        history: 100,
        ..brisk()
    }
}

async fn reactions_come_and_go_in_the_order_in_which_they_were_first_set(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k1", "a").await;
    let mut keys = 0..;
    let mut set = async |who: &User, emoji: &str, on: bool| {
        let key = format!("r{}", keys.next().unwrap());
        let changed = pair
            .one
            .change(&den, change(who, &key, at, react(emoji, on)));
        changed.await.unwrap().duplicate
    };
    for who in [bob(), cleo(), ada()] {
        assert!(!set(&who, "👍", true).await);
    }
    assert!(!set(&cleo(), "\"", true).await);
    assert!(!set(&ada(), "❤", true).await);
    assert!(set(&cleo(), "👍", true).await, "it is set");
    assert!(set(&ada(), "\"", false).await, "it is not set");
    assert!(set(&ada(), "👎", false).await, "nobody set it");
    let shown = async || look(&pair, &den, at).await["reactions"].clone();
    let of = |emoji: &str, users: &[User]| json!({"emoji": emoji, "users": users});
    let all = [
        of("👍", &[bob(), cleo(), ada()]),
        of("\"", &[cleo()]),
        of("❤", &[ada()]),
    ];
    assert_eq!(shown().await, json!(all));

    assert!(!set(&cleo(), "👍", false).await);
    assert_eq!(shown().await[0], of("👍", &[bob(), ada()]));
    assert!(!set(&ada(), "👍", false).await);
    assert!(!set(&cleo(), "\"", false).await);
    assert_eq!(
        shown().await,
        json!([of("👍", &[bob()]), of("❤", &[ada()])])
    );
    assert!(!set(&bob(), "👍", false).await);
    assert!(!set(&bob(), "👍", true).await);
    assert_eq!(
        shown().await,
        json!([of("❤", &[ada()]), of("👍", &[bob()])])
    );
    assert!(!set(&bob(), "👍", false).await);
    assert!(!set(&ada(), "❤", false).await);
    // As if nothing had been.
    assert_eq!(
        look(&pair, &den, at).await,
        json!({"text": "a", "mentions": ["u9"]})
    );
}

async fn a_message_holds_so_many_reactions_of_so_many_people(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k1", "a").await;
    let user = |n: usize| User::new(format!("u{n}"), "Somebody");
    // All at once, as when everybody is asked to.
    let crowd = (0..101).map(|n| {
        let what = react("👍", true);
        let broker = if n % 2 == 0 { &pair.one } else { &pair.other };
        let one = change(&user(n), "k", at, what);
        async { broker.change(&den, one).await }
    });
    let all = futures_util::future::join_all(crowd).await;
    let full = Err(BrokerError::TooManyReactions);
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 100);
    assert_eq!(all.iter().filter(|one| **one == full).count(), 1);
    for n in 1..=20 {
        let one = change(&ada(), &format!("e{n}"), at, react(&format!("e{n}"), true));
        let set = pair.one.change(&den, one).await;
        assert_eq!(set.is_ok(), n < 20, "{n}");
    }
    let now = look(&pair, &den, at).await;
    let shown = now["reactions"].as_array().unwrap();
    assert_eq!(
        (shown.len(), shown[0]["users"].as_array().unwrap().len()),
        (20, 100)
    );

    // Names as long as they may be fill a message sooner.
    let long = User::new("u".repeat(64), "\u{1F600}".repeat(32));
    let at = say(&*pair.one, &den, &ada(), "k2", "b").await;
    let mut count = 0;
    'full: for emoji in 0..20 {
        for n in 0..100 {
            let who = User::new(format!("{}{n:02}", &long.id[..62]), &*long.name);
            let one = change(
                &who,
                &format!("k{emoji}"),
                at,
                react(&emoji.to_string(), true),
            );
            match pair.one.change(&den, one).await {
                Ok(_) => count += 1,
                Err(error) => {
                    assert_eq!(error, BrokerError::TooManyReactions);
                    break 'full;
                }
            }
        }
    }
    assert!((60..90).contains(&count), "{count}");
    let off = change(
        &User::new(format!("{}00", &long.id[..62]), &*long.name),
        "off",
        at,
        react("0", false),
    );
    assert!(
        !pair.one.change(&den, off).await.unwrap().duplicate,
        "taking away goes on"
    );
}

async fn the_past_is_made_of_messages_however_much_they_were_changed(pair: Pair) {
    let den = room("den");
    let first = say(&*pair.one, &den, &ada(), "k1", "a").await;
    let second = say(&*pair.one, &den, &ada(), "k2", "b").await;
    for n in 0..60 {
        let one = change(&bob(), &format!("k{n}"), first, react("👍", n % 2 == 0));
        assert!(!pair.one.change(&den, one).await.unwrap().duplicate);
    }
    let positions = |entries: &[Entry]| entries.iter().map(|e| e.position).collect::<Vec<_>>();
    let page = pair.one.read_before(&den, None, 2).await.unwrap();
    assert_eq!(
        (positions(&page.entries), page.more),
        (vec![first, second], true)
    );
    let page = pair.one.read_before(&den, None, 1).await.unwrap();
    assert_eq!((positions(&page.entries), page.more), (vec![second], true));
    let page = pair.one.read_before(&den, None, 10).await.unwrap();
    assert_eq!(
        (page.entries.len(), page.more),
        (3, false),
        "and the marker"
    );
    let page = pair.one.read_after(&den, second, 100).await.unwrap();
    assert_eq!(
        page.entries.len(),
        60,
        "whoever follows the room gets them all"
    );
}

async fn whoever_looks_back_gets_on_whatever_lies_in_between(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k", "a").await;
    for n in 0..2_200 {
        let one = change(&bob(), &format!("k{n}"), at, react("👍", n % 2 == 0));
        pair.one.change(&den, one).await.unwrap();
    }
    // So much is looked at in one go, and no more.
    let page = pair.one.read_before(&den, None, 10).await.unwrap();
    assert_eq!((page.entries.len(), page.more), (1, true));
    assert_eq!(page.entries[0].target(), Some(at));
    let on = Some(page.entries[0].position);
    let page = pair.one.read_before(&den, on, 10).await.unwrap();
    let seqs: Vec<u64> = page.entries.iter().map(|e| e.position.seq).collect();
    assert_eq!((seqs, page.more), (vec![0, 1], false));
}

async fn what_lies_in_between_is_passed_over_by_its_bytes(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k", "a").await;
    let large = "x".repeat(8_000);
    for n in 0..100 {
        let one = change(&ada(), &format!("e{n}"), at, edit(&large));
        pair.one.change(&den, one).await.unwrap();
    }
    let mut passed = Vec::new();
    let mut before = None;
    loop {
        let page = pair.one.read_before(&den, before, 10).await.unwrap();
        before = page.entries.first().map(|entry| entry.position);
        if !page.more {
            let seqs: Vec<u64> = page.entries.iter().map(|e| e.position.seq).collect();
            assert_eq!(seqs, [0, 1]);
            break;
        }
        assert_eq!(page.entries.len(), 1, "the last one that was looked at");
        assert_eq!(page.entries[0].target(), Some(at));
        passed.push(page.entries[0].position.seq);
    }
    // Some 256 KiB of changes at a time.
    assert_eq!(passed, [69, 36, 3]);

    // Messages are read by their bytes as well, changed or not.
    for den in [room("attic"), den] {
        for n in 0..100 {
            say(&*pair.one, &den, &ada(), &format!("m{n}"), &large).await;
        }
        let page = pair.one.read_before(&den, None, 90).await.unwrap();
        assert_eq!((page.entries.len(), page.more), (33, true), "{den}");
        let head = page.head.seq;
        assert_eq!(page.entries[32].position.seq, head);
        assert_eq!(page.entries[0].position.seq, head - 32);
    }
}

async fn what_was_trimmed_cannot_be_changed_and_what_is_left_of_it_shows_nothing(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k", "oldest").await;
    let mut outlived = 0;
    for n in 0..400 {
        if n == 40 {
            let edited = change(&ada(), "e", at, edit("old secret"));
            pair.one.change(&den, edited).await.unwrap();
            let deleted = change(&ada(), "d", at, What::Delete);
            pair.one.change(&den, deleted).await.unwrap();
        }
        let near = say(&*pair.one, &den, &ada(), &format!("k{n}"), "new").await;
        let liked = change(&bob(), &format!("r{n}"), near, react("👍", true));
        pair.one.change(&den, liked).await.unwrap();
        // As long as an edit is kept, so is that its message was taken back.
        let log = pair.one.read_after(&den, Position::ZERO, 1_000).await;
        let log = log.unwrap().entries;
        assert!(log.iter().all(|e| !e.fields.as_str().contains("secret")));
        let is_edited = log.iter().any(|e| e.kind == Kind::Edited);
        outlived += u32::from(is_edited && log[0].position > at);
    }
    assert!(outlived > 10, "the edit outlived its message: {outlived}");
    for what in [edit("x"), react("👍", true), react("👍", false)] {
        let refused = pair.one.change(&den, change(&ada(), "x", at, what)).await;
        assert_eq!(refused, Err(BrokerError::NoSuchMessage));
    }
    if let Some(server) = &pair.server {
        let mut connection = server.connection().await;
        let mut ask = redis::cmd("HLEN");
        let kept: usize = ask
            .arg("test:1:{den}:folds")
            .query_async(&mut connection)
            .await
            .unwrap();
        let log: usize = redis::cmd("XLEN")
            .arg("test:1:{den}:log")
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!((40..=log).contains(&kept), "{kept} for a log of {log}");
        let ttl = async |connection: &mut redis::aio::MultiplexedConnection, what: &str| -> i64 {
            let mut ask = redis::cmd("PTTL");
            ask.arg(format!("test:1:{{den}}:{what}"))
                .query_async(connection)
                .await
                .unwrap()
        };
        let log = ttl(&mut connection, "log").await;
        assert!(log > 0 && ttl(&mut connection, "folds").await > log);
    }
}

async fn a_page_ends_where_messages_became_large(pair: Pair) {
    let den = room("den");
    let mut at = Vec::new();
    for n in 0..20 {
        at.push(say(&*pair.one, &den, &ada(), &format!("k{n}"), "a").await);
        let large = edit(&"x".repeat(60_000));
        pair.one
            .change(&den, change(&ada(), &format!("e{n}"), at[n], large))
            .await
            .unwrap();
    }
    let mut read = Vec::new();
    let mut before = None;
    loop {
        let page = pair.one.read_before(&den, before, 20).await.unwrap();
        assert!(page.entries.len() < 10, "{}", page.entries.len());
        before = page.entries.first().map(|entry| entry.position);
        let texts = page.entries.iter().rev().filter(|entry| entry.is_message());
        read.extend(texts.map(|entry| entry.position));
        if !page.more {
            break;
        }
    }
    read.reverse();
    assert_eq!(read, at);
    assert_eq!(
        whole_log(&*pair.one, &den).await.len(),
        41,
        "no hole, in either direction"
    );
}

mod all {
    use super::*;

    for_every_broker! {
        brisk:
        reactions_come_and_go_in_the_order_in_which_they_were_first_set,
        a_message_holds_so_many_reactions_of_so_many_people,
        the_past_is_made_of_messages_however_much_they_were_changed,
        whoever_looks_back_gets_on_whatever_lies_in_between,
        what_lies_in_between_is_passed_over_by_its_bytes,
        a_page_ends_where_messages_became_large,
    }
}

mod trimmed {
    use super::*;

    for_every_broker! {
        short:
        what_was_trimmed_cannot_be_changed_and_what_is_left_of_it_shows_nothing,
    }
}
