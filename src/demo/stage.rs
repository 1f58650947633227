//! The stage: lets characters come and go, and do one thing after the other,
//! each once everybody has heard of what was before.

mod doing;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::protocol::position::Position;

use super::{
    Options,
    casting::{self, Casting, Program},
    ledger::Who,
    pace::Pace,
    script::{Act, Beat, with_names},
    shared::Shared,
    visit::{Guest, Visit},
};

/// How long everybody may take to hear something before it is said that one
/// waits.
const UNUSUAL: Duration = Duration::from_secs(5);
/// After this time whoever is connected and has not heard it never will.
const LOST_AFTER: Duration = Duration::from_secs(30);
/// For so long a server may be away.
const AWAY: Duration = Duration::from_secs(180);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long one may take to come in.
const COMING_IN: Duration = Duration::from_secs(60);
/// In so many of a hundred cases somebody who has no part reacts to what was said.
const BYSTANDERS: u32 = 14;
/// What they react with.
const REACTIONS: [&str; 6] = ["👍", "😄", "❤️", "👀", "🎉", "☕"];
/// What strangers are told.
const GREETINGS: [&str; 3] = [
    "Welcome, @{Stranger}! We only follow a script, but every word of it goes through the real server.",
    "Hello @{Stranger} 👋 You are real, are you not? We are a demonstration.",
    "Oh, a visitor! Make yourself at home, @{Stranger}.",
];

/// Why it does not go on.
pub(super) enum Halt {
    /// It was told to end.
    Stopped,
    /// It cannot.
    Failed(String),
}

type Going<T = ()> = Result<T, Halt>;

/// Somebody of the cast.
struct Part {
    wanted: String,
    guest: Option<Guest>,
    visit: Option<Visit>,
}

/// Where it all happens.
pub(super) struct Stage<'a> {
    options: &'a Options,
    shared: Arc<Shared>,
    parts: Vec<Part>,
    program: Program,
    pace: Pace,
    stop: CancellationToken,
    end: Option<Instant>,
}

impl<'a> Stage<'a> {
    /// An empty stage. `stop` ends the play.
    pub(super) fn new(
        options: &'a Options,
        shared: Arc<Shared>,
        program: Program,
        stop: CancellationToken,
    ) -> Self {
        let parts = casting::names(options.characters).into_iter();
        let parts = parts.map(|wanted| Part {
            wanted,
            guest: None,
            visit: None,
        });
        Self {
            options,
            shared,
            parts: parts.collect(),
            program,
            pace: Pace::new(options.speed, options.seed),
            stop,
            end: options.length.map(|length| Instant::now() + length),
        }
    }

    /// Plays until the end, or until it is told to stop.
    pub(super) async fn play(&mut self) -> Going {
        for who in 0..self.parts.len() {
            self.comes(who).await?;
            let pause = self.pace.arriving();
            self.pause(pause).await?;
        }
        while let Some(casting) = self.program.next(self.options.rounds) {
            self.scene(&casting).await?;
            let pause = self.pace.silence();
            self.pause(pause).await?;
        }
        Ok(())
    }

    /// Lets everybody hear the last words, leave and sign out.
    pub(super) async fn clear(&mut self) {
        let settled = async {
            while !self.shared.look(super::ledger::Ledger::is_settled) {
                self.shared.changed.notified().await;
            }
        };
        if self.shared.failure().is_none() {
            let _ = timeout(LAST_WORDS, settled).await;
        }
        let mut leaving = Vec::new();
        for (who, part) in self.parts.iter_mut().enumerate() {
            self.shared.note(|ledger| ledger.goes(who));
            let (visit, guest) = (part.visit.take(), part.guest.take());
            leaving.push(async move {
                if let Some(visit) = visit {
                    visit.end().await;
                }
                if let Some(guest) = guest {
                    // A name that is not given back is free after a while.
                    let _ = timeout(LAST_WORDS, guest.sign_out()).await;
                }
            });
        }
        futures_util::future::join_all(leaving).await;
    }

    async fn scene(&mut self, casting: &Casting) -> Going {
        let Casting { scene, players } = casting;
        for (role, who) in players.iter().enumerate() {
            let is_here = self.parts[*who].visit.is_some();
            match (scene.comes_later(role), is_here) {
                (true, true) => self.goes(*who).await?,
                (false, false) => self.comes(*who).await?,
                _ => {}
            }
        }
        let mut said = vec![None; scene.marks];
        for beat in &scene.beats {
            self.greet().await?;
            match beat {
                Beat::Silence => {
                    let pause = self.pace.silence();
                    self.pause(pause).await?;
                }
                Beat::Act(role, act) => self.act(casting, *role, act, &mut said).await?,
            }
        }
        Ok(())
    }

