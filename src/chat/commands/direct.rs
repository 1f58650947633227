//! `direct`: the room of two people, made when one of them first asks for it.

use crate::{
    broker::Admission,
    chat::{connection::Connection, refusal::Refusal},
    protocol::{
        client_frame::{FrameId, Whom},
        code::ErrorCode,
        name::RoomName,
        server_frame::ServerFrame,
    },
};

use super::invite;

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    whom: Whom,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    let me = &connection.user;
    // Before anybody is looked up, so that nobody goes through lists of names.
    hub.sends.check_user(&me.id)?;
    let with = invite::find_one(hub, whom.name).await?;
    if whom.user.is_some_and(|user| *user != *with.id) {
        // A name is free again after a while. What is meant for one person is
        // nothing for the next who takes it.
        let message = format!("{} is somebody else now", with.name);
        return Err(Refusal::new(ErrorCode::BadName, message));
    }
    if with.id == me.id {
        return Err(Refusal::new(ErrorCode::BadName, "that is you"));
    }
    let room = RoomName::direct(&me.id, &with.id);
    if !hub.broker.is_one_of(&room, &with.id).await? {
        // Whoever leaves it for good is not brought back at once, again and again.
        hub.invites.check_one(me, &with)?;
    }
    let admission = Admission {
        by: me.clone(),
        users: vec![me.clone(), with.clone()],
        make: Some(String::new()),
    };
    let admitted = hub.admit_people(&room, admission).await?;
    Ok(ServerFrame::Created {
        id,
        room,
        title: admitted.title,
        direct: true,
        with: Some(with),
    })
}
