//! Letting people into private rooms: again when the answer was lost, many at
//! once, and how many.

use std::time::Duration;

use hubbub::{
    broker::{
        Admitted, BrokerError, BrokerSettings, DedupeKey, Making, RoomState,
        people::{FOREIGN_ROOMS, PRIVATE_ROOMS},
    },
    protocol::{
        entry::{Fields, Kind},
        name::{PEOPLE, RoomName},
        user::User,
    },
};

use super::people::{cleo, den, invite, make};
use crate::support::{
    chat::{ada, bob, brisk, message, whole_log},
    pair::Pair,
    until::{until, within},
};

fn forgetful() -> BrokerSettings {
    BrokerSettings {
        dedupe_window: Duration::from_secs(2),
        ..brisk()
    }
}

async fn a_key_names_one_room_for_as_long_as_it_is_remembered(pair: Pair) {
    let making = |user: User, key: &str, title: &str| Making {
        key: DedupeKey {
            user_id: user.id,
            key: key.parse().unwrap(),
        },
        asked: Fields::of(&serde_json::json!({"title": title, "invite": ["Bob"]})),
    };
    let mut number = 0;
    let (wanted, first, other, found) = within(forgetful().dedupe_window, async || {
        number += 10;
        let (first, other) = (RoomName::private(number), RoomName::private(number + 1));
        let (key, another) = (format!("k{number}"), format!("l{number}"));
        let wanted = making(ada(), &key, "Den");
        let other_wanted = making(ada(), &key, "Attic");
        let mut found = vec![
            pair.one.name_for(&wanted, None).await,
            pair.one.name_for(&wanted, Some(&first)).await,
        ];
        for proposed in [None, Some(&other)] {
            found.push(pair.other.name_for(&wanted, proposed).await);
            found.push(pair.other.name_for(&other_wanted, proposed).await);
        }
        for another in [making(bob(), &key, "Attic"), making(ada(), &another, "Den")] {
            found.push(pair.one.name_for(&another, Some(&other)).await);
        }
        (wanted, first, other, found)
    })
    .await;
    let named = |room: &RoomName| Ok(Some(room.clone()));
    let reused = Err(BrokerError::KeyReused);
    let again = [named(&first), reused];
    let expected = [
        &[Ok(None), named(&first)][..],
        &again,
        &again,
        &[named(&other), named(&other)],
    ];
    assert_eq!(found, expected.concat());
    until("the key is forgotten", async || {
        let named = pair.other.name_for(&wanted, None).await.unwrap();
        named.is_none().then_some(())
    })
    .await;
    let named = pair.one.name_for(&wanted, Some(&other)).await;
    assert_eq!(named, Ok(Some(other)));
}

async fn whoever_was_let_in_is_named_as_untold_until_somebody_says_otherwise(pair: Pair) {
    let two = RoomName::direct(&ada().id, &bob().id);
    let people = [ada(), bob()];
    let untold = |admitted: &Admitted| -> Vec<User> {
        let untold = admitted.untold.iter();
        untold.map(|untold| untold.user.clone()).collect()
    };
    let first = pair.one.admit(&two, make(ada(), &people, "")).await;
    let first = first.unwrap();
    assert_eq!(untold(&first), people);
    // Whoever asks again, by either of them and anywhere, tells the same.
    let backwards = [bob(), ada()];
    let again = pair.other.admit(&two, make(bob(), &backwards, "")).await;
    let again = again.unwrap();
    assert_eq!(
        (untold(&again), &again.added[..]),
        (backwards.to_vec(), &[][..])
    );
    assert_eq!(again.news(&two), first.news(&two));
    pair.other.told(&two, &first.untold).await.unwrap();
    pair.one.told(&two, &[]).await.unwrap();
    let again = pair.one.admit(&two, make(ada(), &people, "")).await;
    assert_eq!(again.unwrap().untold, []);
    // Who left and is let in again is to be told of that, which is other news.
    assert!(pair.one.forget(&two, &bob()).await.unwrap());
    let back = pair.other.admit(&two, make(ada(), &people, "")).await;
    let back = back.unwrap();
    assert_eq!(untold(&back), [bob()]);
    assert!(pair.one.forget(&two, &bob()).await.unwrap());
    let back_again = pair.one.admit(&two, make(ada(), &people, "")).await;
    assert_ne!(back_again.unwrap().news(&two), back.news(&two));
    // Nothing is left of it with the last one.
    for user in &people {
        assert!(pair.other.forget(&two, user).await.unwrap());
    }
    if let Some(server) = &pair.server {
        let mut connection = server.connection().await;
        let mut keys = ::redis::cmd("KEYS");
        let keys: Vec<String> = keys
            .arg(format!("*{two}*"))
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(keys, Vec::<String>::new());
    }
}

