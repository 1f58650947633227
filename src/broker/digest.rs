//! What tells two drafts under one send key apart.

use sha2::{Digest as _, Sha256};

use super::{Draft, look::Members};
use crate::protocol::entry::Fields;

/// What the server adds to what was said. It may be something else when the same
/// is said again: a name may be spelt otherwise, or belong to somebody else. Who
/// says it stands in the key.
const ADDED: [&str; 3] = ["from", "by", "mentions"];

/// What tells what is kept under a key from a digest in another form: a build that
/// forms them otherwise than this one puts a name before its digests, and this in
/// between. Then nobody can say that something else was said.
const FORM_END: char = ':';

/// Whether a digest that some build keeps allows that this one was meant.
pub(super) fn may_be(kept: &str, digest: &str) -> bool {
    kept == digest || form_of(kept) != form_of(digest)
}

fn form_of(digest: &str) -> Option<&str> {
    digest.split_once(FORM_END).map(|(form, _)| form)
}

/// The digest of a draft's kind and of what was said, in hexadecimal. Half a SHA-256 is
/// kept: nobody but the owner of the key could make use of a collision.
pub(super) fn digest(draft: &Draft) -> String {
    digest_of(draft.kind.as_str(), &draft.fields)
}

/// The same of anything else that is said under a key.
pub(super) fn digest_of(kind: &str, fields: &Fields) -> String {
    let mut sha = Sha256::new();
    sha.update(kind);
    let fields = format!("{{{}}}", fields.as_str());
    if let Ok(fields) = serde_json::from_str::<Members<'_>>(&fields) {
        // No zero stands in JSON.
        for (name, value) in fields
            .0
            .iter()
            .filter(|(name, _)| !ADDED.contains(&&**name))
        {
            for part in [name, value.get()] {
                sha.update([0]);
                sha.update(part);
            }
        }
    }
    sha.finalize()
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::{
        entry::{ChangeFields, Kind, MessageFields},
        position::Position,
        user::User,
    };

    fn of(kind: Kind, text: &str) -> String {
        digest(&Draft {
            kind,
            fields: Fields::of(&serde_json::json!({ "text": text })),
            key: None,
            may_create: false,
        })
    }

    #[test]
    fn it_tells_texts_and_kinds_apart() {
        assert_eq!(of(Kind::Message, "a"), of(Kind::Message, "a"));
        assert_ne!(of(Kind::Message, "a"), of(Kind::Message, "b"));
        assert_ne!(of(Kind::Message, "a"), of(Kind::Notice, "a"));
        assert_eq!(of(Kind::Message, "a").len(), 32);
    }

    #[test]
    fn a_digest_of_another_form_refuses_nobody() {
        for (kept, may_be_it) in [("ab12", true), ("cd34", false), ("2:cd34", true)] {
            assert_eq!(may_be(kept, "ab12"), may_be_it, "{kept}");
        }
    }

    fn said(from: &User, text: &str, target: u64, mentions: &[Arc<str>]) -> [String; 2] {
        let key = "k1".parse().unwrap();
        let target = Position::new(7, target);
        let message = Fields::of(&MessageFields {
            key: &key,
            from,
            text,
            reply_to: Some(target),
            mentions,
        });
        let edit = Fields::of(&ChangeFields {
            key: &key,
            target,
            by: from,
            text: Some(text),
            emoji: None,
            on: None,
            mentions,
        });
        [(Kind::Message, message), (Kind::Edited, edit)].map(|(kind, fields)| {
            digest(&Draft {
                kind,
                fields,
                key: None,
                may_create: false,
            })
        })
    }

    #[test]
    fn what_the_server_adds_is_no_part_of_what_was_said() {
        let ada = User::new("u1", "adaX");
        let sly = r#"@Ben ","mentions":["u9"],"from":{"id":"#;
        let plain = said(&ada, sly, 1, &[]);
        assert_eq!(plain, said(&ada, sly, 1, &["u2".into()]));
        assert_eq!(plain, said(&User::new("u1", "ADA\"},"), sly, 1, &[]));
        for other in [said(&ada, "@Ben ", 1, &[]), said(&ada, sly, 2, &[])] {
            assert!(
                plain
                    .iter()
                    .zip(&other)
                    .all(|(plain, other)| plain != other)
            );
        }
    }
}
