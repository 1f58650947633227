//! The directory, names and polling clients.

use std::time::Duration;

use hubbub::{
    broker::{Draft, Poller, RoomSummary, Seat},
    protocol::name::RoomName,
};

use crate::support::{
    chat::{ada, brisk, message, room},
    pair::Pair,
    until::{until, within},
};

fn line(name: &RoomName, title: &str, count: u64) -> RoomSummary {
    RoomSummary {
        name: name.clone(),
        title: title.to_owned(),
        count,
    }
}

async fn the_directory_shows_the_lobby_and_then_the_rooms_active_last(pair: Pair) {
    let (lobby, den, attic) = (RoomName::lobby(), room("den"), room("attic"));
    assert_eq!(pair.one.rooms(10).await.unwrap(), [line(&lobby, "", 0)]);
    pair.one.open(&attic, "Up there").await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    pair.one.append(&den, message("k", "a")).await.unwrap();
    let notice = Draft {
        key: None,
        ..message("k", "a")
    };
    pair.one.append(&RoomName::control(), notice).await.unwrap();
    pair.one
        .enter(&attic, &ada(), &Seat::Instance)
        .await
        .unwrap();
    pair.one
        .enter(&lobby, &ada(), &Seat::Instance)
        .await
        .unwrap();
    let all = [
        line(&lobby, "", 1),
        line(&den, "", 0),
        line(&attic, "Up there", 1),
    ];
    assert_eq!(pair.other.rooms(10).await.unwrap(), all);
    assert_eq!(pair.other.rooms(2).await.unwrap(), all[..2]);
    assert_eq!(pair.other.rooms(0).await.unwrap(), []);

    pair.other.close(&den).await.unwrap();
    assert_eq!(
        pair.one.rooms(10).await.unwrap(),
        [all[0].clone(), all[2].clone()]
    );
    pair.other.open(&den, "Again").await.unwrap();
    assert_eq!(pair.one.rooms(10).await.unwrap()[1], line(&den, "Again", 0));

    // Whoever spoke last in a room may be another instance than who closed it.
    for (opens, closes) in [(&pair.one, &pair.other), (&pair.other, &pair.one)] {
        opens.append(&den, message("again", "b")).await.unwrap();
        closes.close(&den).await.unwrap();
        opens.open(&den, "Again").await.unwrap();
        let listed = pair.one.rooms(10).await.unwrap();
        assert_eq!(listed[1], line(&den, "Again", 0));
    }
}

async fn a_name_is_held_by_one_user_at_a_time(pair: Pair) {
    let hold = Duration::from_secs(60);
    assert!(pair.one.claim_name("ada", "u1", hold).await.unwrap());
    assert!(pair.other.claim_name("ada", "u1", hold).await.unwrap());
    assert!(!pair.other.claim_name("ada", "u2", hold).await.unwrap());
    pair.other.release_name("ada", "u2").await.unwrap();
    assert!(!pair.other.claim_name("ada", "u2", hold).await.unwrap());
    pair.other.release_name("ada", "u1").await.unwrap();
    assert!(
        pair.one
            .claim_name("ada", "u2", Duration::from_millis(50))
            .await
            .unwrap()
    );
    until("the name is free again", async || {
        pair.one
            .claim_name("ada", "u1", hold)
            .await
            .unwrap()
            .then_some(())
    })
    .await;
}

async fn holding_a_name_again_never_shortens_it(pair: Pair) {
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(20));
    assert!(pair.one.claim_name("ada", "u1", long).await.unwrap());
    assert!(pair.other.claim_name("ada", "u1", short).await.unwrap());
    assert!(pair.other.claim_name("ben", "u1", short).await.unwrap());
    until("the short hold is over", async || {
        let claimed = pair.one.claim_name("ben", "u2", short).await;
        claimed.unwrap().then_some(())
    })
    .await;
    assert!(!pair.one.claim_name("ada", "u2", long).await.unwrap());
}

async fn a_polling_client_is_known_everywhere_until_its_deadline(pair: Pair) {
    let poller = Poller {
        user: ada(),
        session: "s".to_owned(),
        rooms: vec![room("den")],
        turn: 2,
    };
    let overtaken = Poller {
        rooms: vec![],
        turn: 1,
        ..poller.clone()
    };
    let mut number = 0;
    let kept_for = brisk().poll_deadline + brisk().grace;
    let (client, kept, found) = within(kept_for, async || {
        number += 1;
        let client = format!("c{number}");
        assert_eq!(pair.one.poller(&client).await.unwrap(), None);
        let mut kept = Vec::new();
        for (broker, poller) in [
            (&pair.one, &poller),
            (&pair.other, &overtaken),
            (&pair.other, &poller),
        ] {
            kept.push(broker.keep_poller(&client, poller).await.unwrap());
        }
        let found = pair.other.poller(&client).await.unwrap();
        (client, kept, found)
    })
    .await;
    assert_eq!((kept, found), (vec![true, false, true], Some(poller)));
    until("the poller is forgotten", async || {
        let found = pair.other.poller(&client).await.unwrap();
        found.is_none().then_some(())
    })
    .await;
}

for_every_broker! {
    brisk:
    the_directory_shows_the_lobby_and_then_the_rooms_active_last,
    a_name_is_held_by_one_user_at_a_time,
    holding_a_name_again_never_shortens_it,
    a_polling_client_is_known_everywhere_until_its_deadline,
}
