//! How long people think, type and are silent. Everything random about a run
//! comes from its seed.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Others see that somebody types for 6 s at most, unless they say so again.
const LONGEST_TYPING: f64 = 5.5;

/// The pace of a run.
pub(super) struct Pace {
    speed: f64,
    rng: StdRng,
}

impl Pace {
    /// A pace that is so many times as fast as people are.
    pub(super) fn new(factor: f64, seed: u64) -> Self {
        Self {
            speed: factor,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Before somebody begins to type.
    pub(super) fn thinking(&mut self) -> Duration {
        self.between(0.6, 2.2)
    }

    /// While somebody types a text.
    pub(super) fn typing(&mut self, text: &str) -> Duration {
        let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let per_character = self.rng.random_range(0.035..0.06);
        let seconds = (f64::from(characters) * per_character).clamp(0.6, LONGEST_TYPING);
        Duration::from_secs_f64((seconds / self.speed).min(LONGEST_TYPING))
    }

    /// Before somebody reacts, or takes something back.
    pub(super) fn reacting(&mut self) -> Duration {
        self.between(0.5, 1.5)
    }

    /// Before the next one comes in.
    pub(super) fn arriving(&mut self) -> Duration {
        self.between(0.2, 0.9)
    }

    /// While nobody says anything.
    pub(super) fn silence(&mut self) -> Duration {
        self.between(3.0, 6.0)
    }

    fn between(&mut self, least: f64, most: f64) -> Duration {
        let seconds = self.rng.random_range(least..most);
        Duration::from_secs_f64(seconds / self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(factor: f64, seed: u64) -> Vec<Duration> {
        let mut pace = Pace::new(factor, seed);
        vec![
            pace.thinking(),
            pace.typing("Good morning"),
            pace.reacting(),
            pace.arriving(),
            pace.silence(),
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses() {
        assert_eq!(all(1.0, 7), all(1.0, 7));
        assert_ne!(all(1.0, 7), all(1.0, 8));
    }

    #[test]
    fn twice_the_speed_is_half_the_time() {
        for (slow, fast) in all(1.0, 7).into_iter().zip(all(2.0, 7)) {
            let off = (slow.as_secs_f64() - 2.0 * fast.as_secs_f64()).abs();
            assert!(off < 1e-6, "{slow:?} {fast:?}");
        }
    }

    #[test]
    fn longer_texts_take_longer_up_to_a_limit() {
        let typing = |text: &str, speed| Pace::new(speed, 7).typing(text);
        let long = "x".repeat(5_000);
        assert!(typing("Good morning to all of you", 1.0) > typing("Morning", 1.0));
        let limit = Duration::from_secs_f64(LONGEST_TYPING);
        for speed in [0.1, 1.0] {
            assert_eq!(typing(&long, speed), limit);
        }
        assert!(typing(&long, 10.0) < limit);
    }
}