    async fn act(
        &mut self,
        casting: &Casting,
        role: usize,
        act: &Act,
        said: &mut [Option<Said>],
    ) -> Going {
        let who = casting.players[role];
        let name = self.name(who);
        let what_was = |mark: usize| said.get(mark).copied().flatten();
        match act {
            Act::Come => self.comes(who).await,
            Act::Go => self.goes(who).await,
            Act::Hesitate => {
                self.types(who, "and yet I wonder").await?;
                self.character(who, |character| character.types(false));
                self.shared
                    .tell(&format!("{name} types, and thinks better of it"));
                Ok(())
            }
            Act::Say {
                text,
                answers,
                mark,
            } => {
                let text = self.with_players(casting, text);
                let answers = answers.and_then(what_was);
                let done = self.say(who, &text, answers).await?;
                if let Some(place) = mark.and_then(|mark| said.get_mut(mark)) {
                    *place = done;
                }
                self.bystanders(casting, done).await
            }
            Act::React { to, emoji, on } => match what_was(*to) {
                Some(to) => self.react(who, to, emoji, *on).await,
                None => Ok(()),
            },
            Act::Edit { what, text } => {
                let text = self.with_players(casting, text);
                let (Some(what), line) = (what_was(*what), format!("{name} edits: {text}")) else {
                    return Ok(());
                };
                self.types(who, &text).await?;
                let frame = json!({"type": "edit", "target": self.at(what), "text": text});
                self.done(who, frame, &line).await.map(drop)
            }
            Act::Delete { what } => {
                let Some(what) = what_was(*what) else {
                    return Ok(());
                };
                let pause = self.pace.reacting();
                self.pause(pause).await?;
                let frame = json!({"type": "delete", "target": self.at(what)});
                let line = format!("{name} takes a message back");
                self.done(who, frame, &line).await.map(drop)
            }
        }
    }

    /// Somebody says something, perhaps to what somebody else said.
    async fn say(&mut self, who: Who, text: &str, answers: Option<Said>) -> Going<Option<Said>> {
        self.types(who, text).await?;
        let mut frame = json!({"type": "send", "text": text});
        let mut line = self.name(who);
        if let Some(said) = answers {
            frame["reply_to"] = self.at(said);
            let to = said.by.map(|by| format!(" (to {})", self.name(by)));
            line.push_str(&to.unwrap_or_default());
        }
        line = format!("{line}: {text}");
        self.done(who, frame, &line).await
    }

    async fn react(&mut self, who: Who, to: Said, emoji: &str, on: bool) -> Going {
        let pause = self.pace.reacting();
        self.pause(pause).await?;
        let frame = json!({"type": "react", "target": self.at(to), "emoji": emoji, "on": on});
        let (name, author) = (self.name(who), to.by.map(|by| self.name(by)));
        let line = match (on, author) {
            (true, Some(author)) => format!("{name} reacts {emoji} to {author}"),
            (true, None) => format!("{name} reacts {emoji}"),
            (false, _) => format!("{name} takes {emoji} back"),
        };
        self.done(who, frame, &line).await.map(drop)
    }

    /// Somebody without a part reacts, perhaps.
    async fn bystanders(&mut self, casting: &Casting, to: Option<Said>) -> Going {
        let idle: Vec<Who> = (0..self.parts.len())
            .filter(|who| self.parts[*who].visit.is_some() && !casting.players.contains(who))
            .collect();
        let who = self.program.perhaps(BYSTANDERS, &idle);
        let emoji = self.program.perhaps(100, &REACTIONS);
        match (who, emoji, to) {
            (Some(who), Some(emoji), Some(to)) => self.react(who, to, emoji, true).await,
            _ => Ok(()),
        }
    }

    /// Somebody who is no character said something: somebody says hello.
    async fn greet(&mut self) -> Going {
        let Some(stranger) = self.shared.next_stranger() else {
            return Ok(());
        };
        let here: Vec<Who> = self
            .shared
            .look(|ledger| ledger.present().iter().copied().collect());
        let (who, text) = (
            self.program.perhaps(100, &here),
            self.program.perhaps(100, &GREETINGS),
        );
        let (Some(who), Some(text)) = (who, text) else {
            return Ok(());
        };
        let text = with_names(text, |_| Some(stranger.name.as_str()));
        let said = Said {
            by: None,
            place: Place::At(stranger.at),
        };
        self.say(who, &text, Some(said)).await.map(drop)
    }
}

/// Something that was said: by which of the characters, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Said {
    by: Option<Who>,
    place: Place,
}

/// Where something stands: the position of what we did may change, if it is taken
/// back and said again.
#[derive(Clone, Copy, Debug)]
enum Place {
    Deed(u64),
    At(Position),
}
