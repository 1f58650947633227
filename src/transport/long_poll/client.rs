//! Clients that poll: their names, and their seats in rooms. Kept by the broker,
//! so that every instance knows them.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use rand::Rng as _;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use crate::{
    broker::{Departure, Poller, Seat},
    chat::{connection::Pass, hub::Hub, refusal::Refusal},
    protocol::{name::RoomName, user::User},
    shutdown::Shutdown,
};

/// How much later a sign-out may be heard of than it is true.
const HEARSAY: Duration = Duration::from_secs(1);

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

/// The seats of a client whose session is over: no later poll comes.
pub(super) struct Seats {
    pub(super) name: String,
    pub(super) user: User,
    pub(super) rooms: Vec<RoomName>,
}

impl Seats {
    /// Gives them up, in a task of its own: whoever signs out hangs up as well.
    pub(super) fn vacate(self, hub: &Arc<Hub>, shutdown: &Shutdown) {
        let hub = Arc::clone(hub);
        shutdown.spawn(async move { self.give_up(&hub).await });
    }

    async fn give_up(self, hub: &Hub) {
        let seat = Seat::Poll(self.name.into());
        give_up(hub, &seat, &self.user, &self.rooms, &[]).await;
    }
}

/// Gives up the seats of a client whose poll came after its user had signed out:
/// the last one was answered before, so that it saw nothing of that.
/// Its place is taken for as long as it lasts.
pub(super) fn vacate_late(
    hub: &Arc<Hub>,
    name: String,
    place: OwnedSemaphorePermit,
    shutdown: &Shutdown,
) {
    if !is_poller_name(&name) {
        return;
    }
    let hub = Arc::clone(hub);
    shutdown.spawn_until_stopped(async move {
        let _place = place;
        if !vacate_if_gone(&hub, &name).await {
            // The session ends a little before that is said.
            tokio::time::sleep(HEARSAY).await;
            vacate_if_gone(&hub, &name).await;
        }
    });
}

/// Returns whether there is nothing more to be done. If the broker is away, the
/// seats end by themselves.
async fn vacate_if_gone(hub: &Hub, name: &str) -> bool {
    // Another instance may have heard of it first.
    let _ = timeout(HEARSAY, hub.hear_control()).await;
    if !hub.has_signed_out() {
        return false;
    }
    let Ok(Some(poller)) = hub.broker.poller(name).await else {
        return true;
    };
    let is_gone = hub.is_gone(&poller.session);
    if is_gone {
        let (user, rooms, name) = (poller.user, poller.rooms, name.to_owned());
        Seats { name, user, rooms }.give_up(hub).await;
    }
    is_gone
}

/// Gives up the seats in rooms that are not among those to keep.
async fn give_up(hub: &Hub, seat: &Seat, user: &User, rooms: &[RoomName], keep: &[RoomName]) {
    for room in rooms.iter().filter(|room| !keep.contains(room)) {
        hub.broker.leave(room, user, seat, Departure::Now).await;
    }
}
