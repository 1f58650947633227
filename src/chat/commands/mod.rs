//! What a client may ask: one file per command.

mod change;
mod create;
mod direct;
mod forget;
mod invite;
pub(super) mod join;
mod leave;
pub mod look;
mod read;
pub mod search;
mod send;
mod typing;

use crate::{
    broker::What,
    protocol::{
        client_frame::{ClientFrame, FrameId},
        name::RoomName,
        server_frame::ServerFrame,
    },
};

use super::{connection::Connection, refusal::Refusal};

/// Does what a frame asks. `join` puts its reply into the outbox itself, in the
/// same step that makes the connection a member.
pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    frame: ClientFrame,
) -> Result<Option<ServerFrame>, Refusal> {
    // In one place for all of them, so that none can forget it.
    if let Some(room) = frame.room()
        && !is_free(connection, room, &frame)
    {
        connection.hub.check_access(room, &connection.user).await?;
    }
    match frame {
        ClientFrame::Join { room, after } => {
            join::run(connection, id, room, after).await.map(|()| None)
        }
        ClientFrame::Leave { room } => Ok(leave::run(connection, id, room).await),
        ClientFrame::Send {
            room,
            key,
            text,
            reply_to,
        } => {
            let said = send::Said {
                room,
                key,
                text,
                reply_to,
            };
            send::run(connection, id, said).await.map(Some)
        }
        ClientFrame::Edit { change, text } => {
            change::edit(connection, id, change, text).await.map(Some)
        }
        ClientFrame::Delete { change } => change::run(connection, id, change, What::Delete)
            .await
            .map(Some),
        ClientFrame::React { change, emoji, on } => {
            let what = What::React { emoji, on };
            change::run(connection, id, change, what).await.map(Some)
        }
        ClientFrame::Typing { room, on } => typing::run(connection, &room, on).await,
        ClientFrame::History {
            room,
            before,
            limit,
        } => look::back(connection, id, room, before, limit)
            .await
            .map(Some),
        ClientFrame::Members { room, limit } => {
            look::members(connection, id, room, limit).await.map(Some)
        }
        ClientFrame::Read { room, position } => {
            read::run(connection, room, position).await?;
            Ok(None)
        }
        ClientFrame::Create { key, title, invite } => {
            let wanted = create::Wanted { key, title, invite };
            create::run(connection, id, wanted).await.map(Some)
        }
        ClientFrame::Invite { room, name } => {
            invite::run(connection, id, room, name).await.map(Some)
        }
        ClientFrame::Direct { whom } => direct::run(connection, id, whom).await.map(Some),
        ClientFrame::Forget { room } => forget::run(connection, id, room).await.map(Some),
        ClientFrame::Search {
            room,
            query,
            before,
            limit,
        } => {
            let asked = search::Asked {
                room,
                query,
                before,
                limit,
            };
            search::run(connection, id, asked).await.map(Some)
        }
        ClientFrame::Ping => Ok(Some(ServerFrame::Pong { id })),
        ClientFrame::Refresh { token } => {
            let exp = connection.refresh(&token)?;
            Ok(Some(ServerFrame::Refreshed { id, exp }))
        }
    }
}

/// Whether a frame may do without a look at who may know of the room: whoever
/// leaves is told nothing of it, and whoever follows it on a socket would be let
/// go, so that their sends stay in order and cost no more than elsewhere.
fn is_free(connection: &Connection, room: &RoomName, frame: &ClientFrame) -> bool {
    match frame {
        ClientFrame::Leave { .. } => true,
        ClientFrame::Send { .. } | ClientFrame::Typing { .. } | ClientFrame::Read { .. } => {
            connection.is_live() && connection.is_in(room)
        }
        _ => false,
    }
}
