//! `typing`: others see who writes.

use crate::{
    chat::{connection::Connection, refusal::Refusal},
    protocol::{code::ErrorCode, name::RoomName, server_frame::ServerFrame},
};

pub(super) async fn run(
    connection: &Connection,
    room: &RoomName,
    on: bool,
) -> Result<Option<ServerFrame>, Refusal> {
    if !connection.may_send(room) {
        return Err(Refusal::new(
            ErrorCode::NotMember,
            format!("join {room} before you type in it"),
        ));
    }
    connection.hub.tell_typing(room, &connection.user, on).await;
    Ok(None)
}
