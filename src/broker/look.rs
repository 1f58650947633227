//! How a message looks now, as far as that differs from what was said. The log
//! keeps what was said; whoever reads it gets this.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::protocol::{
    entry::{Entry, Fields, Kind},
    user::User,
};

/// The most bytes of looks on one page, unless a single one is larger; and, of
/// their own, of entries that are looked at for one page.
pub(super) const PAGE_BYTES: usize = 256 * 1024;

/// How a message looks now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    text: Wording,
    /// JSON objects with a comma between them.
    reactions: String,
}

/// What became of the text of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Wording {
    #[default]
    AsSaid,
    /// The fields that take the place of those it had: inside of a JSON object.
    Edited(String),
    Deleted,
}

/// What an edit puts in the place of what was said.
#[derive(Serialize)]
pub(super) struct NewText<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) mentions: &'a [Arc<str>],
    /// When, in milliseconds since 1970; who stores it may add that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edited: Option<u64>,
}

/// Some people who share a reaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reaction {
    pub(super) emoji: String,
    pub(super) users: Vec<User>,
}

impl Look {
    /// A message that was taken back.
    pub(super) fn deleted() -> Self {
        Self {
            text: Wording::Deleted,
            reactions: String::new(),
        }
    }

    /// A message with another text, with reactions, or with both.
    pub(super) fn of(text: Option<&NewText<'_>>, reactions: &[Reaction]) -> Self {
        let list = serde_json::to_string(reactions).unwrap_or_default();
        let inside = list
            .strip_prefix('[')
            .and_then(|list| list.strip_suffix(']'));
        Self {
            text: text.map_or(Wording::AsSaid, |text| {
                Wording::Edited(Fields::of(text).as_str().to_owned())
            }),
            reactions: inside.unwrap_or_default().to_owned(),
        }
    }

    /// Reads a line of what Redis keeps; see `redis/lua/fold.lua`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, '\n').skip(1);
        let text = match parts.next()? {
            "" => Wording::AsSaid,
            "deleted" => Wording::Deleted,
            edited => Wording::Edited(edited.to_owned()),
        };
        let reactions = parts.next()?.to_owned();
        Some(Self { text, reactions })
    }

    /// How many bytes it may add to a page.
    pub(super) fn bytes(&self) -> usize {
        let text = match &self.text {
            Wording::Edited(text) => text.len(),
            Wording::AsSaid | Wording::Deleted => 0,
        };
        text + self.reactions.len()
    }

    /// Shows a message as it looks now; of an edit, the text that its message
    /// has now. Every other entry is what it is.
    pub(super) fn show(&self, entry: &mut Entry) {
        let of_message = match entry.kind {
            Kind::Message => true,
            Kind::Edited => false,
            _ => return,
        };
        let said = format!("{{{}}}", entry.fields.as_str());
        let Ok(said) = serde_json::from_str::<Members<'_>>(&said) else {
            return;
        };
        if let Some(shown) = self.write(said, of_message) {
            entry.fields = shown;
        }
    }

    fn write(&self, said: Members<'_>, of_message: bool) -> Option<Fields> {
        let mut shown = Members(Vec::with_capacity(said.0.len() + 3));
        match &self.text {
            Wording::AsSaid => shown = said,
            Wording::Deleted => {
                // Whatever else a message may hold goes with its text.
                let stays = ["key", "from", "target", "by", "reply_to"];
                let rest = said.0.into_iter();
                shown
                    .0
                    .extend(rest.filter(|(name, _)| stays.contains(&&**name)));
                shown.put("text", &"")?;
                if of_message {
                    shown.put("deleted", &true)?;
                }
            }
            Wording::Edited(now) => {
                let now = format!("{{{now}}}");
                let now: Members<'_> = serde_json::from_str(&now).ok()?;
                let is_new = |name: &str| ["text", "mentions", "edited"].contains(&name);
                let rest = said.0.into_iter();
                shown.0.extend(rest.filter(|(name, _)| !is_new(name)));
                for (name, value) in now.0 {
                    if of_message || name != "edited" {
                        let name = Cow::Owned(name.into_owned());
                        shown.0.push((name, Cow::Owned(value.into_owned())));
                    }
                }
            }
        }
        if of_message && !self.reactions.is_empty() {
            let list = format!("[{}]", self.reactions);
            let list = RawValue::from_string(list).ok()?;
            shown.0.push((Cow::Borrowed("reactions"), Cow::Owned(list)));
        }
        Some(shown.fields())
    }
}

