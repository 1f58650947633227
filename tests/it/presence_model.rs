//! Both brokers against one model of who is there: random seats taken and given
//! up, on two instances and by polls. The roster's own arithmetic is gone
//! through by `tests/sim`; this shows that the scripts in Redis do the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use hubbub::{
    broker::{BrokerSettings, Departure, Seat},
    protocol::{event::PresenceChange, name::RoomName, user::User},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::support::{
    chat::{Ears, PATIENCE, room},
    pair::Pair,
    until::until,
};

const SEEDS: u64 = 30;
const STEPS: usize = 14;

fn settings() -> BrokerSettings {
    BrokerSettings {
        grace: Duration::from_secs(1),
        lease: Duration::from_millis(600),
        poll_deadline: Duration::from_millis(1_500),
        patience: PATIENCE,
        ..BrokerSettings::default()
    }
}

fn user(u: usize) -> User {
    User::new(format!("u{u}"), format!("User {u}"))
}

/// A user: seats by name, and whether a lost one still counts.
#[derive(Default)]
struct Known {
    seats: BTreeSet<String>,
    has_grace: bool,
}

impl Known {
    fn is_there(&self) -> bool {
        self.has_grace || !self.seats.is_empty()
    }

    /// Whether the user stays once every deadline has passed.
    fn stays(&self) -> bool {
        self.seats.iter().any(|seat| !seat.starts_with("poll"))
    }
}

/// One life of a room. Returns what went wrong, if anything did.
async fn live(seed: u64, pair: &Pair, room: &RoomName) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut users: BTreeMap<usize, Known> = BTreeMap::new();
    let started = Instant::now();
    for _ in 0..STEPS {
        let u = rng.random_range(0..3);
        let known = users.entry(u).or_default();
        let one_side = rng.random_bool(0.5);
        let broker = if one_side { &pair.one } else { &pair.other };
        let (seat, name) = match rng.random_range(0..3) {
            0 => (Seat::Poll("a".into()), "poll a"),
            1 => (Seat::Poll("b".into()), "poll b"),
            // The embedded broker is one instance, whichever side is asked.
            _ if pair.server.is_none() || one_side => (Seat::Instance, "one"),
            _ => (Seat::Instance, "other"),
        };
        let entered = rng.random_bool(0.55);
        let departure = if rng.random_bool(0.5) {
            Departure::Now
        } else {
            Departure::Grace
        };
        if entered {
            let taken = broker.enter(room, &user(u), &seat).await;
            taken.map_err(|error| format!("enter: {error}"))?;
            known.seats.insert(name.to_owned());
            known.has_grace = false;
        } else {
            broker.leave(room, &user(u), &seat, departure).await;
            let had = known.seats.remove(name);
            match departure {
                Departure::Grace => known.has_grace |= had,
                Departure::Now if known.seats.is_empty() => known.has_grace = false,
                Departure::Now => {}
            }
        }
        let expected = names(&users, Known::is_there);
        let found = members(pair, room).await;
        // Later, a deadline may have passed: then only the end counts.
        if found != expected && started.elapsed() < settings().grace {
            return Err(format!("{found:?} are there, {expected:?} should be"));
        }
    }
    let expected = names(&users, Known::stays);
    until("everybody's time is over", async || {
        (members(pair, room).await == expected).then_some(())
    })
    .await;
    Ok(())
}

fn names(users: &BTreeMap<usize, Known>, which: fn(&Known) -> bool) -> Vec<User> {
    let those = users.iter().filter(|(_, known)| which(known));
    those.map(|(u, _)| user(*u)).collect()
}

async fn members(pair: &Pair, room: &RoomName) -> Vec<User> {
    pair.other.members(room).await.unwrap().members
}

/// What was told must add up to who is there, each change one version later.
fn add_up(changes: &[PresenceChange]) -> Result<Vec<User>, String> {
    let mut there: BTreeMap<String, User> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let before = index.checked_sub(1).map_or(0, |i| changes[i].version);
        // A roster that nobody is on may be forgotten; the next one begins with
        // a later version.
        let is_next = change.version == before + 1 || there.is_empty();
        if change.version <= before || !is_next {
            return Err(format!("a version is missing before {change:?}"));
        }
        for user in &change.joined {
            if there.insert(user.id.to_string(), user.clone()).is_some() {
                return Err(format!("{} joined twice", user.id));
            }
        }
        for user in &change.left {
            if there.remove(&*user.id).is_none() {
                return Err(format!("{} left twice", user.id));
            }
        }
        if change.count != there.len() as u64 {
            return Err(format!("{change:?} counts wrong"));
        }
    }
    Ok(there.into_values().collect())
}

async fn rosters_are_those_of_the_model(pair: Pair) {
    let ears = Ears::of(&*pair.one);
    let rooms: Vec<RoomName> = (0..SEEDS).map(|n| room(&format!("model-{n}"))).collect();
    for room in &rooms {
        pair.one.subscribe(room).await.unwrap();
    }
    let lives = rooms.iter().zip(0..).map(async |(room, seed)| {
        let lived = live(seed, &pair, room).await;
        lived.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        until("the last change is heard", async || {
            let told = add_up(&ears.changes(room));
            let told = told.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
            (told == members(&pair, room).await).then_some(())
        })
        .await;
    });
    join_all(lives).await;
}

for_every_broker! { settings:
    rosters_are_those_of_the_model,
}
