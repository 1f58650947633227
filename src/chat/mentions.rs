//! Whom a text names: every `@name` of somebody who is here, or was lately,
//! becomes a user id, so that who is named hears of it whatever they are called later.

use std::{collections::HashMap, sync::Arc};

use crate::{
    broker::{Broker, BrokerError},
    protocol::name::{USER_NAME_CHARS, skeleton},
};

/// The most people whom one text names.
const MOST: usize = 20;
/// The most places at which one text may name somebody: what lies beyond is not
/// looked up.
const PLACES: usize = 40;

/// The ids of those whom a text names, in their order. A text without an `@`
/// costs nothing.
pub(super) async fn find(broker: &dyn Broker, text: &str) -> Result<Vec<Arc<str>>, BrokerError> {
    let places: Vec<Vec<String>> = places(text).take(PLACES).map(candidates).collect();
    if places.iter().all(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = places.iter().flatten().cloned().collect();
    names.sort_unstable();
    names.dedup();
    let users = broker.named(&names).await?;
    let held: HashMap<&String, Arc<str>> = names
        .iter()
        .zip(users)
        .filter_map(|(name, user)| Some((name, user?.id)))
        .collect();
    let mut found: Vec<Arc<str>> = Vec::new();
    for place in &places {
        // The longest name that somebody has.
        let meant = place.iter().rev().find_map(|name| held.get(name));
        if let Some(id) = meant.filter(|id| !found.contains(id)) {
            found.push(Arc::clone(id));
        }
    }
    found.truncate(MOST);
    Ok(found)
}

/// What follows each `@` that does not stand within a word, such as an address.
fn places(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').filter_map(|(at, _)| {
        let within = text[..at].chars().next_back();
        let is_free = !within.is_some_and(char::is_alphanumeric);
        is_free.then(|| &text[at + 1..])
    })
}

/// The names that may stand at the beginning of a text, the shortest first, in
/// the form in which two names count as the same. A name ends with a word.
fn candidates(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, c) in text.char_indices().take(USER_NAME_CHARS) {
        if c == '\n' || c == '@' {
            break;
        }
        let end = at + c.len_utf8();
        let goes_on = text[end..]
            .chars()
            .next()
            .is_some_and(char::is_alphanumeric);
        if c.is_alphanumeric() && !goes_on {
            found.push(skeleton(&text[..end]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::{BrokerSettings, Registry as _, embedded::EmbeddedBroker};

    #[test]
    fn a_name_ends_with_a_word_and_may_have_several() {
        let of = |text: &str| candidates(text);
        assert_eq!(
            of("Ada Lovelace, hi"),
            ["ada", "adalovelace", "adalovelacehi"]
        );
        assert_eq!(of("ada"), ["ada"]);
        assert_eq!(of("\u{FF21}da\'s"), ["ada", "adas"]);
        assert_eq!(of("Ada\nBen @Cleo"), ["ada"]);
        assert_eq!(of(" , "), [""; 0]);
        assert_eq!(of(&"x".repeat(33)), [""; 0]);
        assert_eq!(of(&"x ".repeat(33)).len(), 16);
    }

    #[test]
    fn an_address_names_nobody() {
        let of = |text| places(text).collect::<Vec<_>>();
        assert_eq!(of("ada@example.org"), [""; 0]);
        assert_eq!(of("(@ada)"), ["ada)"]);
        assert_eq!(of("@a@b @c"), ["a@b @c", "c"]);
    }

    #[tokio::test]
    async fn the_longest_name_that_somebody_has_is_the_one_that_is_meant() {
        let broker = EmbeddedBroker::new(BrokerSettings::default());
        for (name, id) in [("ada", "u1"), ("adalovelace", "u2"), ("ben", "u3")] {
            let hold = Duration::from_secs(60);
            assert!(broker.claim_name(name, id, hold).await.unwrap());
        }
        for (text, ids) in [
            ("Good morning", vec![]),
            ("@ada hi", vec!["u1"]),
            ("@Ada Lovelace hi", vec!["u2"]),
            ("@ADA lovelac hi", vec!["u1"]),
            ("@adam, @ben! @Ben @nobody", vec!["u3"]),
            ("@ben,@ada and ada@ben", vec!["u3", "u1"]),
        ] {
            let found = find(&*broker, text).await.unwrap();
            let found: Vec<&str> = found.iter().map(|id| &**id).collect();
            assert_eq!(found, ids, "{text}");
        }
    }
}
