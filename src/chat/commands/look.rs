//! `history` and `members`: looking at a room, by frame or by HTTP.

use std::sync::Arc;

use crate::{
    chat::{hub::Hub, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        entry::Entry,
        name::RoomName,
        position::Position,
        server_frame::{Messages, ServerFrame},
    },
};

/// A page of the past.
pub struct Found {
    /// Oldest first.
    pub messages: Messages,
    /// Whether there are older ones.
    pub more: bool,
}

/// The messages before a position, or the latest ones.
pub async fn history(
    hub: &Arc<Hub>,
    room: &RoomName,
    before: Option<Position>,
    limit: usize,
) -> Result<Found, Refusal> {
    check(hub, room).await?;
    let page = hub.broker.read_before(room, before, limit).await?;
    let messages = page.entries.iter().filter(|entry| Entry::is_message(entry));
    Ok(Found {
        messages: Messages::of(room, messages),
        more: page.more,
    })
}

/// Who is in a room.
pub async fn members(
    hub: &Arc<Hub>,
    id: Option<FrameId>,
    room: RoomName,
) -> Result<ServerFrame, Refusal> {
    check(hub, &room).await?;
    let roster = hub.broker.members(&room).await?;
    Ok(ServerFrame::Members {
        id,
        room,
        version: roster.version,
        count: roster.members.len() as u64,
        members: roster.members,
    })
}

/// A closed room shows nothing any more, and one that is not there nothing yet.
async fn check(hub: &Arc<Hub>, room: &RoomName) -> Result<(), Refusal> {
    let state = hub.broker.status(room).await?.state;
    hub.settings.check_room(room, state)
}
