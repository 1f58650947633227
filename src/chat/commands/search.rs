//! `search`: look for words in what was said in a room, by frame or by HTTP.
//!
//! Each call looks at a bounded part of the log, from the newest on, and says
//! where to go on. It reads as `history` does, so that it finds what messages
//! say now, and not what they said once.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::{
    chat::{connection::Connection, hub::Hub, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        code::ErrorCode,
        entry::Entry,
        name::RoomName,
        position::Position,
        server_frame::{Messages, ServerFrame},
        user::User,
    },
};

use super::look;

/// How many parts of the log one call reads at most. What the broker passes over
/// is bounded for each of them …
const PARTS: usize = 8;
/// … of so many entries …
const PART: usize = 250;
/// … and about so many bytes of them it looks through in all.
const LOOKED_THROUGH: usize = 1024 * 1024;
/// After so many bytes others have their turn.
const TURN: usize = 64 * 1024;
/// A folded text is so many times as long at most as what was said; what comes
/// after that is not looked at. Hangul takes three times its length, and one
/// character of Arabic takes eleven.
const FOLDED: usize = 4;
/// What narrows a search to an author.
const FROM: &str = "from:";

/// What a search found.
pub struct Found {
    /// Newest first.
    pub messages: Messages,
    /// Where to go on, if there is more to look at.
    pub before: Option<Position>,
}

/// What a `search` frame says.
pub(super) struct Asked {
    pub(super) room: RoomName,
    pub(super) query: String,
    pub(super) before: Option<Position>,
    pub(super) limit: usize,
}

/// The answer to `search`.
pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    asked: Asked,
) -> Result<ServerFrame, Refusal> {
    let Asked {
        room,
        query,
        before,
        limit,
    } = asked;
    let hub = &connection.hub;
    let found = search(hub, &connection.user, &room, &query, before, limit).await?;
    Ok(ServerFrame::Found {
        id,
        room,
        messages: found.messages,
        more: found.before.is_some(),
        before: found.before,
    })
}

/// Looks for the messages before a position, or the latest ones, in which all
/// words of the query are. Whoever asks may know of the room: that was looked at
/// before.
pub async fn search(
    hub: &Arc<Hub>,
    user: &User,
    room: &RoomName,
    query: &str,
    before: Option<Position>,
    limit: usize,
) -> Result<Found, Refusal> {
    let wanted = Wanted::parse(query)?;
    hub.searches.check(&user.id)?;
    look::check(hub, room).await?;
    let mut from = before;
    let (mut found, mut bytes): (Vec<Entry>, usize) = (Vec::new(), 0);
    let (mut parts, mut looked_through, mut turn) = (0, 0, 0);
    let before = loop {
        let page = hub.broker.read_before(room, from, PART).await?;
        let Some(oldest) = page.entries.first().map(|entry| entry.position) else {
            break None;
        };
        let mut stopped_at = None;
        for entry in page.entries.into_iter().rev() {
            let (position, size) = (entry.position, entry.fields.size());
            looked_through += size;
            turn += size;
            if turn >= TURN {
                turn = 0;
                tokio::task::yield_now().await;
            }
            if wanted.is_in(&entry) {
                bytes += size;
                found.push(entry);
            }
            let is_enough = found.len() >= limit || bytes > look::PAGE_BYTES;
            if is_enough || looked_through >= LOOKED_THROUGH {
                stopped_at = Some(position);
                break;
            }
        }
        let reached = stopped_at.unwrap_or(oldest);
        if !page.more && reached == oldest {
            break None;
        }
        parts += 1;
        if stopped_at.is_some() || parts >= PARTS {
            break Some(reached);
        }
        from = Some(oldest);
        tokio::task::yield_now().await;
    };
    Ok(Found {
        messages: Messages::of(room, &found),
        before,
    })
}

/// What is looked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    words: Vec<String>,
    authors: Vec<String>,
}

