//! `send`: say something in a room.

use std::sync::Arc;

use crate::{
    broker::{DedupeKey, Draft},
    chat::{connection::Connection, mentions, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        code::ErrorCode,
        entry::{Fields, Kind, MessageFields},
        name::{RoomName, SendKey},
        position::Position,
        server_frame::ServerFrame,
    },
    telemetry,
};

/// What a `send` frame says.
pub(super) struct Said {
    pub(super) room: RoomName,
    pub(super) key: SendKey,
    pub(super) text: String,
    pub(super) reply_to: Option<Position>,
}

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    said: Said,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    hub.settings.check_text(&said.text)?;
    if !connection.may_send(&said.room) {
        return Err(Refusal::new(
            ErrorCode::NotMember,
            format!("join {} before you send to it", said.room),
        ));
    }
    hub.sends.check(&connection.user.id, &said.room)?;
    let mentions = mentions::find(&*hub.broker, &said.text).await?;
    let draft = Draft {
        kind: Kind::Message,
        fields: Fields::of(&MessageFields {
            key: &said.key,
            from: &connection.user,
            text: &said.text,
            reply_to: said.reply_to,
            mentions: &mentions,
        }),
        key: Some(DedupeKey {
            user_id: Arc::clone(&connection.user.id),
            key: said.key.clone(),
        }),
        may_create: hub.settings.joins_create,
    };
    telemetry::send();
    let timer = telemetry::append_timer();
    let appended = hub.broker.append(&said.room, draft).await?;
    timer.stop();
    telemetry::ack(appended.duplicate);
    // Whoever said something has stopped typing.
    hub.tell_typing(&said.room, &connection.user, false).await;
    Ok(ServerFrame::Ack {
        id,
        room: said.room,
        key: said.key,
        position: appended.position,
        at: appended.at,
        duplicate: appended.duplicate,
    })
}
