//! Following a room: joining, resuming and catching up.
//!
//! Who joins is behind at first. One step at a time, a part of the log goes
//! into the outbox; the step that reaches the sequencer's head makes the
//! member live, under the room's lock, so that nothing falls in between.

use std::sync::Arc;

use crate::{
    broker::{BrokerError, Departure, Seat},
    protocol::{
        client_frame::FrameId,
        entry::Entry,
        position::Position,
        server_frame::{Messages, ServerFrame, Text},
        user::User,
    },
};

use super::{
    outbox::Outbox,
    room::{ConnectionId, Member, Mode, PAGE, Room, State, break_frame},
    sequence::{self, Break},
};

/// How many messages a fresh join shows.
const LATEST: usize = 50;
/// The most bytes of entries one step puts into an outbox. A page larger than
/// this goes out in parts.
const STEP_BYTES: usize = 64 * 1024;

/// Who wants to follow a room, and how.
pub(super) struct Follower {
    pub(super) id: ConnectionId,
    pub(super) user: User,
    pub(super) outbox: Arc<Outbox>,
    /// Whether it is a live socket of this instance, which holds a seat for its
    /// user, or one poll, whose client holds its own.
    pub(super) seated: bool,
}

/// What `joined` says beside the entries.
pub(super) struct Greeting {
    pub(super) id: Option<FrameId>,
    pub(super) title: Arc<str>,
    pub(super) count: u64,
}

/// The room was retired meanwhile: ask the hub for it again.
#[derive(Debug)]
pub(super) struct Retired;

/// Where a follower stood when it was removed.
pub(super) struct Left {
    pub(super) position: Position,
    pub(super) behind: bool,
}

/// A part of the log that follows a position.
struct Part {
    from: Position,
    entries: Vec<Entry>,
    /// The room's head when the part was read.
    head: Position,
}

impl Part {
    /// What is missing between the position and the log, if anything is.
    fn find_break(&self) -> Option<Break> {
        match self.entries.first() {
            Some(first) => sequence::find_break(self.from, first),
            // The client is ahead of the whole log: its tail is gone.
            None if self.from > self.head && self.head == Position::ZERO => {
                Some(Break::Gap { to: self.head })
            }
            None if self.from > self.head => Some(Break::Rollback { after: self.head }),
            None => None,
        }
    }
}

/// Where a greeted follower begins.
enum Start {
    /// With the latest messages.
    Fresh(Part),
    /// After its own position.
    Resumed(Part),
}

impl Start {
    /// The messages for `joined`, the position they reach, and whether history
    /// is missing before them (which is then told next).
    fn shown(&self, last: Position) -> (&[Entry], Position, bool) {
        match self {
            Self::Fresh(part) => {
                let shown = up_to(&part.entries, last);
                (shown, part.head.min(last), false)
            }
            Self::Resumed(part) if part.find_break().is_some() => (&[], part.from, true),
            Self::Resumed(part) => {
                let entries = up_to(&part.entries, last);
                let shown = &entries[..leading_messages(entries)];
                let reached = shown.last().map_or(part.from, |entry| entry.position);
                (shown, reached, false)
            }
        }
    }
}

/// The log may be ahead of the room's sequencer here; what lies beyond comes
/// as live entries.
fn up_to(entries: &[Entry], last: Position) -> &[Entry] {
    &entries[..entries.partition_point(|entry| entry.position <= last)]
}

impl Room {
    /// Adds a follower and greets it. With `after`, what came since follows;
    /// without, the latest messages do.
    pub(super) async fn attach(
        &self,
        follower: &Follower,
        greeting: Greeting,
        after: Option<Position>,
    ) -> Result<Result<(), Retired>, BrokerError> {
        let start = match after {
            Some(position) => Start::Resumed(self.part_after(position).await?),
            None => Start::Fresh(self.latest().await?),
        };
        Ok(self.greet(follower, greeting, &start))
    }

    /// Adds a follower that has everything up to a position and needs no
    /// greeting: a poll that goes on.
    pub(super) fn attach_behind(&self, follower: &Follower, from: Position) -> Result<(), Retired> {
        self.insert(follower, Mode::Behind(from), false)?;
        follower.outbox.mark_behind();
        Ok(())
    }

