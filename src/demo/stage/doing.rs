//! One thing on the stage: coming, going, typing, and a deed that is done once
//! everybody has heard of it.

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::demo::{
    casting::Casting,
    character::Character,
    ledger::{State, Who},
    script::with_names,
    visit::Guest,
};

use super::{AWAY, COMING_IN, Going, Halt, LOST_AFTER, Place, Said, Stage, UNUSUAL};

impl Stage<'_> {
    /// Waits, unless it is to end.
    pub(super) async fn pause(&self, pause: std::time::Duration) -> Going {
        let ends = async {
            match self.end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let is_over = tokio::select! {
            biased;
            () = self.stop.cancelled() => true,
            () = ends => true,
            () = sleep(pause) => false,
        };
        self.goes_on()?;
        if is_over { Err(Halt::Stopped) } else { Ok(()) }
    }

    /// Whether it can go on.
    fn goes_on(&self) -> Going {
        if let Some(why) = self.shared.failure() {
            return Err(Halt::Failed(why));
        }
        if self.shared.has_readers() {
            Ok(())
        } else {
            Err(Halt::Stopped)
        }
    }

    /// Somebody comes in, and signs in before if they have not yet.
    pub(super) async fn comes(&mut self, who: Who) -> Going {
        if self.parts[who].visit.is_some() {
            return Ok(());
        }
        if self.parts[who].guest.is_none() {
            let is_first = self.parts.iter().all(|part| part.guest.is_none());
            let wanted = &self.parts[who].wanted;
            let signing_in = Guest::sign_in(&self.options.target, wanted, &self.shared, is_first);
            let guest = tokio::select! {
                guest = signing_in => guest.map_err(Halt::Failed)?,
                () = self.stop.cancelled() => return Err(Halt::Stopped),
            };
            self.parts[who].guest = Some(guest);
        }
        let Some(guest) = &self.parts[who].guest else {
            return Ok(());
        };
        let visit = guest.visit(who, &self.shared);
        self.parts[who].visit = Some(visit);
        let end = Instant::now() + COMING_IN;
        while !self.is_up(who) {
            if Instant::now() > end {
                return Err(Halt::Failed(format!(
                    "{} could not come in: {} takes no connection",
                    self.name(who),
                    self.options.target
                )));
            }
            self.change().await?;
        }
        self.shared.note(|ledger| ledger.comes(who));
        self.shared.tell(&format!("{} comes in", self.name(who)));
        Ok(())
    }

    /// Somebody leaves the room, and keeps the name.
    pub(super) async fn goes(&mut self, who: Who) -> Going {
        if let Some(visit) = self.parts[who].visit.take() {
            self.shared.note(|ledger| ledger.goes(who));
            let name = self.name(who);
            visit.end().await;
            self.shared.tell(&format!("{name} leaves"));
        }
        self.goes_on()
    }

    /// Somebody types a text, and others see it.
    pub(super) async fn types(&mut self, who: Who, text: &str) -> Going {
        let (thinking, typing) = (self.pace.thinking(), self.pace.typing(text));
        self.pause(thinking).await?;
        self.character(who, |character| character.types(true));
        self.pause(typing).await
    }

    /// Somebody does something; it is done once everybody heard of it. Returns it
    /// if it was not refused.
    pub(super) async fn done(
        &mut self,
        who: Who,
        mut frame: Value,
        line: &str,
    ) -> Going<Option<Said>> {
        self.goes_on()?;
        frame["room"] = json!(self.shared.room);
        let number = self.shared.note(crate::demo::ledger::Ledger::begin);
        self.character(who, |character| character.act(number, frame));
        let began = Instant::now();
        let mut has_told = false;
        loop {
            match self.shared.look(|ledger| ledger.state(number)) {
                State::Heard(_) => break,
                State::Refused => return Ok(None),
                State::Underway => {}
            }
            let waited = began.elapsed();
            if waited > UNUSUAL && !std::mem::replace(&mut has_told, true) {
                self.tell_who_is_waited_for(who, number);
            }
            let here = self.shared.look(|ledger| ledger.present().clone());
            let all_are_up = here.iter().all(|who| self.is_up(*who));
            if waited > LOST_AFTER && all_are_up {
                // The ledger counts it, should it never come.
                break;
            }
            if waited > AWAY {
                return Err(Halt::Failed(format!(
                    "{} was away for more than {} minutes",
                    self.options.target,
                    AWAY.as_secs() / 60
                )));
            }
            self.change().await?;
        }
        self.shared.tell(line);
        Ok(Some(Said {
            by: Some(who),
            place: Place::Deed(number),
        }))
    }

    /// Returns when something may have changed. What is under way is not given up
    /// because its time is over, but because somebody says so.
    async fn change(&self) -> Going {
        self.goes_on()?;
        if self.stop.is_cancelled() {
            return Err(Halt::Stopped);
        }
        let often = std::time::Duration::from_millis(200);
        tokio::select! {
            _ = timeout(often, self.shared.changed.notified()) => {}
            () = self.stop.cancelled() => {}
        }
        Ok(())
    }

    fn tell_who_is_waited_for(&self, who: Who, number: u64) {
        let missing = self.shared.look(|ledger| ledger.missing(number));
        let missing = if missing.is_empty() {
            vec![who]
        } else {
            missing
        };
        let names: Vec<String> = missing.into_iter().map(|who| self.name(who)).collect();
        let line = format!("  (waiting for {})", names.join(", "));
        self.shared.tell(&line);
    }

    /// What somebody is called.
    pub(super) fn name(&self, who: Who) -> String {
        let part = &self.parts[who];
        let guest = part.guest.as_ref();
        guest.map_or_else(|| part.wanted.clone(), |guest| guest.name.clone())
    }

    /// A text of the script, with the names of those who play.
    pub(super) fn with_players(&self, casting: &Casting, text: &str) -> String {
        let names: Vec<String> = casting.players.iter().map(|who| self.name(*who)).collect();
        with_names(text, |role| {
            let index = casting.scene.roles.iter().position(|name| name == role)?;
            names.get(index).map(String::as_str)
        })
    }

    /// Where something stands, as a frame says it.
    pub(super) fn at(&self, said: Said) -> Value {
        let position = match said.place {
            Place::At(position) => Some(position),
            Place::Deed(number) => self.shared.look(|ledger| ledger.position(number)),
        };
        position.map_or(Value::Null, |position| json!(position.to_string()))
    }

    /// Asks something of somebody who is here.
    pub(super) fn character(&self, who: Who, ask: impl FnOnce(&mut Character)) {
        if let Some(visit) = &self.parts[who].visit {
            ask(&mut visit.character());
        }
    }

    fn is_up(&self, who: Who) -> bool {
        let visit = self.parts[who].visit.as_ref();
        visit.is_some_and(|visit| visit.character().is_up())
    }
}
