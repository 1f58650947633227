//! The log: positions, order, send keys, opening and closing.

use hubbub::{
    broker::{BrokerError, Draft, RoomState},
    protocol::{
        entry::{Fields, Kind},
        name::RoomName,
        position::Position,
        user::User,
    },
};

use crate::support::{
    changes::{change, edit, say},
    chat::{Ears, brisk, message, room, whole_log},
    pair::Pair,
};

async fn a_room_begins_with_a_marker_and_counts_up_from_one(pair: Pair) {
    let den = room("den");
    let first = pair.one.append(&den, message("k1", "a")).await.unwrap();
    let second = pair.other.append(&den, message("k2", "b")).await.unwrap();
    let epoch = first.position.epoch;
    assert_eq!(first.position, Position::new(epoch, 1));
    assert_eq!(second.position, Position::new(epoch, 2));
    assert!(!first.duplicate);
    // The clock of a machine may be put back a little at any time.
    for at in [first.at, second.at] {
        assert!(at.abs_diff(epoch) < 60_000, "{at} is about {epoch}");
    }

    let page = pair.one.read_after(&den, Position::ZERO, 10).await.unwrap();
    let kinds: Vec<&Kind> = page.entries.iter().map(|entry| &entry.kind).collect();
    let marker = Kind::Epoch {
        prev: Position::ZERO,
    };
    assert_eq!(kinds, [&marker, &Kind::Message, &Kind::Message]);
    assert_eq!(page.entries[0].position, Position::new(epoch, 0));
    assert_eq!(page.entries[2].fields, message("k2", "b").fields);
    assert_eq!(
        (page.entries[1].at, page.head, page.more),
        (first.at, second.position, false)
    );
}

async fn of_many_said_in_one_moment_each_has_its_own_fate(pair: Pair) {
    let den = room("den");
    let first = pair.one.append(&den, message("k0", "a")).await.unwrap();
    let closed = Draft {
        may_create: false,
        ..message("kx", "nobody hears this")
    };
    // All of these are under way at once: new ones, one that is said again, one
    // whose key was used for another text, one to a room that is not there.
    let mut said: Vec<Draft> = (1..=40)
        .map(|n| message(&format!("k{n}"), &"x".repeat(n * 100)))
        .collect();
    said.insert(20, message("k0", "a"));
    said.insert(10, message("k0", "b"));
    let elsewhere = room("elsewhere");
    let nowhere = pair.one.append(&elsewhere, closed);
    let all = futures_util::future::join_all(said.into_iter().map(|d| pair.one.append(&den, d)));
    let (nowhere, mut all) = tokio::join!(nowhere, all);
    assert_eq!(nowhere, Err(BrokerError::NoSuchRoom));
    let again = all.remove(21).unwrap();
    assert_eq!((again.position, again.duplicate), (first.position, true));
    assert_eq!(all.remove(10), Err(BrokerError::KeyReused));
    let seqs: Vec<u64> = all.into_iter().map(|a| a.unwrap().position.seq).collect();
    assert_eq!(seqs, (2..=41).collect::<Vec<u64>>());
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 42);
}

async fn events_come_in_the_order_of_the_log_however_many_append_at_once(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..90 {
        let broker = if n % 2 == 0 {
            pair.one.clone()
        } else {
            pair.other.clone()
        };
        let den = den.clone();
        tasks.spawn(async move { broker.append(&den, message(&format!("k{n}"), "x")).await });
    }
    for appended in tasks.join_all().await {
        appended.unwrap();
    }
    let heard = ears.wait_for_entries(&den, 91).await;
    assert_eq!(heard, whole_log(&*pair.one, &den).await);
    let seqs: Vec<u64> = heard.iter().map(|entry| entry.position.seq).collect();
    assert_eq!(seqs, (0..=90).collect::<Vec<u64>>());
}

async fn a_send_that_is_repeated_is_one_entry_on_whichever_instance(pair: Pair) {
    let den = room("den");
    let first = pair.one.append(&den, message("k1", "a")).await.unwrap();
    for broker in [&pair.one, &pair.other, &pair.one, &pair.other] {
        let again = broker.append(&den, message("k1", "a")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!((again.position, again.at), (first.position, first.at));
    }
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 2);
}

/// Whoever signs in again may spell the name otherwise, and is the same user.
async fn a_send_is_the_same_under_a_name_that_is_spelt_otherwise(pair: Pair) {
    let den = room("den");
    let (before, now) = (User::new("u1", "adaX"), User::new("u1", "ADAx"));
    let first = say(&*pair.one, &den, &before, "k1", "a").await;
    assert_eq!(say(&*pair.other, &den, &now, "k1", "a").await, first);
    let what = edit("b");
    let one = change(&before, "k2", first, what.clone());
    let edited = pair.one.change(&den, one).await.unwrap();
    let again = change(&now, "k2", first, what);
    let again = pair.other.change(&den, again).await.unwrap();
    assert_eq!((again.position, again.duplicate), (edited.position, true));
    let other = change(&now, "k2", first, edit("c"));
    let reused = pair.other.change(&den, other).await;
    assert_eq!(reused, Err(BrokerError::KeyReused));
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 3);
}

