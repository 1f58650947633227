//! Coming in and going: signing in under a name that is free, a connection that
//! is kept, and signing out.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::client::{Orders, socket};

use super::{
    character::Character,
    ledger::Who,
    person::{Person, Problem, Target},
    shared::Shared,
};

/// How long signing in may take: a server that is busy, or is being replaced.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait where a server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// So many names are tried before it is given up: Ada, Ada 2, Ada 3 …
const MOST_NAMES: u32 = 20;
/// So often a session may end before anybody was in the room by it.
const MOST_SESSIONS: u32 = 3;
/// How long hanging up may take.
const HANGING_UP: Duration = Duration::from_secs(3);
/// How long a goodbye may take.
const LEAVING: Duration = Duration::from_secs(2);

/// Somebody who is signed in.
pub(super) struct Guest {
    /// What they are called.
    pub(super) name: String,
    person: Person,
}

impl Guest {
    /// Signs somebody in: under the name they would like to have, or one like it.
    /// `is_first` does not wait for a server that is not there.
    pub(super) async fn sign_in(
        target: &Target,
        wanted: &str,
        shared: &Shared,
        is_first: bool,
    ) -> Result<Self, String> {
        let person = Person::new(target);
        let name = sign_in(&person, wanted, shared, is_first).await?;
        Ok(Self { name, person })
    }

    /// Signs out, so that the name is free again.
    pub(super) async fn sign_out(&self) -> Result<(), Problem> {
        self.person.sign_out().await
    }

    /// Begins to come into the room.
    pub(super) fn visit(&self, who: Who, shared: &Arc<Shared>) -> Visit {
        let character = Character::new(who, &self.name, shared);
        let character = Arc::new(Mutex::new(character));
        let orders = watch::Sender::new(Orders {
            talk: true,
            end: false,
        });
        let living = live(
            self.name.clone(),
            self.person.clone(),
            Arc::clone(&character),
            orders.subscribe(),
            Arc::clone(shared),
        );
        Visit {
            character,
            orders,
            task: tokio::spawn(living),
        }
    }
}

/// Somebody in the room, or on the way there.
pub(super) struct Visit {
    character: Arc<Mutex<Character>>,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Visit {
    /// What they know and want, for a moment.
    pub(super) fn character(&self) -> MutexGuard<'_, Character> {
        locked(&self.character)
    }

    /// Says goodbye, if there is a connection for it, and hangs up.
    pub(super) async fn end(mut self) {
        self.character().leave();
        let end = Instant::now() + LEAVING;
        while Instant::now() < end {
            let is_over = {
                let character = self.character();
                character.has_left() || !character.is_up()
            };
            if is_over {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        self.orders.send_modify(|orders| orders.end = true);
        // Whoever hangs for longer is cut off when this is dropped.
        let _ = timeout(HANGING_UP, &mut self.task).await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps somebody in the room until they are told to go.
async fn live(
    name: String,
    person: Person,
    character: Arc<Mutex<Character>>,
    orders: watch::Receiver<Orders>,
    shared: Arc<Shared>,
) {
    let mut in_vain = 0;
    loop {
        locked(&character).begins_session();
        let ended = socket::run(person.clone(), Arc::clone(&character), orders.clone()).await;
        let Some(code) = ended else {
            return;
        };
        in_vain = if locked(&character).was_up() {
            0
        } else {
            in_vain + 1
        };
        if !matches!(code, 401 | 4401) || in_vain >= MOST_SESSIONS {
            return shared.fail(format!("the server sends {name} away for good ({code})"));
        }
        // The session is over, as that of a browser may be.
        shared.tell(&format!("  ({name} has to sign in again)"));
        if let Err(why) = sign_in(&person, &name, &shared, false).await {
            return shared.fail(why);
        }
    }
}

/// Signs in under this name or one like it. Returns the name.
async fn sign_in(
    person: &Person,
    wanted: &str,
    shared: &Shared,
    is_first: bool,
) -> Result<String, String> {
    let end = Instant::now() + PATIENCE;
    let mut number = 1;
    let mut has_told = false;
    loop {
        let name = numbered(wanted, number);
        let problem = match person.sign_in(&name).await {
            Ok(()) => return Ok(name),
            Err(problem) => problem,
        };
        let pause = match &problem {
            Problem::NameTaken if number < MOST_NAMES => {
                number += 1;
                let next = numbered(wanted, number);
                shared.tell(&format!("  ({name} is taken; {next} it is)"));
                continue;
            }
            Problem::Away(_) if !is_first => PAUSE,
            Problem::Later(_, wait) => wait.unwrap_or(PAUSE),
            _ => return Err(problem.to_string()),
        };
        if Instant::now() + pause > end {
            return Err(problem.to_string());
        }
        if !std::mem::replace(&mut has_told, true) {
            let ms = pause.as_millis();
            shared.tell(&format!("  ({problem}; {name} waits {ms} ms)"));
        }
        sleep(pause).await;
    }
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        name.to_owned()
    } else {
        // Names of a second cast have a number already.
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let first = name[base.len()..].trim().parse().unwrap_or(1);
        format!("{base} {}", number.saturating_add(first).saturating_sub(1))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        for (name, number, tried) in [
            ("Ada", 1, "Ada"),
            ("Ada", 2, "Ada 2"),
            ("Ada", 3, "Ada 3"),
            ("Ada 2", 1, "Ada 2"),
            ("Ada 2", 2, "Ada 3"),
        ] {
            assert_eq!(numbered(name, number), tried);
        }
    }
}
