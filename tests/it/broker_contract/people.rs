//! Who may be in private rooms, what somebody is called, how far they have read.

use std::time::Duration;

use hubbub::{
    broker::{
        Admission, Admitted, BrokerError, Departure, RoomState, Seat,
        people::{FOREIGN_ROOMS, MARKS, PRIVATE_ROOMS},
    },
    protocol::{
        entry::{Entry, Kind},
        name::{PEOPLE, RoomName},
        position::Position,
        user::User,
    },
};

use crate::support::{
    chat::{Ears, ada, bob, brisk, message, room, whole_log},
    pair::Pair,
    until::until,
};

fn cleo() -> User {
    User::new("u,3\"", "Cleo")
}

fn den() -> RoomName {
    RoomName::private(7)
}

fn make(by: User, users: &[User], title: &str) -> Admission {
    Admission {
        by,
        users: users.to_vec(),
        make: Some(title.to_owned()),
    }
}

fn invite(by: User, user: User) -> Admission {
    Admission {
        by,
        users: vec![user],
        make: None,
    }
}

fn kinds(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.kind.as_str()).collect()
}

async fn a_private_room_begins_with_those_it_is_made_for(pair: Pair) {
    let (den, people) = (den(), [ada(), bob()]);
    let ears = Ears::of(&*pair.other);
    pair.other.subscribe(&den).await.unwrap();
    let made = pair.one.admit(&den, make(ada(), &people, "Den")).await;
    let made = made.unwrap();
    assert_eq!((made.title.as_str(), &made.added[..]), ("Den", &people[..]));
    assert_eq!(pair.other.people(&den).await.unwrap(), people);
    for (user, is_one) in [(ada(), true), (bob(), true), (cleo(), false)] {
        assert_eq!(pair.other.is_one_of(&den, &user.id).await, Ok(is_one));
    }
    let status = pair.other.status(&den).await.unwrap();
    assert_eq!(
        (status.state, status.title.as_str()),
        (RoomState::Open, "Den")
    );
    // Bob was let in, which the log says; whoever made it needs no invitation.
    let heard = ears.wait_for_entries(&den, 2).await;
    assert_eq!(kinds(&heard), ["epoch", "invited"]);
    let said = heard[1].fields.value();
    assert_eq!(said["user"]["id"], *bob().id);
    assert_eq!(said["by"]["id"], *ada().id);
    assert_eq!(whole_log(&*pair.one, &den).await, heard);
    // Nobody makes it a second time.
    let again = pair.other.admit(&den, make(bob(), &[bob()], "Mine")).await;
    assert_eq!(again, Err(BrokerError::NoSuchRoom));
    assert_eq!(pair.one.people(&den).await.unwrap(), people);
}

async fn only_its_people_let_others_in(pair: Pair) {
    let den = den();
    let nowhere = pair.one.admit(&den, invite(ada(), bob())).await;
    assert_eq!(nowhere, Err(BrokerError::NoSuchRoom));
    assert_eq!(pair.one.people(&den).await.unwrap(), []);
    pair.one
        .admit(&den, make(ada(), &[ada()], "Den"))
        .await
        .unwrap();
    let by_a_stranger = pair.other.admit(&den, invite(bob(), bob())).await;
    assert_eq!(by_a_stranger, Err(BrokerError::NoSuchRoom));
    let added = pair.other.admit(&den, invite(ada(), bob())).await.unwrap();
    assert_eq!(
        (added.title.as_str(), &added.added[..]),
        ("Den", &[bob()][..])
    );
    let again = pair.one.admit(&den, invite(ada(), bob())).await.unwrap();
    assert_eq!(again.added, []);
    assert_eq!(
        pair.other
            .admit(&den, invite(bob(), cleo()))
            .await
            .unwrap()
            .added,
        [cleo()]
    );
    let log = whole_log(&*pair.one, &den).await;
    assert_eq!(kinds(&log), ["epoch", "invited", "invited"]);
    assert!(pair.one.close(&den).await.unwrap());
    let closed = pair.one.admit(&den, invite(ada(), bob())).await;
    assert_eq!(closed, Err(BrokerError::NoSuchRoom));
    assert!(!pair.one.open(&den, "Again").await.unwrap());
    assert_eq!(
        pair.one.status(&den).await.unwrap().state,
        RoomState::Closed
    );
}

