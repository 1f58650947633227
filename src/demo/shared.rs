//! What the characters and the stage share: the ledger, the lines that tell what
//! happens, and strangers who said something.

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::Notify;

use crate::protocol::position::Position;

use super::ledger::Ledger;

/// So many strangers are greeted in one run.
const MOST_GREETED: usize = 20;

/// What all of a run share.
pub(super) struct Shared {
    /// The room.
    pub(super) room: String,
    /// What the keys of this run begin with: no two runs share any.
    pub(super) run: String,
    ledger: Mutex<Ledger>,
    /// Something may have changed for whoever waits.
    pub(super) changed: Notify,
    strangers: Mutex<Strangers>,
    failure: Mutex<Option<String>>,
    began: Instant,
    out: Mutex<Out>,
}

struct Out {
    writer: Box<dyn Write + Send>,
    broken: Option<io::Error>,
}

/// Others in the room, who are no characters.
#[derive(Default)]
struct Strangers {
    known: HashSet<String>,
    waiting: Vec<Stranger>,
}

/// Somebody who is no character said something for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    pub(super) name: String,
    pub(super) at: Position,
}

impl Shared {
    /// A run in a room, with its lines going there.
    pub(super) fn new(room: &str, run: String, writer: Box<dyn Write + Send>) -> Self {
        Self {
            room: room.to_owned(),
            run,
            ledger: Mutex::default(),
            changed: Notify::new(),
            strangers: Mutex::default(),
            failure: Mutex::default(),
            began: Instant::now(),
            out: Mutex::new(Out {
                writer,
                broken: None,
            }),
        }
    }

    /// The ledger, for a moment; whoever waits looks at it again afterwards.
    pub(super) fn note<T>(&self, note: impl FnOnce(&mut Ledger) -> T) -> T {
        let noted = note(&mut locked(&self.ledger));
        self.changed.notify_one();
        noted
    }

    /// Looks into the ledger.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&locked(&self.ledger))
    }

    /// The key of a deed.
    pub(super) fn key(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The deed of a key; none if it is of somebody else.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let rest = key.strip_prefix(self.run.as_str())?;
        rest.strip_prefix('-')?.parse().ok()
    }

    /// Writes a line, with the time since the run began.
    pub(super) fn tell(&self, line: &str) {
        let seconds = self.began.elapsed().as_secs();
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        // What goes on in a text begins below its first line.
        let line = line.replace('\n', "\n       ");
        let mut out = locked(&self.out);
        if out.broken.is_none() {
            let written = writeln!(out.writer, "{minutes:02}:{seconds:02}  {line}");
            out.broken = written.and_then(|()| out.writer.flush()).err();
        }
    }

    /// Why lines can be written no more.
    pub(super) fn broken_output(&self) -> Option<io::Error> {
        locked(&self.out).broken.take()
    }

    /// Whether they can.
    pub(super) fn has_readers(&self) -> bool {
        locked(&self.out).broken.is_none()
    }

    /// The run cannot go on.
    pub(super) fn fail(&self, why: String) {
        locked(&self.failure).get_or_insert(why);
        self.changed.notify_one();
    }

    /// Why it cannot go on.
    pub(super) fn failure(&self) -> Option<String> {
        locked(&self.failure).clone()
    }

    /// Somebody else said something.
    pub(super) fn stranger(&self, id: &str, name: &str, at: Position) {
        let mut strangers = locked(&self.strangers);
        if strangers.known.len() < MOST_GREETED && strangers.known.insert(id.to_owned()) {
            let name = name.to_owned();
            strangers.waiting.push(Stranger { name, at });
        }
    }

    /// Somebody who was not greeted yet.
    pub(super) fn next_stranger(&self) -> Option<Stranger> {
        locked(&self.strangers).waiting.pop()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            locked(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shared(writer: impl Write + Send + 'static) -> Shared {
        Shared::new("lobby", "demo-1".to_owned(), Box::new(writer))
    }

    #[test]
    fn a_key_leads_back_to_its_deed_and_those_of_others_to_none() {
        let shared = shared(io::sink());
        assert_eq!(shared.number(&shared.key(7)), Some(7));
        for other in ["demo-11-7", "demo-1-", "demo-1-x", "k7", ""] {
            assert_eq!(shared.number(other), None, "{other}");
        }
    }

    #[test]
    fn lines_carry_the_time_and_longer_texts_are_set_below() {
        let lines = Lines::default();
        let shared = shared(lines.clone());
        shared.tell("Ada: one\ntwo");
        let text = String::from_utf8(locked(&lines.0).clone()).unwrap();
        assert_eq!(text, "00:00  Ada: one\n       two\n");
        assert!(shared.has_readers());
    }

    #[test]
    fn an_output_that_nobody_reads_is_noticed() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shared = shared(Closed);
        shared.tell("hello");
        assert!(!shared.has_readers());
        let broken = shared.broken_output().unwrap();
        assert_eq!(broken.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn strangers_are_known_after_the_first_word_and_not_without_number() {
        let shared = shared(io::sink());
        let at = Position::new(1, 1);
        for number in 0..2 * MOST_GREETED {
            shared.stranger(&format!("u{}", number / 2), "Zed", at);
        }
        shared.stranger("one too many", "Zed", at);
        let greeted = std::iter::from_fn(|| shared.next_stranger());
        assert_eq!(greeted.count(), MOST_GREETED);
    }

    #[test]
    fn the_first_failure_is_the_one_that_is_told() {
        let shared = shared(io::sink());
        assert_eq!(shared.failure(), None);
        shared.fail("first".to_owned());
        shared.fail("second".to_owned());
        assert_eq!(shared.failure().as_deref(), Some("first"));
    }
}
