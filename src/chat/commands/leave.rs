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
        // Nothing is waited for in between: the end of the connection may cut
        // this anywhere, and takes leave only of the rooms that are held.
        room.detach(connection.id);
        connection
            .hub
            .tell_typing(&name, &connection.user, false)
            .await;
        if connection.is_live() {
            // If this is cut, or the broker away, the hub makes it good when it
            // looks after its rooms.
            let _ = room.settle(&connection.user, Departure::Now).await;
        }
    }
    Some(ServerFrame::Left { id, room: name })
}
