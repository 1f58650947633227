//! `edit`, `delete` and `react`: change a message. They count as sends; and what
//! one may do to a message as often as one likes is counted once more.

use crate::{
    broker::{Change, What},
    chat::{connection::Connection, mentions, refusal::Refusal},
    protocol::{
        client_frame::{Changing, FrameId},
        code::ErrorCode,
        server_frame::ServerFrame,
    },
    telemetry,
};

pub(super) async fn edit(
    connection: &Connection,
    id: Option<FrameId>,
    changing: Changing,
    text: String,
) -> Result<ServerFrame, Refusal> {
    connection.hub.settings.check_text(&text)?;
    check(connection, &changing)?;
    connection.hub.changes.check(&connection.user.id)?;
    let mentions = mentions::find(&*connection.hub.broker, &text).await?;
    append(connection, id, changing, What::Edit { text, mentions }).await
}

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    changing: Changing,
    what: What,
) -> Result<ServerFrame, Refusal> {
    check(connection, &changing)?;
    if !matches!(what, What::Delete) {
        connection.hub.changes.check(&connection.user.id)?;
    }
    append(connection, id, changing, what).await
}

fn check(connection: &Connection, changing: &Changing) -> Result<(), Refusal> {
    let room = &changing.room;
    if !connection.may_send(room) {
        return Err(Refusal::new(
            ErrorCode::NotMember,
            format!("join {room} before you change anything in it"),
        ));
    }
    connection.hub.sends.check(&connection.user.id, room)
}

async fn append(
    connection: &Connection,
    id: Option<FrameId>,
    changing: Changing,
    what: What,
) -> Result<ServerFrame, Refusal> {
    let Changing { room, key, target } = changing;
    let change = Change {
        target,
        by: connection.user.clone(),
        key: key.clone(),
        what,
    };
    telemetry::send();
    let timer = telemetry::append_timer();
    let appended = connection.hub.broker.change(&room, change).await?;
    timer.stop();
    telemetry::ack(appended.duplicate);
    Ok(ServerFrame::Ack {
        id,
        room,
        key,
        position: appended.position,
        at: appended.at,
        duplicate: appended.duplicate,
    })
}
