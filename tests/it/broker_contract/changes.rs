//! Entries that change a message: what is refused, what the message looks like
//! afterwards, and that nobody who reads gets what was taken back.

use hubbub::{
    broker::{Appended, BrokerError, What},
    protocol::{
        entry::{Entry, Kind},
        name::RoomName,
        position::Position,
    },
};
use serde_json::json;

use crate::support::{
    changes::{change, cleo, edit, look, react, say},
    chat::{Ears, ada, bob, brisk, room, whole_log},
    pair::Pair,
};

async fn edited_at(pair: &Pair, den: &RoomName, changed: Appended) -> Entry {
    let log = whole_log(&*pair.one, den).await;
    let entry = log
        .into_iter()
        .find(|entry| entry.position == changed.position);
    let entry = entry.unwrap();
    assert_eq!(entry.at, changed.at);
    entry
}

async fn an_edit_is_an_entry_and_the_message_says_the_new_text(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k1", "teh").await;
    let ears = Ears::of(&*pair.other);
    pair.other.subscribe(&den).await.unwrap();
    let what = What::Edit {
        text: "the \"one\"\n".to_owned(),
        mentions: vec!["u2".into()],
    };
    let changed = pair
        .one
        .change(&den, change(&ada(), "k2", at, what))
        .await
        .unwrap();
    assert_eq!((changed.position, changed.duplicate), (at.next(), false));
    let now = json!({"text": "the \"one\"\n", "mentions": ["u2"], "edited": changed.at});
    assert_eq!(look(&pair, &den, at).await, now);
    let entry = edited_at(&pair, &den, changed).await;
    assert_eq!(ears.wait_for_entries(&den, 1).await[0], entry);
    assert_eq!((&entry.kind, entry.target()), (&Kind::Edited, Some(at)));
    let said = json!({"key": "k2", "target": at, "by": ada(), "text": "the \"one\"\n",
        "mentions": ["u2"]});
    assert_eq!(entry.fields.value(), said);

    let again = pair
        .other
        .change(&den, change(&ada(), "k3", at, edit("that")))
        .await
        .unwrap();
    let now = json!({"text": "that", "edited": again.at});
    assert_eq!(look(&pair, &den, at).await, now);
    // The first edit shows what the message says now.
    let entry = edited_at(&pair, &den, changed).await;
    let said = json!({"key": "k2", "target": at, "by": ada(), "text": "that"});
    assert_eq!(entry.fields.value(), said);
}

async fn of_a_deleted_message_no_text_is_left_to_read(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k1", "secret").await;
    pair.one
        .change(&den, change(&ada(), "k2", at, edit("secret too")))
        .await
        .unwrap();
    pair.one
        .change(&den, change(&bob(), "k1", at, react("👍", true)))
        .await
        .unwrap();
    let gone = pair
        .other
        .change(&den, change(&ada(), "k3", at, What::Delete))
        .await
        .unwrap();
    assert_eq!(
        look(&pair, &den, at).await,
        json!({"text": "", "deleted": true})
    );
    let log = whole_log(&*pair.one, &den).await;
    assert!(
        log.iter()
            .all(|entry| !entry.fields.as_str().contains("secret"))
    );
    let entry = edited_at(&pair, &den, gone).await;
    let said = json!({"key": "k3", "target": at, "by": ada()});
    assert_eq!((entry.kind, entry.fields.value()), (Kind::Deleted, said));

    // It stays as it is, and what changes nothing is stored nowhere.
    for what in [edit("back"), react("👍", true)] {
        let refused = pair.one.change(&den, change(&ada(), "k4", at, what)).await;
        assert_eq!(refused, Err(BrokerError::Deleted));
    }
    for what in [What::Delete, react("👍", false)] {
        let same = pair
            .one
            .change(&den, change(&ada(), "k5", at, what))
            .await
            .unwrap();
        assert_eq!((same.position, same.duplicate), (gone.position, true));
    }
    assert_eq!(whole_log(&*pair.one, &den).await.len(), log.len());
}

