//! `history` and `members`: looking at a room, by frame or by HTTP.

use std::sync::Arc;

use crate::{
    broker::RoomState,
    chat::{hub::Hub, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        code::ErrorCode,
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
    refuse_closed(hub, room).await?;
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
    let roster = hub.broker.members(&room).await?;
    Ok(ServerFrame::Members {
        id,
        room,
        version: roster.version,
        count: roster.members.len() as u64,
        members: roster.members,
    })
}

/// A closed room shows nothing any more.
async fn refuse_closed(hub: &Arc<Hub>, room: &RoomName) -> Result<(), Refusal> {
    if hub.broker.status(room).await?.state == RoomState::Closed {
        return Err(Refusal::new(
            ErrorCode::NoSuchRoom,
            format!("there is no room {room}"),
        ));
    }
    Ok(())
}
