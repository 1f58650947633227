//! What only the Redis broker can get wrong with presence: instances that die,
//! leases that are lost, a Redis that is away.

use std::time::{Duration, Instant};

use hubbub::{
    broker::{Broker, BrokerError, BrokerSettings, Departure, Presence, Relay, Seat},
    protocol::{name::RoomName, user::User},
};

use crate::support::{
    chat::{Ears, ada, bob, brisk, room},
    pair::{instance, wait_until_away, wait_until_up},
    redis::RedisServer,
    until::until,
};

/// Waits until an instance declares somebody gone whose grace is over: from then
/// on everybody else could be, too. Returns who that was.
async fn wait_until_it_clears_up(broker: &dyn Broker, room: &RoomName) -> User {
    let kate = User::new("u3", "Kate");
    until("Kate is in", async || {
        broker.enter(room, &kate, &Seat::Instance).await.ok()
    })
    .await;
    broker
        .leave(room, &kate, &Seat::Instance, Departure::Grace)
        .await;
    until("Kate is gone", async || {
        let members = broker.members(room).await.ok()?.members;
        (!members.contains(&kate)).then_some(())
    })
    .await;
    kate
}

/// Settings of an instance that is not taken for dead because this machine stops
/// for a moment.
fn living_for(lease: Duration) -> BrokerSettings {
    BrokerSettings { lease, ..brisk() }
}

/// Longer than anything is waited for here.
const FOR_EVER: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_users_of_a_dead_instance_leave_once_each() {
    let server = RedisServer::start();
    let (dying, living) = (
        instance(&server, living_for(Duration::from_secs(3))).await,
        instance(&server, living_for(FOR_EVER)).await,
    );
    // It has nobody, and clears up sooner than the one that lives.
    let _janitor = instance(&server, brisk()).await;
    let rooms = [room("den"), room("attic")];
    let ears = Ears::of(&*living);
    for name in &rooms {
        living.subscribe(name).await.unwrap();
        dying.enter(name, &ada(), &Seat::Instance).await.unwrap();
        dying.enter(name, &bob(), &Seat::Instance).await.unwrap();
    }
    // Bob is back elsewhere before anybody noticed.
    living
        .enter(&rooms[0], &bob(), &Seat::Instance)
        .await
        .unwrap();
    let died = Instant::now();
    drop(dying);
    for (name, joins, staying) in [(&rooms[0], 2, 1), (&rooms[1], 2, 0)] {
        until("they have left", async || {
            let count = living.count(name).await.unwrap().count;
            (count == staying).then_some(())
        })
        .await;
        let leaving = joins - usize::try_from(staying).unwrap();
        let left = until("that is heard", async || {
            let heard = ears.changes(name).into_iter();
            let left: Vec<User> = heard.flat_map(|change| change.left).collect();
            (left.len() >= leaving).then_some(left)
        })
        .await;
        assert_eq!(left.len(), leaving);
    }
    assert!(died.elapsed() >= brisk().grace);
    let mut redis = server.connection().await;
    until("nothing of it is left", async || {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("*{!*")
            .query_async(&mut redis)
            .await
            .unwrap();
        (keys.iter().filter(|key| key.contains(":lease:")).count() == 2
            && keys.iter().filter(|key| key.contains(":rooms:")).count() == 1)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_leaves_in_order_is_cleared_up_at_once() {
    let server = RedisServer::start();
    let (leaving, staying) = (
        instance(&server, living_for(FOR_EVER)).await,
        instance(&server, brisk()).await,
    );
    let den = room("den");
    // Nobody is declared gone before the links have been up for a while.
    wait_until_it_clears_up(&*staying, &den).await;
    leaving.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    leaving.release().await;
    let refused = leaving.enter(&den, &bob(), &Seat::Instance).await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    until("she has left", async || {
        (staying.count(&den).await.unwrap().count == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_leaves_because_redis_was_away() {
    let mut server = RedisServer::start_durable();
    // Both are to be back before the first clears up after the second.
    let settings = living_for(Duration::from_secs(3));
    let (one, other) = (
        instance(&server, settings.clone()).await,
        instance(&server, settings.clone()).await,
    );
    let den = room("den");
    let ears = Ears::of(&*other);
    other.subscribe(&den).await.unwrap();
    one.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    other.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    server.kill();
    // Away for longer than a lease and a grace period: that is what it is about,
    // and as nobody can see it pass, there is nothing else to wait for.
    tokio::time::sleep(settings.lease + settings.grace + Duration::from_millis(300)).await;
    server.restart();
    wait_until_up(&*one).await;
    wait_until_up(&*other).await;
    let kate = wait_until_it_clears_up(&*one, &den).await;
    until("the others are there", async || {
        let members = one.members(&den).await.ok()?.members;
        (members == [ada(), bob()]).then_some(())
    })
    .await;
    let left: Vec<User> = ears
        .changes(&den)
        .into_iter()
        .flat_map(|c| c.left)
        .collect();
    assert!(left.iter().all(|user| *user == kate), "{left:?}");
}

#[tokio::test]
async fn an_instance_that_lost_its_lease_says_anew_who_is_there() {
    let server = RedisServer::start();
    let broker = instance(&server, living_for(FOR_EVER)).await;
    let den = room("den");
    broker.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    let before = broker.count(&den).await.unwrap();
    let mut redis = server.connection().await;
    let () = redis::cmd("FLUSHALL")
        .query_async(&mut redis)
        .await
        .unwrap();
    let after = until("she is there again", async || {
        let counted = broker.count(&den).await.unwrap();
        (counted.count == 1).then_some(counted)
    })
    .await;
    assert!(
        after.version > before.version,
        "a version is never repeated"
    );
    broker
        .leave(&den, &ada(), &Seat::Instance, Departure::Now)
        .await;
    assert_eq!(broker.count(&den).await.unwrap().count, 0);
}

#[tokio::test]
async fn a_departure_while_redis_is_away_is_made_good() {
    let mut server = RedisServer::start_durable();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    broker.enter(&den, &ada(), &Seat::Instance).await.unwrap();
    broker.enter(&den, &bob(), &Seat::Instance).await.unwrap();
    server.kill();
    wait_until_away(&*broker).await;
    broker
        .leave(&den, &ada(), &Seat::Instance, Departure::Now)
        .await;
    let kate = User::new("u3", "Kate");
    let refused = broker.enter(&den, &kate, &Seat::Instance).await;
    assert_eq!(refused, Err(BrokerError::Unavailable));
    server.restart();
    until("only Bob is there", async || {
        let roster = broker.members(&den).await.ok()?;
        (roster.members == [bob()]).then_some(())
    })
    .await;
}
