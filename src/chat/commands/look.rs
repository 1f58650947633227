//! `history` and `members`: looking at a room, by frame or by HTTP.

use std::sync::Arc;

use crate::{
    chat::{connection::Connection, hub::Hub, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        entry::Entry,
        name::RoomName,
        position::Position,
        server_frame::{Messages, ServerFrame},
        user::User,
    },
};

/// The most bytes of entries on one page.
pub(super) const PAGE_BYTES: usize = 64 * 1024;

/// A page of the past.
pub struct Found {
    /// Oldest first.
    pub messages: Messages,
    /// Whether there are older ones.
    pub more: bool,
    /// If so: where to go on.
    pub before: Option<Position>,
}

/// The messages before a position, or the latest ones. Whoever asks may know of
/// the room: that was looked at before.
pub async fn history(
    hub: &Arc<Hub>,
    user: &User,
    room: &RoomName,
    before: Option<Position>,
    limit: usize,
) -> Result<Found, Refusal> {
    hub.looks_back.check(&user.id)?;
    check(hub, room).await?;
    let page = hub.broker.read_before(room, before, limit).await?;
    let mut bytes = 0;
    // From the newest on, as many as one answer should hold.
    let fits = page.entries.iter().rev().take_while(|entry| {
        let is_first = bytes == 0;
        bytes += entry.fields.as_str().len() + 1;
        is_first || bytes <= PAGE_BYTES
    });
    let shown = fits.count();
    let from = page.entries.len() - shown;
    let messages = page.entries[from..].iter();
    let more = page.more || from > 0;
    let oldest = page.entries.get(from).map(|entry| entry.position);
    Ok(Found {
        messages: Messages::of(room, messages.filter(|entry| Entry::is_message(entry))),
        more,
        before: oldest.filter(|_| more),
    })
}

/// The answer to `history`.
pub(super) async fn back(
    connection: &Connection,
    id: Option<FrameId>,
    room: RoomName,
    before: Option<Position>,
    limit: usize,
) -> Result<ServerFrame, Refusal> {
    let (hub, me) = (&connection.hub, &connection.user);
    let found = history(hub, me, &room, before, limit).await?;
    Ok(ServerFrame::History {
        id,
        room,
        messages: found.messages,
        more: found.more,
        before: found.before,
    })
}

/// Who is in a room: everybody, or so many, the asker among them.
pub async fn members(
    connection: &Connection,
    id: Option<FrameId>,
    room: RoomName,
    limit: Option<usize>,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    check(hub, &room).await?;
    let mut roster = match limit {
        Some(most) => hub.broker.some_members(&room, most).await?,
        None => hub.broker.members(&room).await?,
    };
    let me = &connection.user;
    let is_part = (roster.members.len() as u64) < roster.count;
    if is_part && connection.is_in(&room) && !roster.members.iter().any(|user| user.id == me.id) {
        roster.members.pop();
        let place = roster.members.partition_point(|user| user.name < me.name);
        roster.members.insert(place, me.clone());
    }
    Ok(ServerFrame::Members {
        id,
        room,
        version: roster.version,
        count: roster.count,
        members: roster.members,
    })
}

/// A closed room shows nothing any more, and one that is not there nothing yet.
pub(super) async fn check(hub: &Arc<Hub>, room: &RoomName) -> Result<(), Refusal> {
    let state = hub.status(room).await?.state;
    hub.settings.check_room(room, state)
}
