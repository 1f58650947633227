//! Events between instances.

use hubbub::protocol::{
    entry::Kind,
    event::{Event, Typing},
};

use crate::support::{
    chat::{Ears, ada, brisk, message, room},
    pair::Pair,
    until::until,
};

async fn who_subscribed_hears_what_is_said_through_another_instance(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    let text = "with  spaces, \"quotes\" and 言葉";
    let sent = pair.other.append(&den, message("k1", text)).await.unwrap();
    let heard = ears.wait_for_entries(&den, 2).await;
    assert!(matches!(heard[0].kind, Kind::Epoch { .. }));
    assert_eq!((heard[1].position, heard[1].at), (sent.position, sent.at));
    assert_eq!(heard[1].fields, message("k1", text).fields);
}

async fn a_repeated_send_is_not_told_again(pair: Pair) {
    let (den, attic) = (room("den"), room("attic"));
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    pair.one.subscribe(&attic).await.unwrap();
    for _ in 0..3 {
        pair.other.append(&den, message("k1", "a")).await.unwrap();
    }
    pair.other.append(&attic, message("k1", "a")).await.unwrap();
    ears.wait_for_entries(&attic, 2).await;
    assert_eq!(ears.entries(&den).len(), 2);
}

async fn only_subscribed_rooms_are_heard(pair: Pair) {
    let (den, attic, cellar) = (room("den"), room("attic"), room("cellar"));
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&attic).await.unwrap();
    pair.one.subscribe(&cellar).await.unwrap();
    pair.one.unsubscribe(&attic).await;
    for (n, name) in [&den, &attic, &cellar].into_iter().enumerate() {
        pair.other
            .append(name, message(&format!("k{n}"), "a"))
            .await
            .unwrap();
    }
    ears.wait_for_entries(&cellar, 2).await;
    assert!(ears.entries(&den).is_empty() && ears.entries(&attic).is_empty());
}

async fn typing_is_told_to_all(pair: Pair) {
    let den = room("den");
    let ears = Ears::of(&*pair.one);
    pair.one.subscribe(&den).await.unwrap();
    let typing = Typing {
        user: ada(),
        on: true,
    };
    pair.other
        .tell(&den, &Event::Typing(typing.clone()))
        .await
        .unwrap();
    let heard = until("typing", async || {
        ears.of_room(&den, |event| match event {
            Event::Typing(typing) => Some(typing.clone()),
            _ => None,
        })
        .pop()
    })
    .await;
    assert_eq!(heard, typing);
}

for_every_broker! {
    brisk:
    who_subscribed_hears_what_is_said_through_another_instance,
    a_repeated_send_is_not_told_again,
    only_subscribed_rooms_are_heard,
    typing_is_told_to_all,
}
