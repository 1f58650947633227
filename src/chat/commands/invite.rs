//! `invite`: let somebody into a private room. Any of its people may.

use crate::{
    broker::Admission,
    chat::{connection::Connection, hub::Hub, refusal::Refusal},
    protocol::{
        client_frame::FrameId,
        code::ErrorCode,
        name::{RoomName, UserName},
        server_frame::ServerFrame,
        user::User,
    },
};

pub(super) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    room: RoomName,
    name: UserName,
) -> Result<ServerFrame, Refusal> {
    let hub = &connection.hub;
    let me = &connection.user;
    if !room.is_private() {
        return Err(Refusal::new(
            ErrorCode::BadField,
            format!("everybody may join {room}; nobody has to be invited"),
        ));
    }
    if room.is_direct() {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "this is a room of two people; make another one for more",
        ));
    }
    hub.sends.check(&me.id, &room)?;
    let user = find_one(hub, name).await?;
    hub.invites.take(me, std::slice::from_ref(&user))?;
    let admission = Admission {
        by: me.clone(),
        users: vec![user.clone()],
        make: None,
    };
    let admitted = hub.admit_people(&room, admission).await?;
    if admitted.untold.is_empty() {
        // An invitation that is repeated may be one whose news was lost.
        let again = std::slice::from_ref(&user);
        hub.tell_added(&room, me, &admitted.title, again, None)
            .await?;
    }
    Ok(ServerFrame::Invited { id, room, user })
}

/// Who is called that.
pub(super) async fn find_one(hub: &Hub, name: UserName) -> Result<User, Refusal> {
    let found = find(hub, &[name]).await?.pop();
    found.ok_or_else(|| Refusal::new(ErrorCode::BadName, "nobody is called that"))
}

/// Who goes by these names: all of them, or a refusal that says who is missing.
pub(super) async fn find(hub: &Hub, names: &[UserName]) -> Result<Vec<User>, Refusal> {
    let skeletons: Vec<String> = names.iter().map(UserName::skeleton).collect();
    let found = hub.broker.named(&skeletons).await?;
    let mut users = Vec::with_capacity(names.len());
    for ((name, skeleton), user) in names.iter().zip(&skeletons).zip(found) {
        let name = name.as_str();
        users.push(match user {
            // Only the holder of the name is known, and not how they write it.
            Some(user) if *user.name == **skeleton => User::new(user.id, name),
            Some(user) => user,
            None => {
                let message = format!("nobody is called {name}");
                return Err(Refusal::new(ErrorCode::BadName, message));
            }
        });
    }
    Ok(users)
}
