//! `join`: follow a room.

use std::sync::Arc;

use crate::{
    broker::Departure,
    chat::{connection::Connection, refill::Greeting, refusal::Refusal},
    protocol::{client_frame::FrameId, name::RoomName, position::Position},
};

pub(in crate::chat) async fn run(
    connection: &Connection,
    id: Option<FrameId>,
    name: RoomName,
    after: Option<Position>,
) -> Result<(), Refusal> {
    let hub = &connection.hub;
    if !connection.may_join(&name) {
        return Err(Refusal::too_many_rooms(hub.settings.rooms_per_connection));
    }
    let status = hub.status(&name).await?;
    hub.settings.check_room(&name, status.state)?;
    let title: Arc<str> = status.title.into();
    let follower = connection.follower(status.head);
    let seated = follower.seated;
    loop {
        let room = hub.room(&name).await?;
        // Before the count is taken, so that it includes the one who joins. It is
        // kept until the room knows of the follower, or until this is given up.
        let claim = if seated {
            room.take_seat(&connection.user).await?
        } else {
            None
        };
        let user = &connection.user.id;
        let told = match claim.as_ref().and_then(|claim| claim.head) {
            Some(head) => hub
                .broker
                .read_mark(&name, user)
                .await
                .map(|read| (head, read)),
            None => hub.broker.arrival(&name, user).await,
        };
        let attached = match told {
            Ok((head, read)) => {
                let greeting = Greeting {
                    id: id.clone(),
                    title: Arc::clone(&title),
                    count: head.count,
                    read,
                    people: None,
                };
                room.attach(&follower, greeting, after).await
            }
            Err(error) => Err(error),
        };
        if matches!(attached, Ok(Ok(()))) {
            // Nothing is waited for in between: the end of the connection may cut
            // this anywhere, and takes leave only of the rooms that are held.
            connection.hold(Arc::clone(&room));
        }
        drop(claim);
        if seated {
            // A seat that was taken for nothing is given up again. If the broker
            // is away, the hub makes it good when it looks after its rooms.
            let _ = room.settle(&connection.user, Departure::Grace).await;
        }
        if attached?.is_ok() {
            return connection.confirm_access(&name).await;
        }
    }
}
