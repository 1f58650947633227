//! How a member that is behind comes to the head of the room: the parts of the
//! log that go into its sink, one step at a time. The step that reaches the
//! sequencer's head makes the member live, so that nothing falls in between.
//!
//! Pure, like the sequencer it belongs to: who reads the log is `follow.rs`.

use std::sync::Arc;

use crate::{
    broker::Page,
    protocol::{
        client_frame::FrameId,
        entry::{Entry, Fields, Kind},
        position::Position,
        server_frame::{Messages, ServerFrame, Text},
        user::User,
    },
};

use super::{
    breaks::{break_frame, tells_of_breaks},
    ring::Recent,
    sequence::{self, Break},
    sequencer::{ConnectionId, Member, Mode, Outcome, Sequencer, Shut, Sink, is_for_members},
};

/// How many entries one read of the log asks for.
pub const PAGE: usize = 100;
/// The most bytes of entries one step puts into a sink. A page larger than
/// this goes out in parts.
const STEP_BYTES: usize = 64 * 1024;

/// What `joined` says beside the entries.
pub struct Greeting {
    /// The `id` of the `join` it answers.
    pub id: Option<FrameId>,
    /// The title of the room.
    pub title: Arc<str>,
    /// How many people are there.
    pub count: u64,
    /// How far who joins has read.
    pub read: Position,
    /// Who may be in the room, if that is not everybody.
    pub people: Option<Vec<User>>,
}

/// A part of the log that follows a position.
#[derive(Debug)]
pub struct Part {
    from: Position,
    entries: Vec<Entry>,
    /// The room's head when the part was read.
    head: Position,
    /// More may lie before it, for who begins with it.
    older: bool,
}

impl Part {
    /// What the log has after a position.
    pub fn after(from: Position, page: Page) -> Self {
        let mut entries = page.entries;
        trim_to_bytes(&mut entries);
        Self {
            from,
            entries,
            head: page.head,
            older: false,
        }
    }

    /// The latest messages of the log, as many as one frame should hold.
    pub fn latest(page: Page) -> Self {
        let mut entries = page.entries;
        entries.retain(Entry::is_message);
        let messages = entries.len();
        entries.reverse();
        trim_to_bytes(&mut entries);
        entries.reverse();
        Self {
            from: page.head,
            older: page.more || entries.len() < messages,
            entries,
            head: page.head,
        }
    }

    /// What is missing between the position and the log, if anything is.
    fn find_break(&self) -> Option<Break> {
        match self.entries.first() {
            Some(first) => sequence::find_break(self.from, first),
            None => (self.from > self.head).then(|| sequence::break_below(self.head)),
        }
    }
}

/// Where a greeted follower begins.
#[derive(Debug)]
pub enum Start {
    /// With the latest messages.
    Fresh(Part),
    /// After its own position.
    Resumed(Part),
}

impl Start {
    /// The messages for `joined`, the position they reach, and whether history
    /// is missing before them (which is then told next).
    fn shown(&self) -> (&[Entry], Position, bool) {
        match self {
            Self::Fresh(part) => (&part.entries, part.head, false),
            Self::Resumed(part) if part.find_break().is_some() => (&[], part.from, true),
            Self::Resumed(part) => {
                let shown = &part.entries[..leading_messages(&part.entries)];
                let reached = shown.last().map_or(part.from, |entry| entry.position);
                (shown, reached, false)
            }
        }
    }

    /// Whether there may be messages before those that are shown. Who comes
    /// back has them.
    const fn older(&self) -> Option<bool> {
        match self {
            Self::Fresh(part) => Some(part.older),
            Self::Resumed(_) => None,
        }
    }

    const fn head(&self) -> Position {
        match self {
            Self::Fresh(part) | Self::Resumed(part) => part.head,
        }
    }
}

