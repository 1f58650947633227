//! `read`: how far somebody has read. There is no reply.

use crate::{
    chat::{connection::Connection, reads::Due, refusal::Refusal},
    protocol::{name::RoomName, position::Position},
};

pub(super) async fn run(
    connection: &Connection,
    room: RoomName,
    position: Position,
) -> Result<(), Refusal> {
    let hub = &connection.hub;
    let mark = Due {
        user_id: connection.user.id.clone(),
        room,
        position,
        origin: hub.origin(connection.id),
    };
    hub.note_read(mark).await?;
    Ok(())
}
