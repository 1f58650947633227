//! The way from an instance to one client: a queue that may be full.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use hubbub::{chat::sequencer::Sink, protocol::server_frame::Text};

/// One end is the sequencer's, the other the transport's.
#[derive(Clone)]
pub(crate) struct Pipe(Rc<Inside>);

struct Inside {
    frames: RefCell<Vec<Text>>,
    bytes: Cell<usize>,
    limit: usize,
    behind: Cell<bool>,
}

impl Pipe {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Rc::new(Inside {
            frames: RefCell::default(),
            bytes: Cell::new(0),
            limit,
            behind: Cell::new(false),
        }))
    }

    pub(crate) fn take(&self) -> Vec<Text> {
        self.0.bytes.set(0);
        self.0.frames.take()
    }

    /// How many frames lie in it.
    pub(crate) fn count(&self) -> usize {
        self.0.frames.borrow().len()
    }

    /// The frames that came after so many.
    pub(crate) fn since(&self, count: usize) -> Vec<Text> {
        self.0.frames.borrow()[count..].to_vec()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.bytes.get() == 0
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.0.bytes.get() > self.0.limit / 2
    }

    /// Whether a refill was asked for since the last question.
    pub(crate) fn take_behind(&self) -> bool {
        self.0.behind.replace(false)
    }

    pub(crate) fn wants_refill(&self) -> bool {
        self.0.behind.get()
    }
}

impl Sink for Pipe {
    fn offer_all(&self, frames: &[Text]) -> usize {
        for (taken, frame) in frames.iter().enumerate() {
            let bytes = self.0.bytes.get();
            if bytes > 0 && bytes + frame.len() > self.0.limit {
                self.0.behind.set(true);
                return taken;
            }
            self.push(frame.clone());
        }
        frames.len()
    }

    fn push(&self, frame: Text) {
        self.0.bytes.set(self.0.bytes.get() + frame.len());
        self.0.frames.borrow_mut().push(frame);
    }

    fn mark_behind(&self) {
        self.0.behind.set(true);
    }
}
