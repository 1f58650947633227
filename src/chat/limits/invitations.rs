//! How many people one user may put into rooms.

use std::{num::NonZeroU32, sync::Arc};

use governor::{
    DefaultKeyedRateLimiter, RateLimiter,
    clock::DefaultClock,
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{DefaultKeyedStateStore, ShrinkableKeyedStateStore},
    },
};

use super::{CLOCK, ChatSettings, LONGEST, MUCH_SLOWER, quota, too_fast, too_fast_for, wait_ms};
use crate::{chat::refusal::Refusal, protocol::user::User};

/// So many of those who may not be let in are named.
const NAMED: usize = 3;

/// Counts the people each user puts into rooms: many at once, as a team's room
/// takes, and then few, so that nobody fills the lists of others. Of these, few
/// are the same person again: whose page follows each room at once is not to be
/// buried in rooms by a single stranger.
pub struct InvitePace {
    users: DefaultKeyedRateLimiter<Arc<str>>,
    burst: NonZeroU32,
    pairs: RateLimiter<Asked, Pairs, DefaultClock>,
}

impl InvitePace {
    /// Five invitations at once for two sends, and one of them for the same
    /// person.
    pub fn new(settings: &ChatSettings) -> Self {
        let burst = (settings.sends / 2).saturating_mul(5);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let per = settings.per.saturating_mul(MUCH_SLOWER);
        let fits = LONGEST.as_nanos() / per.as_nanos().max(1);
        let again = (settings.sends / 2).min(u32::try_from(fits).unwrap_or(u32::MAX));
        let again = NonZeroU32::new(again).unwrap_or(NonZeroU32::MIN);
        let again = quota(again, per.saturating_mul(again.get()));
        Self {
            users: RateLimiter::keyed(quota(burst, per)),
            burst,
            pairs: RateLimiter::new(again, Pairs::default(), CLOCK.clone()),
        }
    }

    /// Takes one invitation of this user for each of these people, who are all
    /// let into one room, or says when to try again; then nothing is taken. More
    /// than come at once take all that there is.
    pub fn take(&self, by: &User, whom: &[User]) -> Result<(), Refusal> {
        self.look_at_each(by, whom)?;
        let people = u32::try_from(whom.len()).unwrap_or(u32::MAX);
        if let Some(people) = NonZeroU32::new(people.min(self.burst.get()))
            // Nobody takes more than there can be.
            && let Ok(taken) = self.users.check_key_n(&by.id, people)
        {
            taken.map_err(|wait| too_fast(wait, "you invite more people than anybody knows"))?;
        }
        whom.iter().try_for_each(|user| self.check_one(by, user))
    }

    /// Takes one room that this user puts that one into, or says when to try
    /// again.
    pub fn check_one(&self, by: &User, whom: &User) -> Result<(), Refusal> {
        let taken = self.pairs.check_key(&Asked::to_take(by, whom));
        taken.map_err(|wait| too_often(&[&*whom.name], wait_ms(&wait)))
    }

    /// Whether all of these people may be let into one more room.
    fn look_at_each(&self, by: &User, whom: &[User]) -> Result<(), Refusal> {
        let refused = whom.iter().filter_map(|user| {
            let asked = Asked {
                takes: false,
                ..Asked::to_take(by, user)
            };
            let wait = self.pairs.check_key(&asked).err()?;
            Some((&*user.name, wait_ms(&wait)))
        });
        let (names, waits): (Vec<&str>, Vec<u64>) = refused.unzip();
        match waits.into_iter().max() {
            Some(wait_ms) => Err(too_often(&names, wait_ms)),
            None => Ok(()),
        }
    }

    /// Forgets users who were quiet lately.
    pub fn tidy(&self) {
        self.users.retain_recent();
        self.users.shrink_to_fit();
        self.pairs.retain_recent();
        self.pairs.shrink_to_fit();
    }
}

fn too_often(names: &[&str], wait_ms: u64) -> Refusal {
    let mut who = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        who = format!("{who} and {} more", names.len() - NAMED);
    }
    let what = format!("you let {who} into more rooms than anybody follows");
    too_fast_for(wait_ms, &what)
}

type Pair = (Arc<str>, Arc<str>);

/// What is asked of the measure of a pair: whether there is one more, or for it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    pair: Pair,
    takes: bool,
}

impl Asked {
    fn to_take(by: &User, whom: &User) -> Self {
        Self {
            pair: (Arc::clone(&by.id), Arc::clone(&whom.id)),
            takes: true,
        }
    }
}

/// What was taken of each pair's measure. Looking takes nothing, so that of
/// several people nobody is counted if one of them is refused.
#[derive(Default)]
struct Pairs(DefaultKeyedStateStore<Pair>);

impl StateStore for Pairs {
    type Key = Asked;

    fn measure_and_replace<T, F, E>(&self, asked: &Asked, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if asked.takes {
            return self.0.measure_and_replace(&asked.pair, measure);
        }
        // Nothing is replaced where something failed.
        let looked: Result<(), Result<T, E>> =
            self.0
                .measure_and_replace(&asked.pair, |taken| match measure(taken) {
                    Ok((free, _)) => Err(Ok(free)),
                    Err(refused) => Err(Err(refused)),
                });
        looked
            .err()
            .unwrap_or_else(|| measure(None).map(|(free, _)| free))
    }
}

impl ShrinkableKeyedStateStore<Asked> for Pairs {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.0.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::limits::tests::settings;

    #[test]
    fn a_room_that_is_refused_counts_for_nobody_in_it() {
        // Ten rooms for the same person, and fifty invitations.
        let pace = InvitePace::new(&settings(20, 10_000));
        let by = User::new("u0", "Dora");
        let [ada, ben, cleo] = ["Ada", "Ben", "Cleo"].map(|name| User::new(name, name));
        for _ in 0..10 {
            pace.take(&by, std::slice::from_ref(&ada)).unwrap();
        }
        let all = [cleo.clone(), ada.clone(), ben.clone()];
        for _ in 0..60 {
            let refused = pace.take(&by, &all).unwrap_err();
            let ms = refused.retry_after_ms.unwrap();
            assert!((590_000..=600_000).contains(&ms), "{ms}");
            let told = "you let Ada into more rooms than anybody follows; try again in 10 min";
            assert_eq!(refused.message, told);
        }
        // Forty invitations are left for others, and ten rooms for each of them.
        for _ in 0..10 {
            pace.take(&by, &[cleo.clone(), ben.clone()]).unwrap();
        }
        let many: Vec<User> = (0..30).map(|n| User::new(format!("x{n}"), "X")).collect();
        for _ in 0..20 {
            pace.take(&by, &many).unwrap_err();
        }
        for user in &many {
            for _ in 0..10 {
                pace.check_one(&by, user).unwrap();
            }
        }
        let refused = pace.take(&by, &[&all[..], &many].concat()).unwrap_err();
        let named = "you let Cleo, Ada, Ben and 30 more into more rooms";
        assert!(refused.message.starts_with(named), "{refused}");
        pace.tidy();
        assert!(pace.check_one(&by, &ada).is_err(), "it is not forgotten");
    }
}