impl<S: Sink> Sequencer<S> {
    /// What follows a position, if it is remembered here; if not, the log has to
    /// be read.
    pub fn recall(&self, from: Position) -> Option<Part> {
        // A client may be ahead of this instance, whose link lags: then only the
        // log can tell.
        if from > self.last {
            return None;
        }
        let recent = self.ring.after_as_now(from, PAGE)?;
        let mut entries: Vec<Entry> = recent.map(|recent| recent.entry.clone()).collect();
        trim_to_bytes(&mut entries);
        Some(Part {
            from,
            entries,
            head: self.last,
            older: false,
        })
    }

    /// What is remembered here may be gone with the last of the room's people:
    /// from now on, the log tells.
    pub(super) fn forget_recent(&mut self) {
        self.ring.restart(self.last);
    }

    /// A page of the log was read: what is remembered here and has changed since
    /// is remembered as it looks there, so that not everybody has to read it.
    pub fn renew(&mut self, page: &Page) {
        for entry in &page.entries {
            if self.ring.is_outdated(entry.position, page.head) {
                self.ring.renew(Recent {
                    frame: entry.frame(&self.room),
                    is_shown: is_for_members(&self.room, entry),
                    entry: entry.clone(),
                });
            }
        }
    }

    /// Adds a member and greets it with `joined`. Returns the one it replaces.
    pub fn greet(
        &mut self,
        id: ConnectionId,
        sink: S,
        greeting: Greeting,
        start: &Start,
    ) -> Result<Option<S>, Shut> {
        if !self.is_open() {
            return Err(Shut);
        }
        if self.room.is_private() && start.head() == Position::ZERO {
            // The log was found empty, so what was said here was said just now or
            // is gone.
            self.forget_recent();
        }
        let last = self.last;
        let (messages, reached, is_broken) = start.shown();
        let mode = if is_broken || reached < last {
            Mode::Behind(reached)
        } else {
            Mode::Live { above: reached }
        };
        let joined = ServerFrame::Joined {
            id: greeting.id,
            room: self.room.clone(),
            title: greeting.title,
            // The client adopts it when it has the last page, so it must not lie
            // above what that will have reached.
            head: if mode.is_behind() {
                last.min(start.head())
            } else {
                reached
            },
            recovered: matches!(start, Start::Resumed(_)) && !is_broken,
            count: greeting.count,
            messages: Messages::of(&self.room, messages),
            more: mode.is_behind(),
            older: start.older(),
            read: greeting.read,
            people: greeting.people,
            direct: self.room.is_private().then(|| self.room.is_direct()),
        };
        sink.push(joined.text());
        self.put(id, sink, mode, true)
    }

    /// Moves a member that is behind one step further, by what follows its
    /// position.
    pub fn refill(&mut self, id: ConnectionId, part: &Part) -> Outcome<S> {
        let mut outcome = Outcome::default();
        // Joining again may have moved it since the part was read.
        let Some(member) = self.members.get(&id) else {
            return outcome;
        };
        if member.mode != Mode::Behind(part.from) {
            return outcome;
        }
        let step = self.step(member, part);
        if let (Step::To(mode) | Step::Beyond(mode), Some(member)) =
            (&step, self.members.get_mut(&id))
        {
            member.mode = *mode;
        }
        match step {
            Step::To(_) => {}
            Step::Closed => outcome.let_go.extend(self.remove(id).map(|(sink, _)| sink)),
            // The log ends below what was delivered here, so asking it again
            // would not help. The end of the repair wakes the member.
            Step::Beyond(_) => {
                outcome.read = self.settled_head().map(|last| self.begin_repair(last));
            }
        }
        outcome
    }

