//! `create`: make a private room and let some people in.

use rand::Rng as _;

use crate::{
    broker::Admission,
    chat::{connection::Connection, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        name::{RoomName, UserName},
        server_frame::ServerFrame,
    },
};

use super::invite;

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    title: String,
    invite: Vec<UserName>,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    let me = &connection.user;
    let room = RoomName::private(rand::rng().random());
    hub.sends.check_user(&me.id)?;
    hub.invites.check(&me.id, invite.len())?;
    let mut users = vec![me.clone()];
    for user in invite::find(hub, &invite).await? {
        // Whoever is named twice, or names themselves, is in it once.
        if users.iter().all(|other| other.id != user.id) {
            users.push(user);
        }
    }
    let admission = Admission {
        by: me.clone(),
        users,
        make: Some(title.clone()),
    };
    hub.admit_people(&room, admission).await?;
    Ok(ServerFrame::Created {
        id,
        room,
        title,
        direct: false,
        with: None,
    })
}
