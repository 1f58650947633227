//! Appends on their way to Redis.
//!
//! While one call for a room is under way, what else is said there waits, and
//! goes along with the next: a busy room costs one call for many entries, and a
//! quiet one waits for nobody. Calls for several rooms share the link and are
//! under way at once.

use std::sync::Arc;

use dashmap::{DashMap, Entry as Slot};
use tokio::sync::oneshot;

use super::{
    keys::Keys,
    link::{Ask, Link, Live},
    log::{on_log, parse},
    scripts,
};
use crate::{
    broker::{Appended, BrokerError, BrokerSettings, Draft, clock::whole_ms, digest::digest},
    protocol::name::RoomName,
};

/// The most entries of one call.
const PER_CALL: usize = 32;
/// The most bytes of one call's entries, unless a single one is larger: Redis
/// does nothing else meanwhile.
const BYTES_PER_CALL: usize = 64 * 1024;
/// How many entries of one room may wait.
const WAITING: usize = 2_000;

/// What became of one append.
type Outcome = Result<Appended, BrokerError>;

/// The queues of the rooms in which something is being said right now.
pub(super) struct Appends {
    link: Arc<Link>,
    keys: Keys,
    settings: BrokerSettings,
    rooms: DashMap<RoomName, Vec<Waiting>>,
}

struct Waiting {
    draft: Draft,
    told: oneshot::Sender<Outcome>,
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
    pub(super) async fn append(self: &Arc<Self>, room: &RoomName, draft: Draft) -> Outcome {
        // Nothing is to wait for a server that is away.
        self.link.live()?;
        let (told, outcome) = oneshot::channel();
        let waiting = Waiting { draft, told };
        match self.rooms.entry(room.clone()) {
            Slot::Occupied(mut queue) if queue.get().len() < WAITING => {
                queue.get_mut().push(waiting);
            }
            Slot::Occupied(_) => return Err(BrokerError::Unavailable),
            Slot::Vacant(slot) => {
                slot.insert(vec![waiting]);
                let (appends, room) = (Arc::clone(self), room.clone());
                tokio::spawn(async move { appends.carry(&room).await });
            }
        }
        // Whoever carries it may end with the process, half way.
        outcome.await.unwrap_or(Err(BrokerError::Timeout))
    }

    /// Carries what is said in a room until nothing waits any more.
    async fn carry(&self, room: &RoomName) {
        loop {
            // Whoever else speaks in this turn goes along.
            tokio::task::yield_now().await;
            let some = self.take(room);
            if some.is_empty() {
                break;
            }
            let (drafts, told): (Vec<_>, Vec<_>) = some
                .into_iter()
                .map(|waiting| (waiting.draft, waiting.told))
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
                    // Each of these would wait as long again for the same.
                    self.give_up(room);
                    break;
                }
            }
        }
    }

    /// What goes with the next call; an empty queue is forgotten.
    fn take(&self, room: &RoomName) -> Vec<Waiting> {
        let Slot::Occupied(mut queue) = self.rooms.entry(room.clone()) else {
            return Vec::new();
        };
        if queue.get().is_empty() {
            queue.remove();
            return Vec::new();
        }
        let mut bytes = 0;
        let count = queue
            .get()
            .iter()
            .take(PER_CALL)
            .take_while(|waiting| {
                let is_first = bytes == 0;
                bytes += waiting.draft.fields.as_str().len() + 1;
                is_first || bytes <= BYTES_PER_CALL
            })
            .count();
        queue.get_mut().drain(..count).collect()
    }

    /// Tells everybody who waits that nothing was stored.
    fn give_up(&self, room: &RoomName) {
        if let Some((_, queue)) = self.rooms.remove(room) {
            for waiting in queue {
                let _ = waiting.told.send(Err(BrokerError::Unavailable));
            }
        }
    }

    async fn call(&self, room: &RoomName, drafts: &[Draft]) -> Result<Vec<Outcome>, BrokerError> {
        let live = self.link.live()?;
        let mut script = on_log(&scripts::APPEND, &self.keys, &self.settings, room, &live);
        for key in drafts.iter().filter_map(|draft| draft.key.as_ref()) {
            script.key(self.keys.sent(room, key));
        }
        script
            .arg(self.settings.history)
            .arg(whole_ms(self.settings.dedupe_window).max(1));
        for draft in drafts {
            let may_create = draft.may_create || *room == RoomName::lobby();
            script
                .arg(draft.kind.as_str())
                .arg(draft.fields.as_str())
                .arg(digest(draft))
                .arg(u8::from(may_create))
                .arg(u8::from(draft.key.is_some()));
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

/// What the script says of one entry: what became of it, its position and its
/// time.
type Answer = (String, String, String);

fn read((what, position, at): Answer, live: &Live) -> Outcome {
    let duplicate = match what.as_str() {
        "new" => false,
        "seen" => true,
        "key_reused" => return Err(BrokerError::KeyReused),
        "no_such_room" => return Err(BrokerError::NoSuchRoom),
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