    /// Adds a follower of what comes from now on.
    pub(super) fn attach_live(&self, follower: &Follower) -> Result<(), Retired> {
        self.insert(follower, Mode::LIVE, false)
    }

    async fn part_after(&self, from: Position) -> Result<Part, BrokerError> {
        {
            let state = self.lock();
            // A client may be ahead of this instance, whose link lags: then
            // only the log can tell.
            if from <= state.last
                && let Some(recent) = state.ring.after(from, PAGE)
            {
                let mut entries: Vec<Entry> =
                    recent.iter().map(|recent| recent.entry.clone()).collect();
                trim_to_bytes(&mut entries);
                let head = state.last;
                return Ok(Part {
                    from,
                    entries,
                    head,
                });
            }
        }
        let page = self.broker.read_after(&self.name, from, PAGE).await?;
        let mut entries = page.entries;
        trim_to_bytes(&mut entries);
        Ok(Part {
            from,
            entries,
            head: page.head,
        })
    }

    /// The latest messages, as many as one frame should hold.
    async fn latest(&self) -> Result<Part, BrokerError> {
        let page = self.broker.read_before(&self.name, None, LATEST).await?;
        let mut entries = page.entries;
        entries.retain(Entry::is_message);
        entries.reverse();
        trim_to_bytes(&mut entries);
        entries.reverse();
        Ok(Part {
            from: page.head,
            entries,
            head: page.head,
        })
    }

    fn greet(&self, follower: &Follower, greeting: Greeting, start: &Start) -> Result<(), Retired> {
        let mut state = self.lock();
        if Self::is_shut(&state) {
            return Err(Retired);
        }
        let last = state.last;
        let (messages, reached, is_broken) = start.shown(last);
        let mode = if is_broken || reached < last {
            Mode::Behind(reached)
        } else {
            Mode::Live { above: reached }
        };
        let joined = ServerFrame::Joined {
            id: greeting.id,
            room: self.name.clone(),
            title: greeting.title,
            head: last,
            recovered: matches!(start, Start::Resumed(_)) && !is_broken,
            count: greeting.count,
            messages: Messages::of(&self.name, messages),
            more: matches!(mode, Mode::Behind(_)),
        };
        follower.outbox.push(joined.text());
        Self::put(&mut state, follower, mode, true);
        drop(state);
        if matches!(mode, Mode::Behind(_)) {
            follower.outbox.mark_behind();
        }
        Ok(())
    }

    fn insert(&self, follower: &Follower, mode: Mode, paged: bool) -> Result<(), Retired> {
        let mut state = self.lock();
        if Self::is_shut(&state) {
            return Err(Retired);
        }
        Self::put(&mut state, follower, mode, paged);
        Ok(())
    }

    fn put(state: &mut State, follower: &Follower, mode: Mode, paged: bool) {
        let member = Member {
            user: follower.user.clone(),
            outbox: Arc::clone(&follower.outbox),
            mode,
            seated: follower.seated,
            paged,
        };
        let before = state.members.insert(follower.id, member);
        if follower.seated && !before.is_some_and(|member| member.seated) {
            *state.here.entry(Arc::clone(&follower.user.id)).or_default() += 1;
        }
    }

    /// Removes a follower, and says where it stood.
    pub(super) fn detach(&self, id: ConnectionId) -> Option<Left> {
        let mut state = self.lock();
        let member = state.members.remove(&id)?;
        if member.seated
            && let Some(count) = state.here.get_mut(&member.user.id)
        {
            *count -= 1;
            if *count == 0 {
                state.here.remove(&member.user.id);
            }
        }
        Self::note_departure(&mut state);
        Some(match member.mode {
            Mode::Live { above } => Left {
                position: above.max(state.last),
                behind: false,
            },
            Mode::Behind(position) => Left {
                position,
                behind: true,
            },
        })
    }

    /// Whether this connection follows the room and is behind in it.
    pub(super) fn is_behind(&self, id: ConnectionId) -> bool {
        let state = self.lock();
        let mode = state.members.get(&id).map(|member| member.mode);
        matches!(mode, Some(Mode::Behind(_)))
    }

