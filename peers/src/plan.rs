//! What one run of the generator is asked to do, and what it answers: two files,
//! one written by the runner and one by the generator.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{generate::Counts, usage::Usage};

/// How clients and server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Dialect {
    /// A WebSocket at /room/<n>; a text is a message (the limit, ws, Nchan).
    Raw,
    /// hubbub's protocol at /ws.
    Hubbub,
    /// Socket.IO 4.
    SocketIo,
}

/// How clients say who they are: each takes a line of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Credentials {
    /// Nobody asks.
    None,
    /// Connect tokens.
    Tokens(PathBuf),
    /// The value of the header `Cookie`.
    Cookies(PathBuf),
}

/// How fast publishers speak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// Not at all.
    Silent,
    /// Each sends its next message when the last one has reached everybody.
    Closed,
    /// All together send so many messages per second, whatever the server does.
    Open {
        /// Messages per second.
        per_second: f64,
    },
    /// Each keeps so many messages without an acknowledgement.
    Acknowledged {
        /// How many.
        window: u32,
    },
}

/// What counts as being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Presence {
    /// The server has accepted the connection.
    Connected,
    /// It has confirmed the room, too.
    Joined,
    /// A poll is held.
    Polling,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) dialect: Dialect,
    /// Members take them in turns.
    pub(crate) targets: Vec<SocketAddr>,
    pub(crate) credentials: Credentials,
    pub(crate) presence: Presence,
    /// The number of its first room: two generators at one server have others.
    pub(crate) first_room: usize,
    pub(crate) rooms: usize,
    pub(crate) members_per_room: usize,
    pub(crate) publishers_per_room: usize,
    pub(crate) pace: Pace,
    pub(crate) warm_up: Duration,
    /// How long it counts.
    pub(crate) window: Duration,
    /// It ends when so many deliveries have come, however long that takes.
    pub(crate) deliveries: Option<u64>,
    /// How long everybody stays, silent, before memory is read.
    pub(crate) settle: Duration,
    /// It says by a file when all are connected, and waits for another one.
    pub(crate) waits: bool,
    /// Processes of the server: name and number.
    pub(crate) processes: Vec<(String, u32)>,
    /// The CPU that the generator has for itself.
    pub(crate) cpu: usize,
    /// It gives up after this time.
    pub(crate) limit: Duration,
}

impl Plan {
    /// The room of one of its members.
    pub(crate) fn room_of(&self, member: usize) -> usize {
        self.first_room + member / self.members_per_room
    }

    /// How many connections it opens.
    pub(crate) fn members(&self) -> usize {
        self.rooms * self.members_per_room
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Connections that came to be.
    pub(crate) connected: u64,
    /// How long that took, in seconds.
    pub(crate) connect_s: f64,
    /// What the server used for it.
    pub(crate) connect_use: Vec<Usage>,
    /// How long it counted, in seconds.
    pub(crate) window_s: f64,
    /// What the server used while it counted.
    pub(crate) window_use: Vec<Usage>,
    /// Messages sent while it counted.
    pub(crate) sent: u64,
    /// Deliveries while it counted.
    pub(crate) delivered: u64,
    /// Acknowledgements while it counted.
    pub(crate) acknowledged: u64,
    /// Cores that the generator used while it counted.
    pub(crate) generator_cores: f64,
    /// Cores that anything else on the machine used while it counted; while
    /// connecting, if nobody spoke.
    pub(crate) other_cores: f64,
    /// From the moment a message was due until a member had it, in milliseconds.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Growth of memory from before the first connection until they had settled.
    pub(crate) growth: Vec<Usage>,
    /// From the first message to the last.
    pub(crate) counts: Counts,
    /// What went wrong, for people; a run with any is not a result.
    pub(crate) failures: Vec<String>,
}
