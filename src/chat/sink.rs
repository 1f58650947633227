//! What a sequencer knows of the members of its room.

use crate::protocol::{entry::Entry, position::Position, server_frame::Text};

/// Where the frames of one member go. Called in the loop over all members: an
/// implementation must neither wait nor take long.
pub trait Sink {
    /// Takes frames, from the first, as far as there is room for them; returns
    /// how many. Who did not take all is behind from there on.
    fn offer_all(&self, frames: &[Text]) -> usize;

    /// Takes one frame, or refuses it.
    fn offer(&self, frame: &Text) -> bool {
        self.offer_all(std::slice::from_ref(frame)) == 1
    }

    /// Takes a frame that must not be refused: a reply.
    fn push(&self, frame: Text);

    /// There is something to refill with, as soon as there is room for it.
    fn mark_behind(&self);

    /// Whether the log was there already when it was found that this one may
    /// come in: an end of the room that lies there is none for it, nor is its own
    /// leaving.
    fn came_after(&self, _position: Position) -> bool {
        false
    }

    /// Whether an entry says that this one has left the room for good.
    fn departs_by(&self, _entry: &Entry) -> bool {
        false
    }

    /// Whether an entry that is for some people only is for this one.
    fn is_addressee(&self, _entry: &Entry) -> bool {
        false
    }
}
