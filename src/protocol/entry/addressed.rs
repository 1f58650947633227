//! Entries about the people of private rooms; above all those of the control log
//! that are for some of them only: they are in a room now, or not any more.
//!
//! For whom an entry is stands at its end, as a list of user ids, and is cut off
//! before anybody gets to see it.

use serde::{Deserialize, Serialize};

use super::{Entry, Fields, Kind};
use crate::protocol::{name::RoomName, user::User};

/// Where the list begins. In the text of the fields this stands nowhere else: a
/// quote inside a string has a backslash before it.
const LIST: &str = r#","for":["#;

/// What `room_added` says.
#[derive(Clone, Debug, Serialize)]
pub struct RoomAdded<'a> {
    /// Which room.
    pub room: &'a RoomName,
    /// What it is called.
    pub title: &'a str,
    /// Who made it, or let them in.
    pub by: &'a User,
    /// Whether it is the room of two people.
    pub direct: bool,
}

/// What `forgotten` says.
#[derive(Clone, Debug, Serialize)]
pub struct Forgotten<'a> {
    /// Which room.
    pub room: &'a RoomName,
}

/// The room that an addressed entry is about.
#[derive(Deserialize)]
struct About {
    room: RoomName,
}

/// What `departed` says.
#[derive(Deserialize)]
struct Gone {
    user: User,
}

impl Fields {
    /// The fields of `value`, for these users only.
    pub fn addressed<T: Serialize>(value: &T, users: &[&str]) -> Self {
        let users = serde_json::to_string(users).unwrap_or_default();
        let users = users.strip_prefix('[').unwrap_or_default();
        let text = format!("{}{LIST}{users}", Self::of(value).as_str());
        Self::stored(text.into())
    }
}

impl Entry {
    /// Whether it is for some people only.
    pub const fn is_addressed(&self) -> bool {
        matches!(self.kind, Kind::RoomAdded | Kind::Forgotten)
    }

    /// Whether it is for some people only, and this user is one of them.
    pub fn is_addressed_to(&self, user_id: &str) -> bool {
        // Most entries are for others, which a look at the text tells; but an id
        // may look like what lies between two others.
        self.is_addressed()
            && split(&self.fields).is_some_and(|(_, list)| {
                serde_json::to_string(user_id).is_ok_and(|id| list.contains(&id))
            })
            && self.addressees().iter().any(|id| id == user_id)
    }

    /// For whom it is; nobody, if it is for everybody.
    pub fn addressees(&self) -> Vec<String> {
        if !self.is_addressed() {
            return Vec::new();
        }
        let list = split(&self.fields).map(|(_, list)| format!("[{list}"));
        let users = list.and_then(|list| serde_json::from_str(&list).ok());
        users.unwrap_or_default()
    }

    /// Who left a private room for good, if it says so.
    pub fn departed(&self) -> Option<User> {
        if self.kind != Kind::Departed {
            return None;
        }
        let gone: Gone = serde_json::from_value(self.fields.value()).ok()?;
        Some(gone.user)
    }

    /// The room that an addressed entry is about.
    pub fn about(&self) -> Option<RoomName> {
        let about: About = serde_json::from_value(self.fields.value()).ok()?;
        Some(about.room)
    }
}

/// Writes what addressees get to see, and the end of the frame.
pub(super) fn write_rest(fields: &Fields, text: &mut String) {
    if let Some((shown, _)) = split(fields) {
        text.push(',');
        text.push_str(shown);
    }
    text.push('}');
}

fn split(fields: &Fields) -> Option<(&str, &str)> {
    fields.as_str().rsplit_once(LIST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::position::Position;

    fn added(title: &str, users: &[&str]) -> Entry {
        let added = RoomAdded {
            room: &RoomName::private(7),
            title,
            by: &User::new("u1", "Ada"),
            direct: false,
        };
        Entry {
            position: Position::new(5, 1),
            at: 7,
            kind: Kind::RoomAdded,
            fields: Fields::addressed(&added, users),
        }
    }

    #[test]
    fn nobody_sees_for_whom_it_is_nor_where_it_stands() {
        let frame = added("Den", &["u2", "u3"]).frame(&RoomName::control());
        assert_eq!(
            frame.as_str(),
            r#"{"type":"room_added","room":"p-00000000000000000000000000000007","title":"Den","by":{"id":"u1","name":"Ada"},"direct":false}"#
        );
    }

    #[test]
    fn it_is_for_those_who_are_named_and_nobody_else() {
        // A title that tries to look like the list, and ids that try to look
        // like others.
        let entry = added(r#"","for":["u9"]"#, &["u2", "a\"b", "u33"]);
        assert_eq!(entry.addressees(), ["u2", "a\"b", "u33"]);
        for (user, is_for) in [
            ("u2", true),
            ("a\"b", true),
            ("u33", true),
            ("u3", false),
            ("u9", false),
            ("b", false),
            (",", false),
            ("", false),
        ] {
            assert_eq!(entry.is_addressed_to(user), is_for, "{user}");
        }
        assert_eq!(entry.about(), Some(RoomName::private(7)));
        let frame = entry.frame(&RoomName::control());
        let frame: serde_json::Value = serde_json::from_str(frame.as_str()).unwrap();
        assert_eq!(frame["title"], r#"","for":["u9"]"#);
        assert_eq!(frame.get("for"), None);
    }

    #[test]
    fn what_is_not_addressed_is_for_nobody_alone() {
        let entry = Entry {
            kind: Kind::Notice,
            ..added("Den", &["u2"])
        };
        assert!(!entry.is_addressed_to("u2") && entry.addressees().is_empty());
    }
}
