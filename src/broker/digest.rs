//! What tells two drafts under one send key apart.

use sha2::{Digest as _, Sha256};

use super::Draft;

/// The digest of a draft's kind and of what was said, in hexadecimal. Half a SHA-256 is
/// kept: nobody but the owner of the key could make use of a collision.
pub(super) fn digest(draft: &Draft) -> String {
    let mut sha = Sha256::new();
    sha.update(draft.kind.as_str());
    sha.update([0]);
    sha.update(draft.fields.said());
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
    use super::*;
    use crate::protocol::entry::{Fields, Kind};

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
}
