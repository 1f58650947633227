//! Who is there.

use std::time::{Duration, Instant};

use hubbub::{
    broker::{BrokerSettings, Departure, Seat},
    protocol::{event::PresenceChange, name::RoomName, user::User},
};

use crate::support::{
    chat::{Ears, ada, bob, brisk, room},
    pair::Pair,
    until::{until, within},
};

fn poll(name: &str) -> Seat {
    Seat::Poll(name.into())
}

/// Nobody is gone because of some time that passes.
fn lasting() -> BrokerSettings {
    BrokerSettings {
        grace: Duration::from_secs(600),
        poll_deadline: Duration::from_secs(600),
        ..brisk()
    }
}

/// Times in which even a busy machine does a few things.
fn settings() -> BrokerSettings {
    BrokerSettings {
        grace: Duration::from_millis(600),
        poll_deadline: Duration::from_secs(1),
        ..brisk()
    }
}

/// What was heard of somebody's departures.
fn departures(ears: &Ears, room: &RoomName, user: &User) -> Vec<PresenceChange> {
    let heard = ears.changes(room).into_iter();
    heard.filter(|change| change.left.contains(user)).collect()
}

async fn names(broker: &dyn hubbub::broker::Broker, room: &RoomName) -> Vec<String> {
    let roster = broker.members(room).await.unwrap();
    roster
        .members
        .iter()
        .map(|user| user.name.to_string())
        .collect()
}

async fn whoever_takes_several_seats_joins_once(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.other
        .enter(&den, &ada(), &Seat::Instance)
        .await
        .unwrap();
    pair.other.enter(&den, &ada(), &poll("c1")).await.unwrap();
    pair.one.enter(&den, &bob(), &Seat::Instance).await.unwrap();

    let heard = ears.wait_for_changes(&den, 2).await;
    assert_eq!((&heard[0].joined[..], heard[0].count), (&[ada()][..], 1));
    assert_eq!((&heard[1].joined[..], heard[1].count), (&[bob()][..], 2));
    assert_eq!(heard[1].version, heard[0].version + 1);
    let roster = pair.other.members(&den).await.unwrap();
    assert_eq!(roster.members, [ada(), bob()]);
    let counted = pair.one.count(&den).await.unwrap();
    assert_eq!((counted.version, counted.count), (roster.version, 2));
    assert_eq!(counted.version, heard[1].version);
}

async fn who_is_back_within_the_grace_period_never_left(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    let mut number = 0;
    let (kate, meanwhile) = within(settings().grace, async || {
        number += 1;
        let kate = User::new(format!("k{number}"), "Kate");
        pair.one.enter(&den, &kate, &Seat::Instance).await.unwrap();
        pair.one
            .leave(&den, &kate, &Seat::Instance, Departure::Grace)
            .await;
        let meanwhile = pair.other.members(&den).await.unwrap().members;
        pair.other
            .enter(&den, &kate, &Seat::Instance)
            .await
            .unwrap();
        (kate, meanwhile)
    })
    .await;
    assert!(meanwhile.contains(&kate), "{meanwhile:?}");
    // Bob leaves later than she would have: once that is heard, her grace period
    // is over.
    pair.one.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    pair.one
        .leave(&den, &bob(), &Seat::Instance, Departure::Grace)
        .await;
    until("Bob has left", async || {
        departures(&ears, &den, &bob()).pop()
    })
    .await;
    assert_eq!(departures(&ears, &den, &kate), []);
    let members = pair.other.members(&den).await.unwrap().members;
    assert!(members.contains(&kate), "{members:?}");
}

async fn who_stays_away_has_left_after_the_grace_period(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.other);
    pair.other.subscribe(&den).await.unwrap();
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.one
        .leave(&den, &ada(), &Seat::Instance, Departure::Grace)
        .await;
    pair.one
        .leave(&den, &ada(), &Seat::Instance, Departure::Grace)
        .await;
    let heard = ears.wait_for_changes(&den, 2).await;
    assert_eq!((&heard[1].left[..], heard[1].count), (&[ada()][..], 0));
    assert_eq!(pair.one.count(&den).await.unwrap().count, 0);
}

async fn who_says_so_leaves_at_once(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.one.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    pair.one
        .leave(&den, &ada(), &Seat::Instance, Departure::Now)
        .await;
    assert_eq!(names(&*pair.other, &den).await, [bob().name.to_string()]);
    pair.one
        .leave(&den, &ada(), &Seat::Instance, Departure::Now)
        .await;
    let heard = ears.wait_for_changes(&den, 3).await;
    assert_eq!((&heard[2].left[..], heard[2].count), (&[ada()][..], 1));
    assert_eq!(heard[2].version, heard[0].version + 2);
    assert_eq!(ears.changes(&den).len(), 3);
}

async fn one_seat_of_two_given_up_is_no_departure(pair: Pair) {
    let den = room("den");
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.one.enter(&den, &ada(), &poll("c1")).await.unwrap();
    let before = pair.one.count(&den).await.unwrap();
    pair.one
        .leave(&den, &ada(), &poll("c1"), Departure::Now)
        .await;
    pair.one
        .leave(&den, &ada(), &poll("c1"), Departure::Now)
        .await;
    assert_eq!(pair.other.count(&den).await.unwrap(), before);
}