/// What is read of a message.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    from: User,
    #[serde(default)]
    deleted: bool,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let folded = fold(query);
        let (authors, words): (Vec<&str>, Vec<&str>) = folded
            .split_whitespace()
            .partition(|word| word.starts_with(FROM));
        let wanted = Self {
            words: words.into_iter().map(str::to_owned).collect(),
            authors: authors
                .into_iter()
                .filter_map(|word| word.strip_prefix(FROM))
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        if wanted.words.is_empty() && wanted.authors.is_empty() {
            let message = "say what to look for: words, or from: and a name";
            return Err(Refusal::new(ErrorCode::BadField, message));
        }
        Ok(wanted)
    }

    /// Whether an entry is a message with all that is looked for.
    fn is_in(&self, entry: &Entry) -> bool {
        if !entry.is_message() {
            return false;
        }
        let json = format!("{{{}}}", entry.fields.as_str());
        let Ok(said) = serde_json::from_str::<Said<'_>>(&json) else {
            return false;
        };
        if said.deleted {
            return false;
        }
        let name = fold(&said.from.name);
        let author: String = name.split_whitespace().collect();
        let text = fold(&said.text);
        self.authors.iter().all(|wanted| author.contains(wanted))
            && self
                .words
                .iter()
                .all(|word| text.contains(word) || name.contains(word))
    }
}

/// The form in which texts are compared: without case, and without what is
/// written above and below letters.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let most = text.len() * FOLDED;
    let mut folded = String::with_capacity(text.len());
    let letters = text.nfkd().filter(|c| !is_combining_mark(*c));
    for letter in letters.flat_map(char::to_lowercase) {
        if folded.len() >= most {
            break;
        }
        folded.push(letter);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::{Fields, Kind};

    fn message(name: &str, text: &str, deleted: bool) -> Entry {
        let mut fields =
            serde_json::json!({"key": "k", "from": User::new("u1", name), "text": text});
        if deleted {
            fields["deleted"] = true.into();
        }
        Entry {
            position: Position::new(1, 1),
            at: 0,
            kind: Kind::Message,
            fields: Fields::of(&fields),
        }
    }

    fn finds(query: &str, name: &str, text: &str) -> bool {
        Wanted::parse(query)
            .unwrap()
            .is_in(&message(name, text, false))
    }

    #[test]
    fn all_words_must_be_there_in_the_text_or_the_name() {
        let text = "Straße nach \"München\",\nübermorgen";
        for (query, is_found) in [
            ("munchen", true),
            ("MÜNCHEN über", true),
            ("münchen gestern", false),
            ("ada münchen", true),
            ("lovelace", true),
            ("straße", true),
            ("from:ada", true),
            ("from:adalove münchen", true),
            ("from:ben münchen", false),
            ("from: münchen", true),
            ("\"münchen\"", true),
        ] {
            assert_eq!(finds(query, "Ada Lovelace", text), is_found, "{query}");
        }
    }

    #[test]
    fn a_text_grows_only_so_much_when_it_is_folded() {
        let hostile = "\u{fdfa}".repeat(1_000);
        assert!((12_000..12_010).contains(&fold(&hostile).len()));
        let korean = "대한민국 헌법 각".repeat(100);
        assert!(fold(&korean).ends_with(&fold("각")));
        let all = fold("각").len() + fold("대한민국 헌법 ").len();
        assert_eq!(fold(&korean).len(), 100 * all, "no letter of it is missing");
    }

    #[test]
    fn what_is_deleted_is_not_found_even_by_its_author() {
        let wanted = Wanted::parse("from:ada").unwrap();
        assert!(wanted.is_in(&message("Ada", "", false)));
        assert!(!wanted.is_in(&message("Ada", "", true)));
    }

    #[test]
    fn there_must_be_something_to_look_for() {
        for query in ["", "  ", "from:", "from: from:"] {
            assert!(Wanted::parse(query).is_err(), "{query}");
        }
    }
}