    /// Moves a member that is behind one step further. Returns whether it is
    /// still behind.
    pub(super) async fn refill(&self, id: ConnectionId) -> Result<bool, BrokerError> {
        let from = match self.lock().members.get(&id) {
            Some(Member {
                mode: Mode::Behind(from),
                ..
            }) => *from,
            _ => return Ok(false),
        };
        let part = self.part_after(from).await?;
        let mut state = self.lock();
        let last = state.last;
        let Some(member) = state.members.get_mut(&id) else {
            return Ok(false);
        };
        // Joining again may have moved it meanwhile.
        if member.mode == Mode::Behind(from) {
            member.mode = self.step(member, &part, last);
        }
        Ok(matches!(member.mode, Mode::Behind(_)))
    }

    /// Puts one part into the member's outbox and says where it is then.
    fn step(&self, member: &Member, part: &Part, last: Position) -> Mode {
        let mut reached = part.from;
        if let Some(found) = part.find_break() {
            if !member
                .outbox
                .offer(&break_frame(&self.name, reached, found))
            {
                return Mode::Behind(reached);
            }
            if part.entries.is_empty() {
                reached = part.head;
            }
        }
        let mut closed = !member.paged;
        let mut rest = up_to(&part.entries, last);
        while !rest.is_empty() {
            let run = if member.paged {
                leading_messages(rest).max(1)
            } else {
                1
            };
            let (now, later) = rest.split_at(run);
            let end = now.last().map_or(reached, |entry| entry.position);
            let more = !later.is_empty() || end < last;
            let (frame, is_page) = self.frame_of(now, member.paged, more);
            if !frame.is_none_or(|frame| member.outbox.offer(&frame)) {
                return Mode::Behind(reached);
            }
            closed = closed || (is_page && !more);
            reached = end;
            rest = later;
        }
        if reached < last {
            member.outbox.mark_behind();
            return Mode::Behind(reached);
        }
        if !closed && !member.outbox.offer(&self.page(&[], false)) {
            return Mode::Behind(reached);
        }
        Mode::Live { above: reached }
    }

    /// The frame of a run of messages, or of one entry of another kind; none
    /// for what clients do not see.
    fn frame_of(&self, run: &[Entry], paged: bool, more: bool) -> (Option<Text>, bool) {
        match run {
            [entry] if !paged || !entry.is_message() => {
                let frame = self.is_for_members(entry).then(|| entry.frame(&self.name));
                (frame, false)
            }
            messages => (Some(self.page(messages, more)), true),
        }
    }

    fn page(&self, messages: &[Entry], more: bool) -> Text {
        ServerFrame::Page {
            room: self.name.clone(),
            messages: Messages::of(&self.name, messages),
            more,
        }
        .text()
    }

    /// Takes a seat for a user who is about to join.
    pub(super) async fn take_seat(&self, user: &User) -> Result<(), BrokerError> {
        let mut seated = self.seated.lock().await;
        if !seated.contains_key(&user.id) {
            self.broker.enter(&self.name, user, &Seat::Instance).await?;
            seated.insert(Arc::clone(&user.id), user.clone());
        }
        Ok(())
    }

    /// Makes the broker's picture of one user in this room true: a seat if the
    /// user has a live socket here, none otherwise.
    pub(super) async fn settle(
        &self,
        user: &User,
        departure: Departure,
    ) -> Result<(), BrokerError> {
        let mut seated = self.seated.lock().await;
        let wanted = self.lock().here.contains_key(&user.id);
        let taken = seated.contains_key(&user.id);
        if wanted && !taken {
            self.broker.enter(&self.name, user, &Seat::Instance).await?;
            seated.insert(Arc::clone(&user.id), user.clone());
        } else if taken && !wanted {
            seated.remove(&user.id);
            self.broker
                .leave(&self.name, user, &Seat::Instance, departure)
                .await;
        }
        Ok(())
    }
}

fn leading_messages(entries: &[Entry]) -> usize {
    entries
        .iter()
        .take_while(|entry| entry.is_message())
        .count()
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
