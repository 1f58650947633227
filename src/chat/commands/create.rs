//! `create`: make a private room and let some people in.

use std::sync::Arc;

use rand::Rng as _;
use serde_json::json;

use crate::{
    broker::{Admission, DedupeKey, Making},
    chat::{connection::Connection, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        entry::Fields,
        name::{RoomName, SendKey, UserName},
        server_frame::ServerFrame,
    },
};

use super::invite;

/// What a `create` frame says.
pub(super) struct Wanted {
    pub(super) key: Option<SendKey>,
    pub(super) title: String,
    pub(super) invite: Vec<UserName>,
}

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    wanted: Wanted,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    let me = &connection.user;
    let proposed = RoomName::private(rand::rng().random());
    hub.sends.check_user(&me.id)?;
    let names: Vec<&str> = wanted.invite.iter().map(UserName::as_str).collect();
    let making = wanted.key.map(|key| Making {
        key: DedupeKey {
            user_id: Arc::clone(&me.id),
            key,
        },
        asked: Fields::of(&json!({"title": wanted.title, "invite": names})),
    });
    let mut room = None;
    if let Some(making) = &making {
        room = hub.broker.name_for(making, None).await?;
    }
    let mut users = vec![me.clone()];
    for user in invite::find(hub, &wanted.invite).await? {
        // Whoever is named twice, or names themselves, is in it once.
        if users.iter().all(|other| other.id != user.id) {
            users.push(user);
        }
    }
    if room.is_none() {
        // What is asked for again was counted the first time.
        hub.invites.take(me, &users[1..])?;
    }
    if let (None, Some(making)) = (&room, &making) {
        room = hub.broker.name_for(making, Some(&proposed)).await?;
    }
    let room = room.unwrap_or(proposed);
    let admission = Admission {
        by: me.clone(),
        users,
        make: Some(wanted.title.clone()),
    };
    hub.admit_people(&room, admission).await?;
    Ok(ServerFrame::Created {
        id,
        room,
        title: wanted.title,
        direct: false,
        with: None,
    })
}