async fn the_same_send_at_the_same_time_is_one_entry(pair: Pair) {
    let den = room("den");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let broker = if n % 2 == 0 {
            pair.one.clone()
        } else {
            pair.other.clone()
        };
        let den = den.clone();
        tasks.spawn(async move { broker.append(&den, message("k", "x")).await.unwrap() });
    }
    let appended = tasks.join_all().await;
    assert_eq!(
        appended
            .iter()
            .filter(|appended| !appended.duplicate)
            .count(),
        1
    );
    assert!(
        appended
            .iter()
            .all(|one| one.position == appended[0].position)
    );
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 2);
}

async fn a_key_belongs_to_one_text_one_user_and_one_room(pair: Pair) {
    let (den, attic) = (room("den"), room("attic"));
    pair.one.append(&den, message("k1", "a")).await.unwrap();
    let reused = pair.other.append(&den, message("k1", "b")).await;
    assert_eq!(reused, Err(BrokerError::KeyReused));
    assert!(
        !pair
            .one
            .append(&attic, message("k1", "b"))
            .await
            .unwrap()
            .duplicate
    );
    let mut of_bob = message("k1", "b");
    of_bob.key.as_mut().unwrap().user_id = "u2".into();
    assert!(!pair.one.append(&den, of_bob).await.unwrap().duplicate);
    assert_eq!(whole_log(&*pair.one, &den).await.len(), 3);
}

async fn an_entry_without_a_key_is_always_a_new_one(pair: Pair) {
    let den = room("den");
    for seq in 1..=2 {
        let draft = Draft {
            key: None,
            ..message("k", "a")
        };
        let appended = pair.one.append(&den, draft).await.unwrap();
        assert_eq!((appended.position.seq, appended.duplicate), (seq, false));
    }
}

async fn an_absent_room_takes_nothing_from_who_may_not_create_it(pair: Pair) {
    let den = room("den");
    let draft = Draft {
        may_create: false,
        ..message("k1", "a")
    };
    let refused = pair.one.append(&den, draft.clone()).await;
    assert_eq!(refused, Err(BrokerError::NoSuchRoom));
    assert_eq!(
        pair.one.status(&den).await.unwrap().state,
        RoomState::Absent
    );
    assert!(
        pair.one
            .append(&RoomName::lobby(), draft.clone())
            .await
            .is_ok()
    );
    assert!(pair.other.open(&den, "").await.unwrap());
    assert!(pair.one.append(&den, draft).await.is_ok());
}

async fn a_closed_room_says_so_last_and_takes_nothing_until_it_is_opened(pair: Pair) {
    let den = room("den");
    assert!(!pair.one.close(&den).await.unwrap(), "there is none yet");
    assert!(pair.one.open(&den, "The den").await.unwrap());
    assert!(!pair.other.open(&den, "Another").await.unwrap());
    let status = pair.one.status(&den).await.unwrap();
    assert_eq!(
        (status.state, status.title.as_str()),
        (RoomState::Open, "The den")
    );
    let sent = pair.one.append(&den, message("k1", "a")).await.unwrap();

    assert!(pair.other.close(&den).await.unwrap());
    assert!(!pair.one.close(&den).await.unwrap());
    assert_eq!(
        pair.one.status(&den).await.unwrap().state,
        RoomState::Closed
    );
    let last = pair.one.read_before(&den, None, 1).await.unwrap();
    assert_eq!(last.entries[0].kind, Kind::RoomClosed);
    assert_eq!(last.entries[0].position, sent.position.next());
    let refused = pair.one.append(&den, message("k2", "b")).await;
    assert_eq!(refused, Err(BrokerError::NoSuchRoom));
    let again = pair.one.append(&den, message("k1", "a")).await.unwrap();
    assert!(again.duplicate, "what was acknowledged stays acknowledged");

    assert!(pair.one.open(&den, "New").await.unwrap());
    let status = pair.other.status(&den).await.unwrap();
    assert_eq!(
        (status.state, status.title.as_str()),
        (RoomState::Open, "New")
    );
    let sent = pair.one.append(&den, message("k2", "b")).await.unwrap();
    assert_eq!(sent.position.seq, 3);
}

async fn the_lobby_and_the_control_log_cannot_be_closed(pair: Pair) {
    let draft = Draft {
        kind: Kind::Notice,
        fields: Fields::default(),
        key: None,
        may_create: true,
    };
    for name in [RoomName::lobby(), RoomName::control()] {
        pair.one.append(&name, draft.clone()).await.unwrap();
        assert!(!pair.one.close(&name).await.unwrap());
        assert_eq!(pair.one.status(&name).await.unwrap().state, RoomState::Open);
    }
    assert!(!pair.one.open(&RoomName::lobby(), "Mine").await.unwrap());
}

for_every_broker! {
    brisk:
    a_room_begins_with_a_marker_and_counts_up_from_one,
    of_many_said_in_one_moment_each_has_its_own_fate,
    events_come_in_the_order_of_the_log_however_many_append_at_once,
    a_send_that_is_repeated_is_one_entry_on_whichever_instance,
    a_send_is_the_same_under_a_name_that_is_spelt_otherwise,
    the_same_send_at_the_same_time_is_one_entry,
    a_key_belongs_to_one_text_one_user_and_one_room,
    an_entry_without_a_key_is_always_a_new_one,
    an_absent_room_takes_nothing_from_who_may_not_create_it,
    a_closed_room_says_so_last_and_takes_nothing_until_it_is_opened,
    the_lobby_and_the_control_log_cannot_be_closed,
}
