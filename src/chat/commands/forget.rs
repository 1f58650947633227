//! `forget`: leave a private room for good, with every connection on every
//! instance. Whoever wants to come back has to be invited again.

use std::time::Duration;

use crate::{
    broker::Departure,
    chat::{connection::Connection, refusal::Refusal},
    protocol::{client_frame::FrameId, code::ErrorCode, name::RoomName, server_frame::ServerFrame},
};

/// How long the reply waits for the other windows to be told.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    name: RoomName,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    let me = &connection.user;
    if !name.is_private() {
        return Err(Refusal::new(
            ErrorCode::BadField,
            format!("{name} is open to everybody; leave it instead"),
        ));
    }
    hub.broker.forget(&name, me).await?;
    let telling = hub.tell_forgotten(&name, me);
    // What follows it here ends now, and elsewhere with the news of it.
    if let Some(room) = hub.held_room(&name) {
        room.expel(&me.id);
    }
    if let Some(room) = connection.let_go(&name)
        && connection.is_live()
    {
        // If this is cut, or the broker away, the hub makes it good.
        let _ = room.settle(me, Departure::Now).await;
    }
    hub.tell_typing(&name, me, false).await;
    let _ = tokio::time::timeout(PATIENCE, telling).await;
    Ok(ServerFrame::Forgotten { id, room: name })
}
