//! Private rooms and rooms of two people: made, shared, listed, left.

use hubbub_cluster::Description;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client},
    cluster::cases,
    http::text,
    private::create,
};

cases! {
    whoever_is_invited_hears_of_it_and_talks;
}

async fn whoever_is_invited_hears_of_it_and_talks(world: &Description) {
    for (makes, comes) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let (one, other) = (&world.instances[0].url, &world.instances[1].url);
        let mut ada = Client::enter(one, "Ada", BOTH[makes]).await;
        let mut ben = Client::enter(other, "Ben", BOTH[comes]).await;
        ben.join("lobby").await;
        let room = create(&mut ada, "Plans", &[&ben.person.name]).await;
        assert!(room.starts_with("p-") && room.len() == 34, "{room}");
        let added = ben.hears(|frame| frame["type"] == "room_added").await;
        let by = json!({"id": ada.person.id, "name": ada.person.name});
        assert_eq!(
            added,
            json!({"type": "room_added", "room": room, "title": "Plans", "by": by, "direct": false})
        );
        let joined = ada.join(&room).await;
        assert_eq!(joined["title"], "Plans");
        assert_eq!(joined["direct"], false);
        assert_eq!(people(&joined["people"]), names(&[&ada, &ben]));
        ben.join(&room).await;
        ada.say(&room, "between us").await;
        assert_eq!(ben.hears_message(&room).await["text"], "between us");
        ben.say(&room, "yes").await;
        assert_eq!(ada.hears_up_to(&room, "yes").await.len(), 2);
    }
}

/// The names of some users.
fn people(users: &Value) -> Vec<String> {
    let users = users.as_array().into_iter().flatten();
    let mut names: Vec<_> = users.map(|user| text(&user["name"])).collect();
    names.sort();
    names
}

fn names(clients: &[&Client]) -> Vec<String> {
    let names = clients.iter().map(|client| client.person.name.clone());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
