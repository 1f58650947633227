//! Both brokers side by side: the same changes at random, and the same comes of
//! them. The one folds in Rust and the other in Lua.

use std::sync::Arc;

use hubbub::{
    broker::{Appended, Broker, BrokerError, Change, What},
    protocol::{emoji::Emoji, name::RoomName, position::Position, user::User},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::support::{
    changes::say,
    chat::{ada, bob, brisk, room, whole_log},
    pair,
};

/// How many things are done in each world.
const STEPS: usize = 400;

/// What somebody does, with places named by their number alone: the brokers
/// begin at different times.
#[derive(Clone, Debug)]
enum Deed {
    Say(User, String, String),
    Change(User, String, u64, What),
}

/// Names and reactions that look like what lies around them.
fn people() -> [User; 4] {
    [
        ada(),
        bob(),
        User::new(r#"{"id":"u1","#, r#"]},{"emoji":"x","users":["#),
        User::new(r#"u1","name":"Ada"},{"id":"u2"#, r"\"),
    ]
}

const REACTIONS: [&str; 6] = [
    "👍",
    "❤\u{FE0F}",
    r#"""#,
    r#"]},{"emoji":"x"#,
    r#"x","users":["#,
    r"\",
];
const TEXTS: [&str; 4] = [
    "",
    "plain",
    "two\nlines \u{2028} 100%",
    r#"","from":{"id":"u2","deleted"#,
];

fn deed(dice: &mut StdRng, said: u64) -> Deed {
    let who = people()[dice.random_range(0..4)].clone();
    // Few keys, so that some are used again, for the same or for something else.
    let key = format!("k{}", dice.random_range(0..STEPS));
    let text = TEXTS[dice.random_range(0..4)].to_owned();
    let target = said.saturating_sub(dice.random_range(0..12));
    let what = match dice.random_range(0..10) {
        0 | 1 => return Deed::Say(who, format!("s{said}"), text),
        2 | 3 => What::Edit {
            text,
            mentions: (0..dice.random_range(0..3))
                .map(|n| format!("m{n}").into())
                .collect(),
        },
        4 => What::Delete,
        _ => What::React {
            emoji: REACTIONS[dice.random_range(0..6)].parse::<Emoji>().unwrap(),
            on: dice.random_bool(0.6),
        },
    };
    Deed::Change(who, key, target, what)
}

/// What came of it, as far as it is the same for both.
async fn perform(
    broker: &Arc<dyn Broker>,
    den: &RoomName,
    deed: &Deed,
) -> Result<(u64, bool), BrokerError> {
    let place = |done: Appended| (done.position.seq, done.duplicate);
    match deed.clone() {
        Deed::Say(who, key, text) => {
            let at = say(&**broker, den, &who, &key, &text).await;
            Ok((at.seq, false))
        }
        Deed::Change(by, key, target, what) => {
            let epoch = broker.status(den).await.unwrap().head.epoch;
            let change = Change {
                target: Position::new(epoch, target),
                by,
                key: key.parse().unwrap(),
                what,
            };
            broker.change(den, change).await.map(place)
        }
    }
}

/// All that can be read, without what depends on when it was said.
async fn read(broker: &dyn Broker, den: &RoomName) -> Vec<(u64, String, Value)> {
    let mut all = whole_log(broker, den).await;
    let past = broker.read_before(den, None, 2 * STEPS).await.unwrap();
    assert!(past.entries.iter().all(|entry| entry.target().is_none()));
    all.extend(past.entries);
    let epoch = all[0].position.epoch.to_string();
    let shown = |entry: hubbub::protocol::entry::Entry| {
        let mut fields = entry.fields.value();
        if let Some(edited) = fields.get_mut("edited") {
            assert!(edited.as_u64().unwrap() >= entry.at);
            *edited = Value::Bool(true);
        }
        if let Some(target) = fields.get_mut("target") {
            *target = target.as_str().unwrap().replace(&epoch, "").into();
        }
        (entry.position.seq, entry.kind.as_str().to_owned(), fields)
    };
    all.into_iter().map(shown).collect()
}

#[tokio::test]
async fn the_same_changes_come_to_the_same_in_both_brokers() {
    let (memory, redis) = (pair::embedded(brisk()), pair::redis(brisk()).await);
    for seed in 0..6 {
        let den = room(&format!("den{seed}"));
        let mut dice = StdRng::seed_from_u64(seed);
        let mut said = 0;
        let mut refused = 0;
        for step in 0..STEPS {
            let deed = deed(&mut dice, said);
            let (one, other) = if step % 2 == 0 {
                (&memory.one, &redis.one)
            } else {
                (&memory.other, &redis.other)
            };
            let in_memory = perform(one, &den, &deed).await;
            let in_redis = perform(other, &den, &deed).await;
            assert_eq!(in_memory, in_redis, "seed {seed}, step {step}: {deed:?}");
            match in_memory {
                Ok((seq, _)) => said = said.max(seq),
                Err(_) => refused += 1,
            }
        }
        assert!((50..STEPS - 50).contains(&refused), "{refused}");
        let (in_memory, in_redis) = (
            read(&*memory.one, &den).await,
            read(&*redis.other, &den).await,
        );
        assert_eq!(in_memory.len(), in_redis.len());
        for (one, other) in in_memory.iter().zip(&in_redis) {
            assert_eq!(one, other, "seed {seed}");
        }
    }
}