async fn a_polling_client_is_there_as_long_as_it_polls_wherever_that_is(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    let deadline = settings().poll_deadline;
    let mut number = 0;
    let kate = until("somebody polls in time", async || {
        number += 1;
        let kate = User::new(format!("u {number} with spaces"), "Kate");
        let started = Instant::now();
        let mut last = started;
        // Longer than one deadline, in steps shorter than it.
        for broker in [&pair.one, &pair.other].into_iter().cycle() {
            let next = Instant::now();
            broker.enter(&den, &kate, &poll("c1")).await.unwrap();
            let left = departures(&ears, &den, &kate);
            if last.elapsed() >= deadline {
                // It was this machine that was late, and no broker too early.
                return None;
            }
            assert_eq!(left, []);
            if started.elapsed() > deadline * 6 / 5 {
                break;
            }
            last = next;
            tokio::time::sleep(deadline / 5).await;
        }
        Some(kate)
    })
    .await;
    until("she has left", async || {
        departures(&ears, &den, &kate).pop()
    })
    .await;
    assert_eq!(departures(&ears, &den, &kate).len(), 1);
    let heard = ears.changes(&den).into_iter();
    let arrivals = heard.filter(|change| change.joined.contains(&kate));
    assert_eq!(arrivals.count(), 1);
    assert_eq!(pair.one.count(&den).await.unwrap().count, 0);
}

async fn a_new_name_is_shown(pair: Pair) {
    let den = room("den");
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    let renamed = User::new(ada().id, "Countess");
    pair.one
        .enter(&den, &renamed, &Seat::Instance)
        .await
        .unwrap();
    assert_eq!(pair.other.members(&den).await.unwrap().members, [renamed]);
}

async fn many_come_and_go_at_once_and_the_roster_is_right(pair: Pair) {
    let den = room("den");
    let users: Vec<User> = (0..60)
        .map(|n| User::new(format!("u{n}"), format!("N{n:02}")))
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, user) in users.iter().cloned().enumerate() {
        let broker = if n % 2 == 0 {
            pair.one.clone()
        } else {
            pair.other.clone()
        };
        let den = den.clone();
        tasks.spawn(async move {
            broker.enter(&den, &user, &Seat::Instance).await.unwrap();
            if n % 3 == 0 {
                broker
                    .leave(&den, &user, &Seat::Instance, Departure::Now)
                    .await;
            }
        });
    }
    tasks.join_all().await;
    let expected: Vec<User> = (0..60)
        .filter(|n| n % 3 != 0)
        .map(|n: usize| users[n].clone())
        .collect();
    let members = until("everybody is there", async || {
        let roster = pair.one.members(&den).await.unwrap();
        (roster.members.len() == 40).then_some(roster.members)
    })
    .await;
    assert_eq!(members, expected);
}

async fn some_of_many_can_be_named(pair: Pair) {
    let den = room("den");
    let all: Vec<User> = (0..9)
        .map(|n| User::new(format!("u{n}"), format!("N{n}")))
        .collect();
    for user in &all {
        pair.one.enter(&den, user, &Seat::Instance).await.unwrap();
    }
    for (most, named) in [(1, 1), (4, 4), (9, 9), (100, 9)] {
        let some = pair.other.some_members(&den, most).await.unwrap();
        assert_eq!((some.count, some.members.len()), (9, named));
        assert!(some.members.is_sorted_by(|a, b| a.name < b.name));
        assert!(some.members.iter().all(|user| all.contains(user)));
    }
    let whole = pair.other.members(&den).await.unwrap();
    assert_eq!((whole.count, whole.members), (9, all));
}

async fn many_rooms_are_counted_in_one_go(pair: Pair) {
    let rooms: Vec<_> = (0..450).map(|n| room(&format!("den-{n}"))).collect();
    // Some rooms have people, most do not.
    for (n, room) in rooms.iter().enumerate().filter(|(n, _)| n % 100 == 7) {
        pair.one.enter(room, &ada(), &poll("c1")).await.unwrap();
        if n > 200 {
            pair.one.enter(room, &bob(), &poll("c2")).await.unwrap();
        }
    }
    let heads = pair.other.counts(&rooms).await.unwrap();
    let counts = heads.iter().map(|head| head.count).enumerate();
    let found: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
    assert_eq!(found, [(7, 1), (107, 1), (207, 2), (307, 2), (407, 2)]);
    for (room, head) in rooms.iter().zip(&heads) {
        assert_eq!(pair.one.count(room).await.unwrap(), *head);
    }
    assert!(pair.one.counts(&[]).await.unwrap().is_empty());
}

mod whatever_time_passes {
    use super::*;

    for_every_broker! {
        lasting:
        whoever_takes_several_seats_joins_once,
        who_says_so_leaves_at_once,
        one_seat_of_two_given_up_is_no_departure,
        a_new_name_is_shown,
        many_come_and_go_at_once_and_the_roster_is_right,
        some_of_many_can_be_named,
        many_rooms_are_counted_in_one_go,
    }
}

mod as_time_passes {
    use super::*;

    for_every_broker! {
        settings:
        who_is_back_within_the_grace_period_never_left,
        who_stays_away_has_left_after_the_grace_period,
        a_polling_client_is_there_as_long_as_it_polls_wherever_that_is,
    }
}