async fn to_be_told_of_one_admission_is_not_to_know_of_the_next(pair: Pair) {
    let two = RoomName::direct(&ada().id, &bob().id);
    let people = [ada(), bob()];
    let asked = make(ada(), &people, "");
    let first = pair.one.admit(&two, asked.clone()).await.unwrap();
    assert!(pair.other.forget(&two, &bob()).await.unwrap());
    let second = pair.other.admit(&two, asked.clone()).await.unwrap();
    // What was told of the first comes late: she knows, and he does not.
    pair.one.told(&two, &first.untold).await.unwrap();
    let again = pair.one.admit(&two, asked.clone()).await.unwrap();
    assert_eq!(again.untold.len(), 1, "{again:?}");
    assert_eq!(again.untold, second.untold[1..]);
    pair.other.told(&two, &again.untold).await.unwrap();
    let again = pair.one.admit(&two, asked).await.unwrap();
    assert_eq!(again.untold, []);
}

async fn whoever_comes_in_knows_where_they_were_let_in(pair: Pair) {
    let den = den();
    let made = make(ada(), &[ada(), bob(), cleo()], "Den");
    let first = pair.one.admit(&den, made.clone()).await.unwrap();
    pair.other.come_in(&den, &bob().id).await.unwrap();
    let again = pair.one.admit(&den, made).await.unwrap();
    let [ada, _, cleo] = &first.untold[..] else {
        panic!("{first:?}");
    };
    assert_eq!(again.untold, [ada.clone(), cleo.clone()]);
    let again = pair.other.admit(&den, invite(bob(), bob())).await.unwrap();
    assert_eq!(again.untold, []);
}

async fn a_room_that_all_left_is_not_made_again_while_its_key_is_remembered(pair: Pair) {
    let people = [ada(), bob()];
    let made = make(ada(), &people, "Den");
    let mut number = 0;
    let (den, last, again) = within(forgetful().dedupe_window, async || {
        number += 1;
        let den = RoomName::private(number);
        pair.one.admit(&den, made.clone()).await.unwrap();
        let last = whole_log(&*pair.one, &den).await.pop().unwrap();
        assert!(pair.one.forget(&den, &ada()).await.unwrap());
        let mut again = vec![pair.other.admit(&den, made.clone()).await];
        assert!(pair.other.forget(&den, &bob()).await.unwrap());
        for broker in [&pair.one, &pair.other] {
            again.push(broker.admit(&den, made.clone()).await);
        }
        (den, last, again)
    })
    .await;
    // Neither while Bob is in it alone, nor when nobody is.
    for again in again {
        assert_eq!(again, Err(BrokerError::NoSuchRoom));
    }
    for user in &people {
        assert_eq!(pair.one.private_rooms(&user.id, 9).await.unwrap(), []);
    }
    // Made anew after that, it repeats no position.
    until("the room is forgotten", async || {
        let again = pair.other.admit(&den, made.clone()).await;
        again.is_ok().then_some(())
    })
    .await;
    let log = whole_log(&*pair.one, &den).await;
    assert!(log[0].position.epoch > last.position.epoch);
    assert_eq!(pair.other.people(&den).await.unwrap(), people);
    // The room of two is asked for again at once.
    let two = RoomName::direct(&ada().id, &bob().id);
    for _ in 0..2 {
        let made = pair.one.admit(&two, make(ada(), &people, "")).await;
        assert_eq!(made.unwrap().added, people);
        for user in &people {
            assert!(pair.other.forget(&two, user).await.unwrap());
        }
    }
}

async fn a_private_room_takes_only_so_many_people(pair: Pair) {
    let den = den();
    let many: Vec<User> = (0..PEOPLE)
        .map(|n| User::new(format!("x{n}"), "X"))
        .collect();
    let too_many: Vec<User> = many.iter().cloned().chain([ada()]).collect();
    let made = pair.one.admit(&den, make(ada(), &too_many, "Den")).await;
    assert_eq!(made, Err(BrokerError::RoomFull));
    assert_eq!(
        pair.one.status(&den).await.unwrap().state,
        RoomState::Absent
    );
    let made = make(many[0].clone(), &many, "Den");
    pair.one.admit(&den, made).await.unwrap();
    let one_more = pair.other.admit(&den, invite(many[1].clone(), ada())).await;
    assert_eq!(one_more, Err(BrokerError::RoomFull));
    assert!(pair.one.forget(&den, &many[5]).await.unwrap());
    let one_more = pair.other.admit(&den, invite(many[1].clone(), ada())).await;
    assert_eq!(one_more.unwrap().added, [ada()]);
}

async fn somebody_is_in_only_so_many_private_rooms(pair: Pair) {
    for number in 0..PRIVATE_ROOMS {
        let room = RoomName::private(number as u128);
        pair.one
            .admit(&room, make(ada(), &[ada()], ""))
            .await
            .unwrap();
    }
    let extra = RoomName::private(PRIVATE_ROOMS as u128);
    let one_more = pair.other.admit(&extra, make(bob(), &[bob(), ada()], ""));
    assert_eq!(
        one_more.await,
        Err(BrokerError::TooManyRooms("Ada".to_owned()))
    );
    // Who is in it already may be invited again, and who forgets one has a place.
    let first = RoomName::private(0);
    assert_eq!(
        pair.one
            .admit(&first, invite(ada(), ada()))
            .await
            .unwrap()
            .added,
        []
    );
    assert!(pair.one.forget(&first, &ada()).await.unwrap());
    let one_more = pair.other.admit(&extra, make(bob(), &[bob(), ada()], ""));
    assert_eq!(one_more.await.unwrap().added.len(), 2);
}

