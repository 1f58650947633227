//! Appends on their way to Redis.
//!
//! While one call for a room is under way, what else is said there waits, and
//! goes along with the next: a busy room costs one call for many entries, and a
//! quiet one waits for nobody. Calls for several rooms share the link and are
//! under way at once. Whatever waited for too long is told so, rather than
//! stored after its sender has given up on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::{DashMap, Entry as Slot};
use redis::ScriptInvocation;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    keys::Keys,
    link::{Ask, Link, Live},
    log::{on_log, parse},
    scripts,
};
use crate::{
    broker::{
        Appended, BrokerError, BrokerSettings, Change, Draft, What, clock::whole_ms,
        digest::digest, look::NewText,
    },
    protocol::{entry::Fields, name::RoomName},
};

/// The most entries of one call.
const PER_CALL: usize = 32;
/// The most bytes of one call's entries, unless a single one is larger: Redis
/// does nothing else meanwhile.
const BYTES_PER_CALL: usize = 64 * 1024;
/// How many entries of one room may wait …
const WAITING: usize = 2_000;
/// … and how many bytes of them.
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How long an entry may wait for its call, in times that a call may take.
const WAIT: u32 = 2;

/// What became of one append.
type Outcome = Result<Appended, BrokerError>;

/// The queues of the rooms in which something is being said right now.
pub(super) struct Appends {
    link: Arc<Link>,
    keys: Keys,
    settings: BrokerSettings,
    rooms: DashMap<RoomName, Queue>,
}

/// What waits to be said in one room.
#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    bytes: usize,
}

struct Waiting {
    draft: Draft,
    /// What the draft changes about a message, if it does.
    change: Option<Box<Change>>,
    since: Instant,
    told: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.draft.fields.as_str().len() + 1
    }

    /// Says that nothing was stored.
    fn give_up(self) {
        // Who asked may have gone.
        let _ = self.told.send(Err(BrokerError::Unavailable));
    }
}

impl Queue {
    /// Takes one more, or hands it back because too much waits already.
    #[expect(clippy::result_large_err, reason = "it is handed back as it came")]
    fn push(&mut self, waiting: Waiting) -> Result<(), Waiting> {
        if self.waiting.len() >= WAITING || self.bytes + waiting.bytes() > WAITING_BYTES {
            return Err(waiting);
        }
        self.bytes += waiting.bytes();
        self.waiting.push(waiting);
        Ok(())
    }

    /// What goes with the next call. Who waited too long is told so first.
    fn take(&mut self, longest: Duration) -> Vec<Waiting> {
        let late = self
            .waiting
            .iter()
            .take_while(|waiting| waiting.since.elapsed() > longest)
            .count();
        self.drain(late).into_iter().for_each(Waiting::give_up);
        let mut bytes = 0;
        let count = self
            .waiting
            .iter()
            .take(PER_CALL)
            .take_while(|waiting| {
                let is_first = bytes == 0;
                bytes += waiting.bytes();
                is_first || bytes <= BYTES_PER_CALL
            })
            .count();
        self.drain(count)
    }

    fn drain(&mut self, count: usize) -> Vec<Waiting> {
        let drained: Vec<_> = self.waiting.drain(..count).collect();
        self.bytes -= drained.iter().map(Waiting::bytes).sum::<usize>();
        drained
    }
}

/// Sees to it that nobody waits for a carrier that is gone, whatever ended it.
struct Carrier<'a> {
    appends: &'a Appends,
    room: &'a RoomName,
}

impl Drop for Carrier<'_> {
    fn drop(&mut self) {
        if let Some((_, queue)) = self.appends.rooms.remove(self.room) {
            queue.waiting.into_iter().for_each(Waiting::give_up);
        }
    }
}

impl Appends {
    pub(super) fn new(link: Arc<Link>, keys: Keys, settings: BrokerSettings) -> Arc<Self> {
        Arc::new(Self {
            link,
            keys,
            settings,
            rooms: DashMap::new(),
        })
    }

    /// Appends an entry; those of one room in the order in which they come.
    pub(super) async fn append(
        self: &Arc<Self>,
        room: &RoomName,
        draft: Draft,
        change: Option<Change>,
    ) -> Outcome {
        // Nothing is to wait for a server that is away.
        self.link.live()?;
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting {
            draft,
            change: change.map(Box::new),
            since: Instant::now(),
            told,
        };
        match self.rooms.entry(room.clone()) {
            Slot::Occupied(mut queue) => {
                if let Err(waiting) = queue.get_mut().push(waiting) {
                    waiting.give_up();
                }
            }
            Slot::Vacant(slot) => {
                let mut queue = Queue::default();
                if let Err(waiting) = queue.push(waiting) {
                    waiting.give_up();
                }
                slot.insert(queue);
                let (appends, room) = (Arc::clone(self), room.clone());
                tokio::spawn(async move { appends.carry(&room).await });
            }
        }
        // Whoever carries it may end with the process, half way.
        outcome.await.unwrap_or(Err(BrokerError::Timeout))
    }

    /// Carries what is said in a room until nothing waits any more.
    async fn carry(&self, room: &RoomName) {
        let carrier = Carrier {
            appends: self,
            room,
        };
        loop {
            // Whoever else speaks in this turn goes along.
            tokio::task::yield_now().await;
            let Some(some) = self.take(room) else {
                // The queue is gone, and another one may be there already.
                std::mem::forget(carrier);
                break;
            };
            let (drafts, told): (Vec<_>, Vec<_>) = some
                .into_iter()
                .map(|waiting| ((waiting.draft, waiting.change), waiting.told))
                .unzip();
            match self.call(room, &drafts).await {
                Ok(outcomes) => {
                    for (told, outcome) in told.into_iter().zip(outcomes) {
                        // Who asked may have gone.
                        let _ = told.send(outcome);
                    }
                }
                Err(error) => {
                    for told in told {
                        let _ = told.send(Err(error.clone()));
                    }
                    // What waits would wait as long again for the same.
                    break;
                }
            }
        }
    }