    /// Puts one part into the member's sink and says where it is then. A part
    /// may go beyond what the sequencer has: its log may lag.
    fn step(&self, member: &Member<S>, part: &Part) -> Step {
        let mut reached = part.from;
        let mut ends_break = false;
        if let Some(found) = part.find_break() {
            let is_told = tells_of_breaks(&self.room);
            if is_told && !member.sink.offer(&break_frame(&self.room, reached, found)) {
                return Step::To(Mode::Behind(reached));
            }
            // What ends a break comes with it; else the same break, or a longer
            // one, would have to be told again.
            ends_break = true;
            if part.entries.is_empty() {
                reached = part.head;
            }
        }
        let mut closed = !member.paged;
        let mut rest = &part.entries[..];
        while !rest.is_empty() {
            let run = if member.paged {
                leading_messages(rest).max(1)
            } else {
                1
            };
            let (now, later) = rest.split_at(run);
            let end = now.last().map_or(reached, |entry| entry.position);
            let more = !later.is_empty() || end < self.last;
            let (frame, is_page) = self.frame_of(now, member, more);
            if let Some(frame) = frame {
                if std::mem::take(&mut ends_break) {
                    member.sink.push(frame);
                } else if !member.sink.offer(&frame) {
                    return Step::To(Mode::Behind(reached));
                }
            }
            let is_end = |entry: &Entry| entry.kind == Kind::RoomClosed;
            if now
                .iter()
                .any(|entry| is_end(entry) && !is_old_end(&member.sink, entry))
            {
                return Step::Closed;
            }
            closed = closed || (is_page && !more);
            reached = end;
            rest = later;
        }
        if reached < self.last {
            if part.entries.is_empty() && part.head < self.last {
                return Step::Beyond(Mode::Behind(reached));
            }
            member.sink.mark_behind();
            return Step::To(Mode::Behind(reached));
        }
        if !closed && !member.sink.offer(&self.page(&[], false)) {
            return Step::To(Mode::Behind(reached));
        }
        Step::To(Mode::Live { above: reached })
    }

    /// The frame of a run of messages, or of one entry of another kind; none
    /// for what clients do not see.
    fn frame_of(&self, run: &[Entry], member: &Member<S>, more: bool) -> (Option<Text>, bool) {
        match run {
            [entry] if is_old_end(&member.sink, entry) => {
                (Some(reopened(entry).frame(&self.room)), false)
            }
            [entry] if !member.paged || !entry.is_message() => {
                let is_shown = is_for_members(&self.room, entry) || member.sink.is_addressee(entry);
                let frame = is_shown.then(|| entry.frame(&self.room));
                (frame, false)
            }
            messages => (Some(self.page(messages, more)), true),
        }
    }

    fn page(&self, messages: &[Entry], more: bool) -> Text {
        ServerFrame::Page {
            room: self.room.clone(),
            messages: Messages::of(&self.room, messages),
            more,
        }
        .text()
    }
}

/// Where one step of a refill led.
enum Step {
    /// There.
    To(Mode),
    /// To the end of a room that was closed.
    Closed,
    /// There, and no further: the log ends below what was delivered here.
    Beyond(Mode),
}

fn leading_messages(entries: &[Entry]) -> usize {
    entries
        .iter()
        .take_while(|entry| entry.is_message())
        .count()
}

/// Whether an entry is an end of the room that this one need not mind: it was
/// open again when they came.
pub(super) fn is_old_end<S: Sink>(sink: &S, entry: &Entry) -> bool {
    entry.kind == Kind::RoomClosed && sink.came_after(entry.position)
}

/// How such an end is told. No entry may be missing among those of a room, and
/// `room_closed` would send whoever gets it away.
fn reopened(end: &Entry) -> Entry {
    let text = "This room was closed, and opened again later.";
    Entry {
        kind: Kind::Notice,
        fields: Fields::of(&serde_json::json!({ "text": text })),
        ..end.clone()
    }
}

/// Keeps the first entries up to the byte limit, and at least one.
fn trim_to_bytes(entries: &mut Vec<Entry>) {
    let mut bytes = 0;
    let keep = entries
        .iter()
        .take_while(|entry| {
            let fits = bytes == 0 || bytes + entry.fields.as_str().len() <= STEP_BYTES;
            bytes += entry.fields.as_str().len() + 1;
            fits
        })
        .count();
    entries.truncate(keep);
}