async fn nothing_else_makes_a_private_room(pair: Pair) {
    for name in [RoomName::private(1), RoomName::direct("u1", "u2")] {
        let said = pair.one.append(&name, message("k", "hello?")).await;
        assert_eq!(said, Err(BrokerError::NoSuchRoom));
        assert!(!pair.one.open(&name, "Mine").await.unwrap());
        assert!(!pair.one.close(&name).await.unwrap());
        assert!(!pair.one.forget(&name, &ada()).await.unwrap());
        pair.one
            .enter(&name, &ada(), &Seat::Instance)
            .await
            .unwrap();
        let status = pair.other.status(&name).await.unwrap();
        assert_eq!(status.state, RoomState::Absent);
        assert_eq!(whole_log(&*pair.other, &name).await, []);
        assert_eq!(pair.other.is_one_of(&name, &ada().id).await, Ok(false));
        pair.one
            .leave(&name, &ada(), &Seat::Instance, Departure::Now)
            .await;
    }
    assert_eq!(pair.other.rooms(10).await.unwrap().len(), 1, "the lobby");
}

async fn private_rooms_are_listed_for_their_people_only(pair: Pair) {
    let (den, two) = (den(), RoomName::direct(&ada().id, &bob().id));
    let people = [ada(), bob()];
    let made = make(ada(), &people, "Den");
    pair.one.admit(&den, made).await.unwrap();
    let made = pair.one.admit(&two, make(ada(), &people, "")).await;
    assert_eq!(made.unwrap().added, people);
    assert_eq!(whole_log(&*pair.one, &two).await, [], "nobody was invited");
    pair.one.append(&den, message("k", "hi")).await.unwrap();
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    assert_eq!(pair.one.rooms(10).await.unwrap().len(), 1, "the lobby");
    for user in &people {
        let mut rooms = pair.other.private_rooms(&user.id, 100).await.unwrap();
        rooms.sort_by(|left, right| right.name.cmp(&left.name));
        let [first, second] = &rooms[..] else {
            panic!("{rooms:?}");
        };
        assert_eq!(
            (&first.name, first.title.as_str(), first.count),
            (&den, "Den", 1)
        );
        assert_eq!((&second.name, second.count), (&two, 0));
        assert_eq!(
            (&first.people[..], &second.people[..]),
            (&people[..], &people[..])
        );
    }
    // Where names are too many, those of two people are still named.
    let short = pair.other.private_rooms(&ada().id, 0).await.unwrap();
    let named = short
        .iter()
        .map(|room| (room.name.is_direct(), room.people.len()));
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    assert_eq!(named, [(false, 0), (true, 2)]);
    assert_eq!(pair.other.private_rooms(&cleo().id, 9).await.unwrap(), []);
    pair.other.close(&den).await.unwrap();
    let left = pair.one.private_rooms(&ada().id, 9).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name, two);
}

