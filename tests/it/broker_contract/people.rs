//! Who may be in private rooms, what somebody is called, how far they have read.

use std::time::Duration;

use hubbub::{
    broker::{Admission, BrokerError, Departure, RoomState, Seat, people::MARKS},
    protocol::{
        entry::{Entry, Kind},
        name::RoomName,
        position::Position,
        user::User,
    },
};

use crate::support::{
    chat::{Ears, ada, bob, brisk, message, room, whole_log},
    pair::Pair,
    until::until,
};

pub(super) fn cleo() -> User {
    User::new("u,3\"", "Cleo")
}

pub(super) fn den() -> RoomName {
    RoomName::private(7)
}

pub(super) fn make(by: User, users: &[User], title: &str) -> Admission {
    Admission {
        by,
        users: users.to_vec(),
        make: Some(title.to_owned()),
    }
}

pub(super) fn invite(by: User, user: User) -> Admission {
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
    // Nobody makes it a second time, and whoever tries that is in it lets nobody in.
    let again = pair
        .other
        .admit(&den, make(cleo(), &[cleo()], "Mine"))
        .await;
    assert_eq!(again, Err(BrokerError::NoSuchRoom));
    let all = [ada(), bob(), cleo()];
    let again = pair.other.admit(&den, make(ada(), &all, "Mine")).await;
    let again = again.unwrap();
    assert_eq!((again.title.as_str(), &again.added[..]), ("Den", &[][..]));
    assert_eq!(again.untold, made.untold);
    assert_eq!(pair.one.people(&den).await.unwrap(), people);
    assert_eq!(pair.one.private_rooms(&cleo().id, 9).await.unwrap(), []);
    assert_eq!(whole_log(&*pair.one, &den).await, heard);
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
    assert_eq!(pair.other.people(&den).await.unwrap(), []);
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
    let hold = Duration::from_secs(60);
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
    ask.arg(key("people")).arg(500_000);
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
