//! Sessions that were ended a moment ago by who had them, for what is still
//! under way: a connection that is just being opened, one that says goodbye,
//! and a poll that comes too late.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;

use crate::protocol::{name::RoomName, user::User};

/// How long something may be under way under a session that is over.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Of how many sessions it is remembered that they have just lost a socket.
const MOST_LOST: usize = 10_000;

/// The digests of these sessions.
#[derive(Default)]
pub(super) struct SignedOut(DashMap<Arc<str>, Goodbye>);

struct Goodbye {
    at: Instant,
    /// The same user goes on under another session.
    returns: bool,
}

impl SignedOut {
    pub(super) fn note(&self, session: &str, returns: bool) {
        let at = Instant::now();
        self.0.insert(session.into(), Goodbye { at, returns });
    }

    pub(super) fn has(&self, session: &str) -> bool {
        self.0.contains_key(session)
    }

    /// Whether its user is gone with it.
    pub(super) fn is_gone(&self, session: &str) -> bool {
        let goodbye = self.0.get(session);
        goodbye.is_some_and(|goodbye| !goodbye.returns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets those of a while ago.
    pub(super) fn tidy(&self) {
        self.0.retain(|_, goodbye| goodbye.at.elapsed() < UNDER_WAY);
    }
}

/// Sessions whose sockets closed a moment ago, before anything was heard of a
/// sign-out: should that come, nobody waits for their users any more.
#[derive(Default)]
pub(super) struct JustLost(DashMap<Arc<str>, Lost>);

/// Who lost a socket, and where nobody is told yet that they are gone.
pub(super) struct Lost {
    at: Instant,
    pub(super) user: User,
    pub(super) rooms: Vec<RoomName>,
}

impl JustLost {
    /// Notes a socket that was in these rooms; of one session, `most` of them are
    /// remembered. Where it is forgotten, the grace period ends it all.
    pub(super) fn note(&self, session: &Arc<str>, user: &User, rooms: Vec<RoomName>, most: usize) {
        if self.0.len() >= MOST_LOST && !self.0.contains_key(session) {
            return;
        }
        let mut lost = self.0.entry(Arc::clone(session)).or_insert_with(|| Lost {
            at: Instant::now(),
            user: user.clone(),
            rooms: Vec::new(),
        });
        lost.at = Instant::now();
        for room in rooms {
            if lost.rooms.len() < most && !lost.rooms.contains(&room) {
                lost.rooms.push(room);
            }
        }
    }

    pub(super) fn take(&self, session: &str) -> Option<Lost> {
        self.0.remove(session).map(|(_, lost)| lost)
    }

    /// Forgets those of a while ago.
    pub(super) fn tidy(&self) {
        self.0.retain(|_, lost| lost.at.elapsed() < UNDER_WAY);
    }
}