async fn whoever_leaves_for_good_is_out_and_the_last_takes_the_log_along(pair: Pair) {
    let den = den();
    let made = make(ada(), &[ada(), bob()], "Den");
    pair.one.admit(&den, made).await.unwrap();
    let first = pair.one.append(&den, message("k", "hi")).await.unwrap();
    let up_to = first.position;
    assert!(pair.one.mark_read(&den, &bob().id, up_to).await.unwrap());
    assert!(pair.other.forget(&den, &bob()).await.unwrap());
    assert!(!pair.one.forget(&den, &bob()).await.unwrap(), "once");
    assert_eq!(pair.one.is_one_of(&den, &bob().id).await, Ok(false));
    assert_eq!(pair.one.private_rooms(&bob().id, 9).await.unwrap(), []);
    let mark = pair.one.read_mark(&den, &bob().id).await.unwrap();
    assert_eq!(mark, Position::ZERO);
    let log = whole_log(&*pair.one, &den).await;
    let last = log.last().unwrap();
    assert_eq!(last.kind, Kind::Departed);
    assert_eq!(last.departed(), Some(bob()));
    assert_eq!(pair.one.people(&den).await.unwrap(), [ada()]);
    assert!(pair.one.forget(&den, &ada()).await.unwrap());
    assert_eq!(whole_log(&*pair.other, &den).await, []);
    let status = pair.other.status(&den).await.unwrap();
    assert_eq!(
        (status.state, status.head),
        (RoomState::Absent, Position::ZERO)
    );
    // Made anew, it repeats no position.
    let made = make(bob(), &[bob(), ada()], "Den");
    pair.one.admit(&den, made).await.unwrap();
    let log = whole_log(&*pair.one, &den).await;
    assert!(log[0].position.epoch > last.position.epoch);
    assert_eq!(pair.other.people(&den).await.unwrap(), [ada(), bob()]);
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

async fn a_name_leads_to_its_holder_and_else_to_who_had_it_last(pair: Pair) {
    let named = async |name: &str| {
        let names = ["nobody".to_owned(), name.to_owned()];
        let mut found = pair.other.named(&names).await.unwrap();
        assert_eq!(found.len(), 2);
        let last = found.pop().unwrap();
        assert_eq!(found, [None]);
        last
    };
    let hold = Duration::from_millis(400);
    assert_eq!(named("ada").await, None);
    assert!(pair.one.claim_name("ada", "u1", hold).await.unwrap());
    // An earlier release holds names without saying how they are written.
    assert_eq!(named("ada").await, Some(User::new("u1", "ada")));
    pair.one
        .note_names(&[("ada".to_owned(), ada())])
        .await
        .unwrap();
    assert_eq!(named("ada").await, Some(ada()));
    // Nobody takes a name that somebody else holds.
    let other = User::new("u9", "ADA");
    pair.one
        .note_names(&[("ada".to_owned(), other.clone())])
        .await
        .unwrap();
    assert_eq!(named("ada").await, Some(ada()));
    pair.one.release_name("ada", "u1").await.unwrap();
    assert_eq!(named("ada").await, Some(ada()), "she was here last");
    assert!(pair.one.claim_name("ada", "u9", hold).await.unwrap());
    assert_eq!(named("ada").await, Some(User::new("u9", "ada")));
    pair.one
        .note_names(&[("ada".to_owned(), other.clone())])
        .await
        .unwrap();
    assert_eq!(named("ada").await, Some(other.clone()));
    until("the name is free", async || {
        let free = pair.one.claim_name("ada", "u1", hold).await.unwrap();
        free.then_some(())
    })
    .await;
    assert_eq!(pair.one.named(&[]).await.unwrap(), []);
}

async fn a_mark_only_ever_moves_on(pair: Pair) {
    let (den, attic, id) = (room("den"), room("attic"), ada().id);
    let mark = async |position| pair.one.mark_read(&den, &id, position).await.unwrap();
    let marked = async |room| pair.other.read_mark(room, &id).await.unwrap();
    assert_eq!(marked(&den).await, Position::ZERO);
    let at = |seq| Position::new(1_732_060_800_000, seq);
    for (position, moves) in [
        (at(9), true),
        (at(9), false),
        (at(10), true),
        (at(9), false),
        (Position::new(99, 500), false),
        (Position::new(1_732_060_800_001, 0), true),
        (at(u64::MAX), false),
        (Position::new(u64::MAX - 1, 7), true),
        (Position::new(u64::MAX, 1), true),
        (Position::new(u64::MAX - 1, 8), false),
    ] {
        assert_eq!(mark(position).await, moves, "{position}");
    }
    assert_eq!(marked(&den).await, Position::new(u64::MAX, 1));
    assert_eq!(marked(&attic).await, Position::ZERO);
    let other = pair.one.read_mark(&den, &bob().id).await.unwrap();
    assert_eq!(other, Position::ZERO);
    pair.one.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    let (head, read) = pair.one.arrival(&den, &id).await.unwrap();
    assert_eq!((head.count, read), (1, Position::new(u64::MAX, 1)));
    assert_eq!(Ok(head), pair.one.count(&den).await);
    let (head, read) = pair.one.arrival(&attic, &bob().id).await.unwrap();
    assert_eq!((head.count, read), (0, Position::ZERO));
}

async fn marks_are_kept_of_so_many_rooms(pair: Pair) {
    let position = Position::new(5, 1);
    let count = MARKS + 200;
    for n in 0..count {
        let room = room(&format!("r{n}"));
        assert!(pair.one.mark_read(&room, "u1", position).await.unwrap());
    }
    let mut kept = 0;
    for n in 0..count {
        let mark = pair.other.read_mark(&room(&format!("r{n}")), "u1").await;
        kept += usize::from(mark.unwrap() == position);
    }
    assert!((MARKS - 100..=MARKS).contains(&kept), "{kept}");
    let last = room(&format!("r{}", count - 1));
    let mark = pair.other.read_mark(&last, "u1").await.unwrap();
    assert_eq!(mark, position);
}

for_every_broker! {
    brisk:
    a_private_room_begins_with_those_it_is_made_for,
    only_its_people_let_others_in,
    nothing_else_makes_a_private_room,
    private_rooms_are_listed_for_their_people_only,
    whoever_leaves_for_good_is_out_and_the_last_takes_the_log_along,
    a_private_room_takes_only_so_many_people,
    somebody_is_in_only_so_many_private_rooms,
    nobody_is_put_into_more_rooms_than_some_by_others,
    whoever_was_let_in_is_named_as_untold_until_somebody_says_otherwise,
    many_who_let_each_other_in_at_once_are_all_in_and_told_of_once,
    a_name_leads_to_its_holder_and_else_to_who_had_it_last,
    a_mark_only_ever_moves_on,
    marks_are_kept_of_so_many_rooms,
}

/// What an entry keeps alive, it keeps alive whole: nobody is shut out of a room
/// in which people talk.
#[tokio::test]
async fn the_people_of_a_room_are_kept_for_as_long_as_its_log() {
    let mut settings = brisk();
    settings.room_ttl = Duration::from_secs(1_000);
    let pair = crate::support::pair::redis(settings).await;
    let den = den();
    let made = make(ada(), &[ada(), bob()], "Den");
    pair.one.admit(&den, made).await.unwrap();
    let mut redis = pair.server.as_ref().unwrap().connection().await;
    let key = |what: &str| format!("test:1:{{{den}}}:{what}");
    let mut left = async |what: &str| -> i64 {
        let mut ask = ::redis::cmd("PTTL");
        ask.arg(key(what)).query_async(&mut redis).await.unwrap()
    };
    assert!(left("people").await > 1_000_000);
    let mut shorten = pair.server.as_ref().unwrap().connection().await;
    let mut ask = ::redis::cmd("PEXPIRE");
    ask.arg(key("people")).arg(5_000);
    let _: i64 = ask.query_async(&mut shorten).await.unwrap();
    pair.other.append(&den, message("k", "hi")).await.unwrap();
    until("the people are kept longer", async || {
        let (people, log) = (left("people").await, left("log").await);
        (log > 900_000 && people > log).then_some(())
    })
    .await;
    let _: i64 = ask.query_async(&mut shorten).await.unwrap();
    assert!(pair.other.forget(&den, &bob()).await.unwrap());
    let (people, log) = (left("people").await, left("log").await);
    assert!(log > 900_000 && people > log, "{people} {log}");
}

/// The room is there before it stands on the list of those who are in it.
#[tokio::test]
async fn who_was_let_in_and_cannot_be_listed_is_not_said_to_be_out() {
    let pair = crate::support::pair::redis(brisk()).await;
    let mut redis = pair.server.as_ref().unwrap().connection().await;
    let mut forbid = ::redis::cmd("ACL");
    forbid.arg("SETUSER").arg("default").arg("-zadd");
    let () = forbid.query_async(&mut redis).await.unwrap();
    let made = make(ada(), &[ada(), bob()], "Den");
    let admitted = pair.one.admit(&den(), made).await;
    assert_eq!(admitted, Err(BrokerError::Timeout));
    assert!(pair.one.is_one_of(&den(), &bob().id).await.unwrap());
}
