//! Who is there.

use hubbub::{
    broker::{Departure, Seat},
    protocol::{name::RoomName, user::User},
};

use crate::support::{
    chat::{Ears, ada, bob, brisk, room},
    pair::Pair,
    until::until,
};

fn poll(name: &str) -> Seat {
    Seat::Poll(name.into())
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
    pair.one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    pair.one
        .leave(&den, &ada(), &Seat::Instance, Departure::Grace)
        .await;
    assert_eq!(names(&*pair.other, &den).await, ["Ada"]);
    pair.other
        .enter(&den, &ada(), &Seat::Instance)
        .await
        .unwrap();
    // Bob leaves later than Ada would have: once that is heard, her grace
    // period is over.
    pair.one.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    pair.one
        .leave(&den, &bob(), &Seat::Instance, Departure::Grace)
        .await;
    let heard = ears.wait_for_changes(&den, 3).await;
    assert_eq!(heard[2].left, [bob()]);
    assert_eq!(names(&*pair.other, &den).await, ["Ada"]);
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
    let kate = User::new("u 3 with spaces", "Kate");
    let started = std::time::Instant::now();
    // Longer than one deadline, in steps shorter than it.
    for broker in [&pair.one, &pair.other].into_iter().cycle() {
        broker.enter(&den, &kate, &poll("c1")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if started.elapsed() > std::time::Duration::from_millis(900) {
            break;
        }
    }
    assert_eq!(ears.changes(&den).len(), 1);
    let heard = ears.wait_for_changes(&den, 2).await;
    assert_eq!((&heard[1].left[..], heard[1].count), (&[kate][..], 0));
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

for_every_broker! {
    brisk:
    whoever_takes_several_seats_joins_once,
    who_is_back_within_the_grace_period_never_left,
    who_stays_away_has_left_after_the_grace_period,
    who_says_so_leaves_at_once,
    one_seat_of_two_given_up_is_no_departure,
    a_polling_client_is_there_as_long_as_it_polls_wherever_that_is,
    a_new_name_is_shown,
    many_come_and_go_at_once_and_the_roster_is_right,
    some_of_many_can_be_named,
}