async fn only_the_author_changes_a_text_and_only_of_a_message(pair: Pair) {
    let den = room("den");
    let nowhere = Position::new(1, 1);
    let refused = pair
        .one
        .change(&den, change(&ada(), "k0", nowhere, What::Delete))
        .await;
    assert_eq!(
        refused,
        Err(BrokerError::NoSuchMessage),
        "there is no room yet"
    );
    let at = say(&*pair.one, &den, &ada(), "k1", "mine").await;
    for who in [bob(), cleo()] {
        for what in [edit("his"), What::Delete] {
            let refused = pair.one.change(&den, change(&who, "k2", at, what)).await;
            assert_eq!(refused, Err(BrokerError::NotYours));
        }
    }
    let edited = pair
        .one
        .change(&den, change(&ada(), "k3", at, edit("still mine")))
        .await
        .unwrap();
    let end = Position::new(u64::MAX, u64::MAX);
    let marker = Position::new(at.epoch, 0);
    let later = edited.position.next();
    for target in [Position::ZERO, nowhere, marker, edited.position, later, end] {
        for what in [
            edit("x"),
            What::Delete,
            react("👍", true),
            react("👍", false),
        ] {
            let refused = pair
                .other
                .change(&den, change(&ada(), "k4", target, what))
                .await;
            assert_eq!(refused, Err(BrokerError::NoSuchMessage), "{target}");
        }
    }
    assert_eq!(pair.one.status(&den).await.unwrap().head, edited.position);

    pair.one.close(&den).await.unwrap();
    let refused = pair
        .one
        .change(&den, change(&ada(), "k5", at, What::Delete))
        .await;
    assert_eq!(refused, Err(BrokerError::NoSuchRoom));
    let again = pair
        .one
        .change(&den, change(&ada(), "k3", at, edit("still mine")))
        .await
        .unwrap();
    assert_eq!((again.position, again.duplicate), (edited.position, true));
}

async fn a_change_that_is_repeated_is_one_entry_under_a_key_of_its_own(pair: Pair) {
    let den = room("den");
    let at = say(&*pair.one, &den, &ada(), "k1", "a").await;
    let first = pair
        .one
        .change(&den, change(&ada(), "k2", at, edit("b")))
        .await
        .unwrap();
    pair.one
        .change(&den, change(&ada(), "k3", at, What::Delete))
        .await
        .unwrap();
    // Also when it would be refused by now, and whoever is named has changed.
    let what = What::Edit {
        text: "b".to_owned(),
        mentions: vec!["u7".into()],
    };
    let again = pair
        .other
        .change(&den, change(&ada(), "k2", at, what))
        .await
        .unwrap();
    assert_eq!(
        (again.position, again.at, again.duplicate),
        (first.position, first.at, true)
    );
    for (key, what) in [("k2", edit("c")), ("k2", What::Delete), ("k1", edit("a"))] {
        let reused = pair.one.change(&den, change(&ada(), key, at, what)).await;
        assert_eq!(reused, Err(BrokerError::KeyReused));
    }
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 4);
    assert_eq!(
        look(&pair, &den, at).await,
        json!({"text": "", "deleted": true})
    );
}

async fn of_an_edit_and_a_delete_at_once_the_order_decides(pair: Pair) {
    let den = room("den");
    for round in 0..10 {
        let at = say(&*pair.one, &den, &ada(), &format!("k{round}"), "a").await;
        let wants = [(0, edit("b")), (1, What::Delete), (2, react("👍", true))];
        let all = wants.map(|(n, what)| {
            let broker = if n % 2 == 0 { &pair.one } else { &pair.other };
            let one = change(&ada(), &format!("c{round}-{n}"), at, what);
            async { broker.change(&den, one).await }
        });
        let [edited, deleted, reacted] = futures_util::future::join_all(all)
            .await
            .try_into()
            .unwrap();
        let deleted = deleted.unwrap();
        for other in [edited, reacted] {
            match other {
                Ok(other) => assert!(other.position < deleted.position),
                Err(error) => assert_eq!(error, BrokerError::Deleted),
            }
        }
        assert_eq!(
            look(&pair, &den, at).await,
            json!({"text": "", "deleted": true})
        );
    }
}

for_every_broker! {
    brisk:
    an_edit_is_an_entry_and_the_message_says_the_new_text,
    of_a_deleted_message_no_text_is_left_to_read,
    only_the_author_changes_a_text_and_only_of_a_message,
    a_change_that_is_repeated_is_one_entry_under_a_key_of_its_own,
    of_an_edit_and_a_delete_at_once_the_order_decides,
}
