//! What is told of missing history, to everybody who is live at that moment. Who
//! is behind finds out by a refill.
//!
//! Pure, like the sequencer it belongs to.

use crate::protocol::{
    entry::Kind,
    name::RoomName,
    position::Position,
    server_frame::{ServerFrame, Text},
};

use super::{
    refill::is_old_end,
    ring::Recent,
    sequence::{self, Break},
    sequencer::{Mode, Outcome, Sequencer, Sink},
};

impl<S: Sink> Sequencer<S> {
    /// Tells everybody what is missing before an entry, and the entry.
    pub(super) fn tell_of_break(&mut self, recent: &Recent, outcome: &mut Outcome<S>) {
        let Recent {
            entry,
            frame,
            is_shown,
        } = recent;
        let from = std::mem::replace(&mut self.last, entry.position);
        let find = |at| sequence::find_break(at, entry).filter(|_| tells_of_breaks(&self.room));
        let break_for_most = find(from).map(|found| break_frame(&self.room, from, found));
        for member in self.members.values_mut() {
            // Rollback is decided per position: a member may have come with
            // more than this instance knew.
            let Mode::Live { above: at } = member.mode else {
                continue;
            };
            if at >= entry.position {
                continue;
            }
            let mut is_taken = true;
            if member.sink.is_addressee(entry) || is_old_end(&member.sink, entry) {
                member.mode = Mode::Behind(at);
                member.sink.mark_behind();
                continue;
            }
            if let Some(found) = find(at) {
                is_taken = match &break_for_most {
                    Some(frame) if at == from => member.sink.offer(frame),
                    _ => member.sink.offer(&break_frame(&self.room, at, found)),
                };
                if is_taken && *is_shown {
                    // What ends a break comes with it; else the same break, or
                    // a longer one, would have to be told again.
                    member.sink.push(frame.clone());
                }
            } else if *is_shown {
                is_taken = member.sink.offer(frame);
            }
            if is_taken {
                member.mode = Mode::Live {
                    above: entry.position,
                };
                outcome.delivered += u64::from(*is_shown);
            } else {
                member.mode = Mode::Behind(at);
                outcome.fell_behind += 1;
            }
        }
        if entry.kind == Kind::RoomClosed {
            // Who is behind has yet to be told, by a refill.
            let told = self.members.extract_if(.., |_, member| {
                !member.mode.is_behind() && !is_old_end(&member.sink, entry)
            });
            outcome.let_go.extend(told.map(|(_, member)| member.sink));
        }
    }

    /// The log has become shorter than what was delivered, and nothing in it
    /// says so: it began anew and is empty. The room stands where the log does.
    pub(super) fn fall_back(&mut self, head: Position, outcome: &mut Outcome<S>) {
        self.walk_to_the_end(outcome);
        let from = std::mem::replace(&mut self.last, head);
        self.ring.restart(head);
        self.walk.restart(head);
        let frame = break_frame(&self.room, from, sequence::break_below(head));
        let is_told = tells_of_breaks(&self.room);
        for member in self.members.values_mut() {
            // Who came with more than this instance knew may have it from the
            // new log; the marker that comes next tells.
            if matches!(member.mode, Mode::Live { above } if above <= from) {
                member.mode = if !is_told || member.sink.offer(&frame) {
                    Mode::Live { above: head }
                } else {
                    Mode::Behind(from)
                };
            }
        }
    }
}

/// Who follows the control log is told what is said to clients, and not what
/// was lost of it: that would be no history of a room.
pub(super) fn tells_of_breaks(room: &RoomName) -> bool {
    !room.is_control()
}

/// The frame that tells of missing history.
pub(super) fn break_frame(room: &RoomName, from: Position, found: Break) -> Text {
    match found {
        Break::Gap { to } => ServerFrame::Gap {
            room: room.clone(),
            from,
            to,
        },
        Break::Rollback { after } => ServerFrame::Rollback {
            room: room.clone(),
            after,
        },
    }
    .text()
}
