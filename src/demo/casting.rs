//! Who takes part, which scene comes next, and who plays whom in it.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::{
    ledger::Who,
    script::{Scene, Script},
};

/// What characters are called. The scripts are written for the first six.
const NAMES: [&str; 24] = [
    "Ada", "Ben", "Chiyo", "Layla", "Mateo", "Priya", "Kofi", "Ines", "Jonas", "Farah", "Oskar",
    "Nuria", "Emre", "Dana", "Goran", "Hana", "Tomasz", "Yara", "Luca", "Sunniva", "Wen", "Zoe",
    "Ravi", "Mila",
];

/// How many characters there are if nobody says otherwise.
pub const USUAL_CHARACTERS: u32 = 6;
/// The fewest: somebody has to answer.
pub const FEWEST_CHARACTERS: u32 = 2;
/// The most, so that a demonstration is no load.
pub const MOST_CHARACTERS: u32 = 48;

/// Scenes in their order, without an end.
pub(super) struct Program {
    scenes: Vec<Scene>,
    names: Vec<String>,
    order: Vec<usize>,
    /// How many times all scenes have been played.
    rounds: u32,
    rng: StdRng,
}

/// A scene, and who plays each of its roles.
pub(super) struct Casting {
    pub(super) scene: Scene,
    pub(super) players: Vec<Who>,
}

/// The names that so many characters would like to have.
pub(super) fn names(count: u32) -> Vec<String> {
    let numbered = |number: usize| match number / NAMES.len() {
        0 => NAMES[number].to_owned(),
        again => format!("{} {}", NAMES[number % NAMES.len()], again + 1),
    };
    (0..count as usize).map(numbered).collect()
}

impl Program {
    /// Those scenes of some scripts for which there are characters enough.
    pub(super) fn new(scripts: &[Script], names: Vec<String>, seed: u64) -> Self {
        let scenes = scripts.iter().flat_map(|script| script.scenes.iter());
        let fits = |scene: &&Scene| scene.roles.len() <= names.len();
        Self {
            scenes: scenes.filter(fits).cloned().collect(),
            names,
            order: Vec::new(),
            rounds: 0,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// The next scene, unless all were played so many times already; none, too,
    /// if no scene is for so few.
    pub(super) fn next(&mut self, rounds: Option<u32>) -> Option<Casting> {
        if self.order.is_empty() {
            if rounds.is_some_and(|most| self.rounds >= most) {
                return None;
            }
            self.order = (0..self.scenes.len()).rev().collect();
            if self.rounds > 0 {
                self.order.shuffle(&mut self.rng);
            }
            self.rounds = self.rounds.saturating_add(1);
        }
        let scene = self.scenes[self.order.pop()?].clone();
        let players = self.players(&scene);
        Some(Casting { scene, players })
    }

    /// The first time, whoever has the name of a role plays it.
    fn players(&mut self, scene: &Scene) -> Vec<Who> {
        let mut free: Vec<Who> = (0..self.names.len()).collect();
        free.shuffle(&mut self.rng);
        let mut players = vec![None; scene.roles.len()];
        if self.rounds <= 1 {
            for (player, role) in players.iter_mut().zip(&scene.roles) {
                let namesake = |who: &Who| self.names[*who] == *role;
                if let Some(index) = free.iter().position(namesake) {
                    *player = Some(free.swap_remove(index));
                }
            }
        }
        let mut rest = free.into_iter();
        let players = players.into_iter();
        players
            .filter_map(|player| player.or_else(|| rest.next()))
            .collect()
    }

    /// One of these, or nobody: with a chance of so many in a hundred.
    pub(super) fn perhaps<T: Copy>(&mut self, percent: u32, of: &[T]) -> Option<T> {
        let happens = self.rng.random_ratio(percent.min(100), 100);
        if !happens || of.is_empty() {
            return None;
        }
        Some(of[self.rng.random_range(0..of.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "== Two\nAda: hi\nBen: ho\n== Three\nBen: hi\nAda: hi\nZoe: ho\n";

    fn program(count: u32, seed: u64) -> Program {
        Program::new(&[Script::parse(TEXT).unwrap()], names(count), seed)
    }

    #[test]
    fn everybody_has_a_name_of_their_own() {
        let all = names(MOST_CHARACTERS);
        assert_eq!((&*all[0], &*all[24], &*all[47]), ("Ada", "Ada 2", "Mila 2"));
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), MOST_CHARACTERS as usize);
    }

    #[test]
    fn the_first_time_namesakes_play_and_scenes_come_in_order() {
        let mut program = program(6, 1);
        let two = program.next(Some(1)).unwrap();
        assert_eq!(
            (two.scene.title.as_str(), &*two.players),
            ("Two", &[0, 1][..])
        );
        let three = program.next(Some(1)).unwrap();
        assert_eq!(three.scene.title, "Three");
        assert_eq!(three.players[..2], [1, 0]);
        // Zoe is not among the six: somebody else plays her.
        assert!((2..6).contains(&three.players[2]));
        assert!(program.next(Some(1)).is_none());
        assert!(program.next(None).is_some());
    }

    #[test]
    fn nobody_plays_two_roles_and_a_scene_for_more_is_left_out() {
        let mut program = program(2, 1);
        for _ in 0..10 {
            let casting = program.next(None).unwrap();
            assert_eq!(casting.scene.title, "Two");
            let mut players = casting.players;
            players.sort_unstable();
            assert_eq!(players, [0, 1]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_play() {
        let play = |seed| {
            let mut program = program(9, seed);
            let mut played = Vec::new();
            for _ in 0..12 {
                let casting = program.next(None).unwrap();
                played.push((casting.scene.title, casting.players));
            }
            (played, program.perhaps(50, &[1, 2, 3]))
        };
        assert_eq!(play(3), play(3));
        assert_ne!(play(3).0, play(4).0);
    }

    #[test]
    fn what_never_happens_does_not_and_what_always_happens_does() {
        let mut program = program(2, 1);
        assert_eq!(program.perhaps(0, &[1]), None);
        assert_eq!(program.perhaps(100, &[1]), Some(1));
        assert_eq!(program.perhaps::<u8>(100, &[]), None);
    }
}
