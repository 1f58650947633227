//! Clients that poll: their names, and their seats in rooms. Kept by the broker,
//! so that every instance knows them.

use futures_util::future::join_all;
use rand::Rng as _;

use crate::{
    broker::{Departure, Poller, Seat},
    chat::{connection::Pass, hub::Hub, refusal::Refusal},
    protocol::{name::RoomName, user::User},
};

/// The client of that name, if it is this user's under this session.
pub(super) async fn known_poller(
    hub: &Hub,
    pass: &Pass,
    claimed: Option<&str>,
) -> Result<Option<Poller>, Refusal> {
    let Some(name) = claimed.filter(|name| is_poller_name(name)) else {
        return Ok(None);
    };
    let found = hub.broker.poller(name).await?;
    Ok(found.filter(|poller| poller.user.id == pass.user.id && *poller.session == *pass.session))
}

/// 128 random bits, so that nobody can guess another client's name.
pub(super) fn fresh_name() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn is_poller_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Renews the client's seats in the rooms it names and gives up the others.
/// Returns false for a poll that a later one has overtaken.
pub(super) async fn take_seats(
    hub: &Hub,
    name: &str,
    known: Option<Poller>,
    poller: &Poller,
) -> Result<bool, Refusal> {
    let seat = Seat::Poll(name.into());
    // First of all: whoever sees somebody leave must not see them speak.
    if !hub.broker.keep_poller(name, poller).await? {
        return Ok(false);
    }
    let before = known.map(|known| known.rooms).unwrap_or_default();
    give_up(hub, &seat, &poller.user, &before, &poller.rooms).await;
    let rooms = &poller.rooms;
    let taken = rooms
        .iter()
        .map(|room| hub.broker.enter(room, &poller.user, &seat));
    for taken in join_all(taken).await {
        taken?;
    }
    // A later poll may have given up a seat before this one took it.
    match hub.broker.poller(name).await? {
        Some(later) if later.turn > poller.turn => {
            give_up(hub, &seat, &poller.user, rooms, &later.rooms).await;
            Ok(false)
        }
        _ => Ok(true),
    }
}

/// Gives up the seats in rooms that are not among those to keep.
async fn give_up(hub: &Hub, seat: &Seat, user: &User, rooms: &[RoomName], keep: &[RoomName]) {
    for room in rooms.iter().filter(|room| !keep.contains(room)) {
        hub.broker.leave(room, user, seat, Departure::Now).await;
    }
}
