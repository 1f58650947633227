//! `hubbub demo`: characters that talk. They sign in over the public protocol as
//! a browser does, hold a conversation that was written down, and keep a ledger
//! of who heard what, so that a run can say that nothing was lost.
//!
//! * [`script`]: who says what; [`casting`](self): who plays whom, and when;
//! * `stage`: one thing after the other; `pace`: how fast;
//! * `visit`, `person`: signing in and staying connected, by the client that is
//!   shared with others;
//! * `character`: what one of them knows; `ledger`: what all of them heard.

mod casting;
mod character;
mod ledger;
mod pace;
mod person;
pub mod script;
mod shared;
mod stage;
mod visit;

use std::{fmt, io, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use self::{
    casting::Program,
    script::{Script, ScriptError},
    shared::Shared,
    stage::{Halt, Stage},
};

pub use self::{
    casting::{FEWEST_CHARACTERS, MOST_CHARACTERS, USUAL_CHARACTERS},
    ledger::Counts,
    person::{Target, TargetError},
};

/// The scripts that come with the program.
const SCRIPTS: [&str; 2] = [
    include_str!("scripts/an_ordinary_day.txt"),
    include_str!("scripts/the_release.txt"),
];

/// What a run does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it happens.
    pub target: Target,
    /// In which room.
    pub room: String,
    /// How many characters take part.
    pub characters: u32,
    /// How many times as fast as people are.
    pub speed: f64,
    /// What all that is random comes from.
    pub seed: u64,
    /// How many times all scenes are played; none = until the end.
    pub rounds: Option<u32>,
    /// How long it goes on at most.
    pub length: Option<Duration>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was sent and heard.
    pub counts: Counts,
    /// Why it could not go on, if it could not.
    pub failure: Option<String>,
    /// Lines could not be written any more.
    pub broken_output: Option<io::Error>,
}

/// The scripts that come with the program.
pub fn scripts() -> Result<Vec<Script>, ScriptError> {
    SCRIPTS.iter().map(|text| Script::parse(text)).collect()
}

/// Lets characters talk until they are through, the time is over, or `stop` is
/// cancelled. `run` names this run: no two have the same. What happens is written
/// to `out`, line by line.
pub async fn run(
    options: &Options,
    scripts: &[Script],
    run: &str,
    out: Box<dyn io::Write + Send>,
    stop: CancellationToken,
) -> Outcome {
    let shared = Arc::new(Shared::new(&options.room, run.to_owned(), out));
    shared.tell(&format!(
        "{} characters talk in {}; to watch: {}/r/{}. Ctrl-C ends it.",
        options.characters, options.room, options.target, options.room
    ));
    let program = Program::new(scripts, casting::names(options.characters), options.seed);
    let mut stage = Stage::new(options, Arc::clone(&shared), program, stop);
    let halted = Box::pin(stage.play()).await;
    let failure = match halted {
        Ok(()) | Err(Halt::Stopped) => None,
        Err(Halt::Failed(why)) => Some(why),
    };
    stage.clear().await;
    Outcome {
        counts: shared.look(ledger::Ledger::counts),
        failure: failure.or_else(|| shared.failure()),
        broken_output: shared.broken_output(),
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sent, {} heard by everybody, {} lost, {} doubled; {} reconnects, {} moves",
            self.sent, self.heard_by_all, self.lost, self.doubled, self.reconnects, self.moves
        )?;
        for (count, what) in [
            (self.unanswered, "never answered"),
            (self.refused, "refused"),
            (self.gone, "gone from history, as was told"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::script::Act;

    #[test]
    fn the_scripts_of_the_program_are_sound_and_use_everything_there_is() {
        let scripts = scripts().unwrap();
        let scenes = || scripts.iter().flat_map(|script| &script.scenes);
        assert!(scripts.iter().all(|script| script.scenes.len() >= 4));
        let most = scenes().map(|scene| scene.roles.len()).max();
        assert!(most.unwrap() <= USUAL_CHARACTERS as usize);
        let fewest = scenes().map(|scene| scene.roles.len()).min();
        assert_eq!(fewest, Some(FEWEST_CHARACTERS as usize));
        let usual = casting::names(USUAL_CHARACTERS);
        for role in scenes().flat_map(|scene| &scene.roles) {
            assert!(usual.contains(role), "{role} is one of the usual cast");
        }
        let acts: Vec<&Act> = scenes()
            .flat_map(|scene| &scene.beats)
            .filter_map(|beat| match beat {
                script::Beat::Act(_, act) => Some(act),
                script::Beat::Silence => None,
            })
            .collect();
        let has = |wanted: fn(&Act) -> bool| assert!(acts.iter().any(|act| wanted(act)));
        has(|act| {
            matches!(
                act,
                Act::Say {
                    answers: Some(_),
                    ..
                }
            )
        });
        has(|act| matches!(act, Act::React { on: true, .. }));
        has(|act| matches!(act, Act::React { on: false, .. }));
        has(|act| matches!(act, Act::Edit { .. }));
        has(|act| matches!(act, Act::Delete { .. }));
        has(|act| matches!(act, Act::Hesitate));
        has(|act| matches!(act, Act::Come));
        has(|act| matches!(act, Act::Go));
        let texts: String = scenes()
            .flat_map(script::Scene::texts)
            .map(|(_, text)| text)
            .collect();
        for part in ["@{", "`", "```", "https://", "**", "م", "。"] {
            assert!(texts.contains(part), "nobody says {part}");
        }
    }

    #[test]
    fn a_summary_is_one_line_and_names_what_went_wrong() {
        let mut counts = Counts {
            sent: 84,
            heard_by_all: 84,
            moves: 6,
            ..Counts::default()
        };
        assert_eq!(
            counts.to_string(),
            "84 sent, 84 heard by everybody, 0 lost, 0 doubled; 0 reconnects, 6 moves"
        );
        counts.unanswered = 1;
        assert!(counts.to_string().ends_with("6 moves; 1 never answered"));
        assert!(!counts.is_clean());
    }
}