    /// What goes with the next call; none when nothing waits, and then the
    /// queue is forgotten.
    fn take(&self, room: &RoomName) -> Option<Vec<Waiting>> {
        let Slot::Occupied(mut queue) = self.rooms.entry(room.clone()) else {
            return None;
        };
        let some = queue.get_mut().take(WAIT * self.settings.patience);
        if some.is_empty() {
            queue.remove();
            return None;
        }
        Some(some)
    }

    async fn call(
        &self,
        room: &RoomName,
        drafts: &[(Draft, Option<Box<Change>>)],
    ) -> Result<Vec<Outcome>, BrokerError> {
        let live = self.link.live()?;
        let mut script = on_log(&scripts::APPEND, &self.keys, &self.settings, room, &live);
        for key in drafts.iter().filter_map(|(draft, _)| draft.key.as_ref()) {
            script.key(self.keys.sent(room, key));
        }
        script
            .arg(self.settings.history)
            .arg(whole_ms(self.settings.dedupe_window).max(1));
        for (draft, change) in drafts {
            let may_create = (draft.may_create && !room.is_private()) || *room == RoomName::lobby();
            script
                .arg(draft.kind.as_str())
                .arg(draft.fields.as_str())
                .arg(digest(draft))
                .arg(u8::from(may_create))
                .arg(u8::from(draft.key.is_some()) + u8::from(change.is_some()));
            if let Some(change) = change {
                add_change(&mut script, change);
            }
        }
        let answers: Vec<Answer> = live.run(Ask::Write, &script).await?;
        if answers.len() != drafts.len() {
            return Err(BrokerError::Unexpected(format!(
                "{} answers to {} appends",
                answers.len(),
                drafts.len()
            )));
        }
        Ok(answers
            .into_iter()
            .map(|answer| read(answer, &live))
            .collect())
    }
}

/// Adds what a change makes of its message, as the script wants to know it.
fn add_change(script: &mut ScriptInvocation<'_>, change: &Change) {
    let (what, is_on) = match &change.what {
        What::Edit { text, mentions } => {
            let now = NewText {
                text,
                mentions,
                edited: None,
            };
            (Fields::of(&now).as_str().to_owned(), false)
        }
        What::Delete => (String::new(), false),
        What::React { emoji, on } => (json(emoji), *on),
    };
    script
        .arg(change.target.to_string())
        .arg(format!("{{\"id\":{},", json(&change.by.id)))
        .arg(json(&change.by))
        .arg(what)
        .arg(u8::from(is_on));
}

fn json(value: &impl Serialize) -> String {
    // Strings and plain structs of them always serialise.
    serde_json::to_string(value).unwrap_or_default()
}

/// What the script says of one entry: what became of it, its position and its
/// time.
type Answer = (String, String, String);

fn read((what, position, at): Answer, live: &Live) -> Outcome {
    let duplicate = match what.as_str() {
        "new" => false,
        "seen" => true,
        "key_reused" => return Err(BrokerError::KeyReused),
        "no_such_room" => return Err(BrokerError::NoSuchRoom),
        "no_such_message" => return Err(BrokerError::NoSuchMessage),
        "not_yours" => return Err(BrokerError::NotYours),
        "deleted" => return Err(BrokerError::Deleted),
        "too_many_reactions" => return Err(BrokerError::TooManyReactions),
        "error" => {
            let why = position.trim_start_matches('-');
            let code = why.split(' ').next().unwrap_or_default();
            return Err(live.refused(code, &why));
        }
        other => return Err(BrokerError::Unexpected(other.to_owned())),
    };
    Ok(Appended {
        position: parse(&position)?,
        at: parse(&at)?,
        duplicate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::Kind;

    fn waiting(text: &str, age: Duration) -> (Waiting, oneshot::Receiver<Outcome>) {
        let (told, outcome) = oneshot::channel();
        let draft = Draft {
            kind: Kind::Message,
            fields: Fields::of(&serde_json::json!({ "text": text })),
            key: None,
            may_create: true,
        };
        let since = Instant::now().checked_sub(age).unwrap();
        let change = None;
        (
            Waiting {
                draft,
                change,
                since,
                told,
            },
            outcome,
        )
    }

    #[test]
    fn what_waited_for_too_long_is_not_stored_any_more() {
        let mut queue = Queue::default();
        let (old, mut old_outcome) = waiting("old", Duration::from_secs(2));
        let (new, mut new_outcome) = waiting("new", Duration::ZERO);
        assert!(queue.push(old).is_ok() && queue.push(new).is_ok());
        let taken = queue.take(Duration::from_secs(1));
        assert_eq!(taken.len(), 1);
        assert_eq!(
            old_outcome.try_recv().unwrap(),
            Err(BrokerError::Unavailable)
        );
        assert!(new_outcome.try_recv().is_err(), "it is on its way");
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn a_call_carries_a_few_and_a_queue_has_an_end() {
        let mut queue = Queue::default();
        let text = "x".repeat(8_000);
        let mut count = 0;
        while queue.push(waiting(&text, Duration::ZERO).0).is_ok() {
            count += 1;
        }
        assert!((400..WAITING).contains(&count), "{count}");
        assert_eq!(queue.take(Duration::from_secs(60)).len(), 8);
        assert!(queue.push(waiting(&text, Duration::ZERO).0).is_ok());
    }
}