async fn nobody_is_put_into_more_rooms_than_some_by_others(pair: Pair) {
    let nth = |number: usize| RoomName::private(number as u128);
    let both = [bob(), ada()];
    for number in 0..FOREIGN_ROOMS {
        let made = pair.one.admit(&nth(number), make(bob(), &both, "")).await;
        assert_eq!(made.unwrap().added.len(), 2);
    }
    let is_full = Err(BrokerError::TooManyRooms("Ada".to_owned()));
    let extra = async |number: usize| {
        let room = nth(FOREIGN_ROOMS + number);
        pair.other.admit(&room, make(bob(), &both, "")).await
    };
    assert_eq!(extra(0).await, is_full);
    let two = RoomName::direct(&ada().id, &cleo().id);
    let people = [ada(), cleo()];
    let asked = pair.one.admit(&two, make(cleo(), &people, "")).await;
    assert_eq!(asked, is_full);
    // What she makes herself, and what she is in already, is not counted.
    let asked = pair.one.admit(&two, make(ada(), &people, "")).await;
    assert_eq!(asked.unwrap().added.len(), 2);
    let again = pair.one.admit(&nth(0), invite(bob(), ada())).await;
    assert_eq!(again.unwrap().added, []);
    let asked = pair.other.admit(&two, make(cleo(), &people, "")).await;
    assert_eq!(asked.unwrap().added, []);
    assert_eq!(extra(0).await, is_full);
    // A room she comes into is hers; one that she leaves, or that is closed, is none.
    pair.other.come_in(&nth(0), &ada().id).await.unwrap();
    pair.other.come_in(&nth(0), &ada().id).await.unwrap();
    assert_eq!(extra(1).await.unwrap().added.len(), 2);
    assert_eq!(extra(2).await, is_full);
    let again = pair.one.admit(&nth(0), invite(bob(), ada())).await;
    assert_eq!(again.unwrap().added, [], "and stays hers");
    assert!(pair.one.forget(&nth(1), &ada()).await.unwrap());
    assert_eq!(extra(3).await.unwrap().added.len(), 2);
    assert_eq!(extra(4).await, is_full);
    assert!(pair.one.close(&nth(2)).await.unwrap());
    assert_eq!(extra(5).await.unwrap().added.len(), 2);
    assert_eq!(extra(6).await, is_full);
    let rooms = pair.one.private_rooms(&ada().id, 0).await.unwrap();
    assert_eq!(rooms.len(), FOREIGN_ROOMS + 2);
    // To come into a room that is not there changes nothing.
    pair.one.come_in(&nth(9_999), &ada().id).await.unwrap();
    assert_eq!(pair.one.is_one_of(&nth(9_999), &ada().id).await, Ok(false));
}

async fn many_who_let_each_other_in_at_once_are_all_in_and_told_of_once(pair: Pair) {
    let den = den();
    pair.one
        .admit(&den, make(ada(), &[ada()], "Den"))
        .await
        .unwrap();
    let invitations = (0..40_u32).map(|n| {
        let broker = if n % 2 == 0 { &pair.one } else { &pair.other };
        let user = User::new(format!("x{}", n / 4), format!("X{}", n / 4));
        broker.admit(&den, invite(ada(), user))
    });
    let said = (0..20).map(|n| pair.one.append(&den, message(&format!("k{n}"), "hi")));
    let (invited, said) = tokio::join!(
        futures_util::future::join_all(invitations),
        futures_util::future::join_all(said),
    );
    let new = invited.into_iter().map(|admitted| admitted.unwrap().added);
    assert_eq!(new.flatten().count(), 10);
    assert!(said.into_iter().all(|appended| appended.is_ok()));
    assert_eq!(pair.other.people(&den).await.unwrap().len(), 11);
    let log = whole_log(&*pair.one, &den).await;
    let invited = log.iter().filter(|entry| entry.kind == Kind::Invited);
    assert_eq!((invited.count(), log.len()), (10, 31));
    let seqs: Vec<u64> = log.iter().map(|entry| entry.position.seq).collect();
    assert_eq!(seqs, (0..31).collect::<Vec<_>>(), "no hole");
}

for_every_broker! {
    forgetful:
    a_key_names_one_room_for_as_long_as_it_is_remembered,
    whoever_was_let_in_is_named_as_untold_until_somebody_says_otherwise,
    to_be_told_of_one_admission_is_not_to_know_of_the_next,
    whoever_comes_in_knows_where_they_were_let_in,
    a_room_that_all_left_is_not_made_again_while_its_key_is_remembered,
    a_private_room_takes_only_so_many_people,
    somebody_is_in_only_so_many_private_rooms,
    nobody_is_put_into_more_rooms_than_some_by_others,
    many_who_let_each_other_in_at_once_are_all_in_and_told_of_once,
}
