//! One instance of the model: the real sequencer, and around it what the shell
//! does in a running one. A flaw that is to be found is planted here, around
//! the sequencer and never in it.

use std::collections::BTreeMap;

use hubbub::{
    broker::Page,
    chat::{
        refill::{Greeting, Part, Start},
        sequence::{self, Live},
        sequencer::{Mode, Outcome, Sequencer},
    },
    protocol::{
        entry::{Entry, Kind},
        name::RoomName,
        position::Position,
    },
};

use crate::pipe::Pipe;

/// A mistake that the simulator must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Every live entry is taken as it comes.
    NoContiguity,
    /// A marker is taken whatever it says came before it.
    NoPrev,
    /// A link that returns is not followed by a look at the log.
    NoCatchUp,
    /// What comes during a repair is forgotten.
    ForgetsSeen,
    /// Members are let in before the room knows its head.
    EarlyEntry,
    /// The log knows no send keys.
    NoDedupe,
    /// What is remembered stays as it was said, also when it was taken back.
    ForgetsChanges,
}

/// One connection of a client.
pub(crate) struct Conn {
    pub(crate) client: usize,
    pub(crate) pipe: Pipe,
    /// A poll is answered once and then over.
    pub(crate) is_poll: bool,
    /// A part of the log was asked for.
    pub(crate) is_refilling: bool,
    pub(crate) pumped: bool,
    /// How long frames lie before they are written.
    pub(crate) slow: u64,
}

/// A running instance.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a model says plainly what holds at the moment"
)]
pub(crate) struct Instance {
    pub(crate) sequencer: Sequencer<Pipe>,
    pub(crate) flaw: Option<Flaw>,
    /// Grows when the instance or its link to the log dies.
    pub(crate) life: u64,
    pub(crate) link: u64,
    pub(crate) is_up: bool,
    pub(crate) is_linked: bool,
    pub(crate) is_subscribed: bool,
    pub(crate) is_opening: bool,
    pub(crate) conns: BTreeMap<u64, Conn>,
    /// Who waits for the room to be opened, and from where they go on.
    pub(crate) waiting: Vec<(u64, Option<Position>)>,
    pub(crate) must_compare: bool,
}

impl Instance {
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        Self {
            sequencer: Sequencer::new(RoomName::lobby()),
            flaw,
            life: 0,
            link: 0,
            is_up: true,
            is_linked: true,
            is_subscribed: false,
            is_opening: false,
            conns: BTreeMap::new(),
            waiting: Vec::new(),
            must_compare: false,
        }
    }

    /// Everything in memory is gone.
    pub(crate) fn crash(&mut self) {
        *self = Self {
            life: self.life + 1,
            link: self.link + 1,
            is_up: false,
            ..Self::new(self.flaw)
        };
    }

    pub(crate) fn on_entry(&mut self, mut entry: Entry) -> Outcome<Pipe> {
        self.disguise(&mut entry);
        let settled = self.sequencer.settled_head();
        let is_hole = settled.is_some_and(|last| sequence::judge(last, &entry) == Live::Hole);
        match (self.flaw, &entry.kind) {
            (Some(Flaw::ForgetsSeen), _) if self.sequencer.is_repairing() => {
                return Outcome::default();
            }
            (Some(Flaw::EarlyEntry), _) if self.is_opening => {
                return Outcome::default();
            }
            (Some(Flaw::NoContiguity), Kind::Message) if is_hole => {
                let Position { epoch, seq } = entry.position;
                self.jump(Position::new(epoch, seq - 1));
            }
            (Some(Flaw::NoPrev | Flaw::NoContiguity), Kind::Epoch { prev }) if is_hole => {
                self.jump(*prev);
            }
            _ => {}
        }
        self.sequencer.on_entry(entry, &|_| ())
    }

    /// A change is one no longer if nobody sees that it is one.
    fn disguise(&self, entry: &mut Entry) {
        if self.flaw == Some(Flaw::ForgetsChanges) && entry.kind.is_change() {
            entry.kind = Kind::Other("deleted".into());
        }
    }

    pub(crate) fn on_page(&mut self, mut page: Page) -> Outcome<Pipe> {
        for entry in &mut page.entries {
            self.disguise(entry);
        }
        self.sequencer.on_page(page, &|_| ())
    }

    pub(crate) fn opened(&mut self, head: Position) -> Outcome<Pipe> {
        self.is_opening = false;
        if self.flaw == Some(Flaw::EarlyEntry) && self.sequencer.is_open() {
            self.jump(head);
            return Outcome::default();
        }
        self.sequencer.opened(head)
    }

    /// Lets a connection in with a part of the log.
    pub(crate) fn greet(&mut self, id: u64, start: &Start) -> bool {
        let Some(conn) = self.conns.get(&id) else {
            return true;
        };
        if self.flaw == Some(Flaw::EarlyEntry) && !self.sequencer.is_open() {
            let _ = self.sequencer.opened(Position::ZERO);
        }
        let greeting = Greeting {
            id: None,
            title: "Lobby".into(),
            count: 1,
            read: Position::ZERO,
            people: None,
        };
        let pipe = conn.pipe.clone();
        self.sequencer.greet(id, pipe, greeting, start).is_ok()
    }

    pub(crate) fn refill(&mut self, id: u64, part: &Part) -> Outcome<Pipe> {
        self.sequencer.refill(id, part)
    }

    /// What no sequencer does: it is replaced by one that stands elsewhere, and
    /// the members are told nothing.
    fn jump(&mut self, to: Position) {
        let mut fresh = Sequencer::new(RoomName::lobby());
        fresh.begin_opening();
        let _ = fresh.opened(to);
        for (id, conn) in &self.conns {
            if let Some((_, left)) = self.sequencer.remove(*id) {
                let mode = if left.behind {
                    Mode::Behind(left.position)
                } else {
                    Mode::LIVE
                };
                let _ = fresh.follow(*id, conn.pipe.clone(), mode);
            }
        }
        self.sequencer = fresh;
    }
}