/// The members of a JSON object in their order, each value as it was written.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl Members<'_> {
    fn put(&mut self, name: &'static str, value: &impl Serialize) -> Option<()> {
        let value = to_raw_value(value).ok()?;
        self.0.push((Cow::Borrowed(name), Cow::Owned(value)));
        Some(())
    }

    fn fields(&self) -> Fields {
        let mut text = String::new();
        for (name, value) in &self.0 {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(name).unwrap_or_default());
            text.push(':');
            text.push_str(value.get());
        }
        Fields::stored(Bytes::from(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value::<&'de RawValue>()?;
                    members.push((Cow::Owned(name), Cow::Borrowed(value)));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::position::Position;

    fn shown(look: &Look, kind: Kind, said: &Value) -> Value {
        let mut entry = Entry {
            position: Position::new(1, 1),
            at: 5,
            kind,
            fields: Fields::of(said),
        };
        look.show(&mut entry);
        entry.fields.value()
    }

    fn edited(text: &str) -> Look {
        let now = NewText {
            text,
            mentions: &[],
            edited: Some(9),
        };
        Look::of(Some(&now), &[])
    }

    #[test]
    fn a_deleted_message_keeps_nothing_of_what_it_said() {
        let said = json!({"key": "k", "from": {"id": "u1"}, "text": "oh", "reply_to": "1-0",
            "mentions": ["u2"], "picture": "of a later release"});
        let blank = json!({"key": "k", "from": {"id": "u1"}, "text": "", "reply_to": "1-0",
            "deleted": true});
        assert_eq!(shown(&Look::deleted(), Kind::Message, &said), blank);
        let edit = json!({"key": "k", "target": "1-1", "by": {"id": "u1"}, "text": "oh"});
        let blank = json!({"key": "k", "target": "1-1", "by": {"id": "u1"}, "text": ""});
        assert_eq!(shown(&Look::deleted(), Kind::Edited, &edit), blank);
    }

    #[test]
    fn an_edited_message_says_what_it_says_now_and_since_when() {
        let said = json!({"key": "k", "text": "a", "mentions": ["u2"], "new": {"b": [1, 2]}});
        let now = json!({"key": "k", "text": "b \"c\"", "edited": 9, "new": {"b": [1, 2]}});
        assert_eq!(shown(&edited("b \"c\""), Kind::Message, &said), now);
        let edit = json!({"key": "k2", "target": "1-1", "text": "a"});
        let now = json!({"key": "k2", "target": "1-1", "text": "b"});
        assert_eq!(shown(&edited("b"), Kind::Edited, &edit), now);
        assert_eq!(shown(&edited("b"), Kind::Notice, &edit), edit);
    }

    #[test]
    fn reactions_are_shown_of_the_message_alone() {
        let hearts = Reaction {
            emoji: "❤".to_owned(),
            users: vec![User::new("u1", "Ada")],
        };
        let look = Look::of(None, &[hearts]);
        let said = json!({"key": "k", "text": "a"});
        let list = json!([{"emoji": "❤", "users": [{"id": "u1", "name": "Ada"}]}]);
        let now = json!({"key": "k", "text": "a", "reactions": list});
        assert_eq!(shown(&look, Kind::Message, &said), now);
        assert_eq!(shown(&look, Kind::Edited, &said), said);
    }

    #[test]
    fn a_line_of_redis_is_read() {
        let line = "1-9\n\"text\":\"b\",\"edited\":9\n";
        assert_eq!(Look::parse(line).unwrap(), edited("b"));
        assert_eq!(Look::parse("1-9\ndeleted\n").unwrap(), Look::deleted());
        assert_eq!(Look::parse("of another form"), None);
    }
}
