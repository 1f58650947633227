//! Changes of messages, and what the messages look like afterwards.

use hubbub::{
    broker::{Broker, Change, DedupeKey, Draft, What},
    protocol::{
        entry::{Fields, Kind, MessageFields},
        name::RoomName,
        position::Position,
        user::User,
    },
};
use serde_json::Value;

use super::pair::Pair;

/// Somebody as ugly as a token may make them.
pub(crate) fn cleo() -> User {
    User::new("{\"id\":\"u1\",", "]},{\"emoji\":\"x")
}

/// Says something, and returns where it stands.
pub(crate) async fn say(
    broker: &dyn Broker,
    den: &RoomName,
    by: &User,
    key: &str,
    text: &str,
) -> Position {
    let key = key.parse().unwrap();
    let draft = Draft {
        kind: Kind::Message,
        fields: Fields::of(&MessageFields {
            key: &key,
            from: by,
            text,
            reply_to: None,
            mentions: &["u9".into()],
        }),
        key: Some(DedupeKey {
            user_id: by.id.clone(),
            key,
        }),
        may_create: true,
    };
    broker.append(den, draft).await.unwrap().position
}

pub(crate) fn change(by: &User, key: &str, target: Position, what: What) -> Change {
    Change {
        target,
        by: by.clone(),
        key: key.parse().unwrap(),
        what,
    }
}

pub(crate) fn edit(text: &str) -> What {
    What::Edit {
        text: text.to_owned(),
        mentions: vec![],
    }
}

pub(crate) fn react(emoji: &str, on: bool) -> What {
    let emoji = emoji.parse().unwrap();
    What::React { emoji, on }
}

/// The message at a position as it is shown now, without what never changes; the
/// same whichever way it is read.
pub(crate) async fn look(pair: &Pair, den: &RoomName, at: Position) -> Value {
    let before = Position::new(at.epoch, at.seq + 1);
    let one = pair.one.read_before(den, Some(before), 1).await.unwrap();
    let after = Position::new(at.epoch, at.seq - 1);
    let other = pair.other.read_after(den, after, 1).await.unwrap();
    assert_eq!(one.entries, other.entries);
    assert_eq!(one.entries[0].position, at);
    let mut shown = one.entries[0].fields.value();
    for never in ["key", "from"] {
        assert!(shown.as_object_mut().unwrap().remove(never).is_some());
    }
    shown
}
