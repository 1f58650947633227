//! `leave`: stop following a room. Leaving a room one is not in is no error.

use crate::{
    broker::Departure,
    chat::connection::Connection,
    protocol::{client_frame::FrameId, name::RoomName, server_frame::ServerFrame},
};

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    name: RoomName,
) -> Option<ServerFrame> {
    if let Some(room) = connection.let_go(&name) {
        connection
            .hub
            .tell_typing(&name, &connection.user, false)
            .await;
        room.detach(connection.id);
        if connection.is_live() {
            // If the broker is away, the lease makes it good.
            let _ = room.settle(&connection.user, Departure::Now).await;
        }
    }
    Some(ServerFrame::Left { id, room: name })
}
