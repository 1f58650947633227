//! An instance whose links to the broker are broken although the broker is well
//! serves nobody: it drains itself, so that its clients move to one that does.
//!
//! The links are made anew all the time by whoever keeps them. Only if that
//! does not help for a while, and a fresh connection shows that the broker
//! answers, is the instance itself the problem. While the broker is away for
//! everybody, moving clients about would help nobody.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, interval};

use crate::{
    app::{App, Readiness},
    broker::Health,
};

/// How often the links are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long links may stay broken at least …
const PATIENCE: Duration = Duration::from_secs(5);
/// … and in times that one command may take: making them anew takes less.
const COMMANDS: u32 = 3;
/// In how many looks in a row the broker must answer on a fresh connection.
const ANSWERS: u32 = 3;

/// Returns once this instance should drain because its links alone are broken.
pub(super) async fn until_broken(app: &Arc<App>) {
    let mut looks = interval(EVERY);
    let mut doubt = Doubt::after(app.config.redis.patience);
    loop {
        looks.tick().await;
        let is_down = app.hub.broker.health() == Health::Down;
        let is_down = is_down && app.readiness() == Readiness::Ready;
        if doubt.is_due(Instant::now(), is_down)
            && doubt.is_certain(app.hub.broker.is_reachable().await)
        {
            tracing::error!(
                "the links to the broker stay broken although it answers on a fresh connection: \
                 this instance drains itself"
            );
            return;
        }
    }
}

/// How far the suspicion has grown that the instance itself is the problem.
#[derive(Debug)]
struct Doubt {
    patience: Duration,
    since: Option<Instant>,
    answers: u32,
}

impl Doubt {
    /// None yet, where one command may take so long.
    fn after(command: Duration) -> Self {
        Self {
            patience: PATIENCE.max(COMMANDS * command),
            since: None,
            answers: 0,
        }
    }

    /// Takes one look at the links. Returns whether they have been down for so
    /// long that the broker should be asked in another way.
    fn is_due(&mut self, now: Instant, is_down: bool) -> bool {
        if !is_down {
            (self.since, self.answers) = (None, 0);
            return false;
        }
        now >= *self.since.get_or_insert(now) + self.patience
    }

    /// Takes whether the broker answered in that way.
    fn is_certain(&mut self, answered: bool) -> bool {
        self.answers = if answered { self.answers + 1 } else { 0 };
        self.answers >= ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_come_back_in_time_raise_no_doubt() {
        let mut doubt = Doubt::after(EVERY);
        let start = Instant::now();
        assert!(!doubt.is_due(start, true));
        assert!(!doubt.is_due(start + PATIENCE - EVERY, true));
        assert!(!doubt.is_due(start + PATIENCE, false));
        assert!(!doubt.is_due(start + PATIENCE + EVERY, true));
    }

    #[test]
    fn links_have_the_time_that_a_slow_redis_takes() {
        let slow = Duration::from_secs(4);
        let mut doubt = Doubt::after(slow);
        let start = Instant::now();
        assert!(!doubt.is_due(start, true));
        assert!(!doubt.is_due(start + PATIENCE, true));
        assert!(doubt.is_due(start + COMMANDS * slow, true));
    }

    #[test]
    fn a_broker_that_answers_again_and_again_makes_it_certain() {
        let mut doubt = Doubt::after(EVERY);
        let start = Instant::now();
        doubt.is_due(start, true);
        assert!(doubt.is_due(start + PATIENCE, true));
        assert!(!doubt.is_certain(true));
        assert!(!doubt.is_certain(true));
        assert!(!doubt.is_certain(false), "away for everybody after all");
        assert!(!doubt.is_certain(true));
        assert!(!doubt.is_certain(true));
        assert!(doubt.is_certain(true));
    }
}
