//! What is measured: who talks how, on which servers, and which figures of it
//! are told.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{metric::Metric, server::Peer};
use crate::plan::{Credentials, Pace, Plan, Presence};

/// How members say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Token,
    /// They have signed in before.
    Cookie,
}

/// One workload.
pub(crate) struct Workload {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What a reader must know about it.
    pub(crate) note: &'static str,
    pub(crate) peers: &'static [Peer],
    /// How many processes of the server share the members.
    pub(crate) instances: usize,
    pub(crate) metrics: &'static [Metric],
    /// It takes long, and is repeated less often.
    pub(crate) is_slow: bool,
    /// It is part of the quick run.
    pub(crate) is_quick: bool,
    pub(crate) identity: Identity,
    rooms: usize,
    members: usize,
    publishers: usize,
    pace: Pace,
    presence: Presence,
    settle: Duration,
}

const ALL: &[Peer] = &[
    Peer::Limit,
    Peer::LimitCoalesced,
    Peer::Hubbub,
    Peer::HubbubAof,
    Peer::Nchan,
    Peer::Ws,
    Peer::SocketIo,
];
const OTHERS: &[Peer] = &[
    Peer::Limit,
    Peer::Hubbub,
    Peer::Nchan,
    Peer::Ws,
    Peer::SocketIo,
];
const FAN_OUT: &[Metric] = &[
    Metric::CpuPerMillion,
    Metric::DeliveriesPerSecond,
    Metric::RedisPerSend,
    Metric::P50,
    Metric::P99,
    Metric::GeneratorCores,
];
const MEMORY: &[Metric] = &[Metric::MemoryEach, Metric::RedisMemoryEach];
const ACCEPT: &[Metric] = &[
    Metric::AcceptCpu,
    Metric::AcceptRedisCpu,
    Metric::AcceptsPerSecond,
];

/// Of everything that talks in rooms, this is what most have in common.
const TALK: Workload = Workload {
    id: "",
    title: "",
    note: "",
    peers: ALL,
    instances: 1,
    metrics: FAN_OUT,
    is_slow: false,
    is_quick: true,
    identity: Identity::Token,
    rooms: 100,
    members: 20,
    publishers: 2,
    pace: Pace::Closed,
    presence: Presence::Joined,
    settle: Duration::ZERO,
};

/// All of them, in the order of the tables.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        id: "E",
        title: "E: one room of 1,000, one message at a time",
        note: "Closed loop, one message in flight, so nothing can be coalesced.",
        rooms: 1,
        members: 1_000,
        publishers: 1,
        ..TALK
    },
    Workload {
        id: "A",
        title: "A: one room of 1,000, saturated",
        note: "Closed loop, 4 messages (4,000 deliveries) in flight, one of each of 4 \
               publishers. Latency is then what is in flight divided by the rate.",
        rooms: 1,
        members: 1_000,
        publishers: 4,
        is_quick: false,
        ..TALK
    },
    Workload {
        id: "B",
        title: "B: one room of 1,000 at 20 messages/s",
        note: "Open loop, 20,000 deliveries/s. The median is about half the time that it takes \
               to write to 1,000 sockets.",
        rooms: 1,
        members: 1_000,
        publishers: 4,
        pace: Pace::Open { per_second: 20.0 },
        is_quick: false,
        ..TALK
    },
    Workload {
        id: "C",
        title: "C: 100 rooms of 20, saturated",
        note: "Closed loop, 200 messages (4,000 deliveries) in flight, one of each of 2 \
               publishers per room.",
        ..TALK
    },
    Workload {
        id: "D",
        title: "D: 100 rooms of 20 at 1,000 messages/s",
        note: "Open loop, 20,000 deliveries/s.",
        pace: Pace::Open {
            per_second: 1_000.0,
        },
        ..TALK
    },
    Workload {
        id: "C2",
        title: "C on two instances",
        note: "The same 100 rooms, members and publishers of each room half and half; both \
               instances and Redis share one CPU. The limit has no second instance.",
        peers: &[Peer::Hubbub, Peer::Nchan, Peer::Ws, Peer::SocketIo],
        instances: 2,
        is_quick: false,
        ..TALK
    },
    Workload {
        id: "publish",
        title: "Publishing: 64 rooms of 3",
        note: "One publisher per room keeps 16 sends without an acknowledgement. Every send is \
               deduplicated by its key and stored in the room's log. (With more than one send \
               under way, a sender's own order is not promised, but counted all the same.)",
        peers: &[Peer::Hubbub, Peer::HubbubAof],
        metrics: &[
            Metric::AcksPerSecond,
            Metric::RedisPerAck,
            Metric::CpuPerAck,
            Metric::GeneratorCores,
        ],
        rooms: 64,
        members: 3,
        publishers: 1,
        pace: Pace::Acknowledged { window: 16 },
        ..TALK
    },
    Workload {
        id: "idle",
        title: "9,000 silent WebSockets",
        note: "Rooms of 100, everybody joined; growth of resident memory from before the first \
               connection to 3 s after the last. Kernel memory is not in it.",
        peers: OTHERS,
        metrics: MEMORY,
        is_slow: true,
        rooms: 90,
        members: 100,
        publishers: 0,
        pace: Pace::Silent,
        settle: Duration::from_secs(3),
        ..TALK
    },
    Workload {
        id: "accept",
        title: "Accepting 5,000 connections, by token",
        note: "64 at a time, until the handshake is answered (Socket.IO: until the namespace \
               is). Only hubbub checks who somebody is: here by a signed token of each.",
        peers: OTHERS,
        metrics: ACCEPT,
        is_slow: true,
        rooms: 250,
        publishers: 0,
        pace: Pace::Silent,
        presence: Presence::Connected,
        is_quick: false,
        ..TALK
    },
    Workload {
        id: "accept-cookie",
        title: "Accepting 5,000 connections, by session cookie",
        note: "The same with a session of each, which is looked up in Redis. Everybody has \
               signed in before.",
        peers: &[Peer::Limit, Peer::Hubbub],
        metrics: ACCEPT,
        is_slow: true,
        identity: Identity::Cookie,
        rooms: 250,
        publishers: 0,
        pace: Pace::Silent,
        presence: Presence::Connected,
        ..TALK
    },
    Workload {
        id: "polls",
        title: "5,000 held long-polls",
        note: "Rooms of 20; growth of resident memory once all requests are held and nothing \
               has been answered for 2 s.",
        peers: &[Peer::Hubbub, Peer::SocketIo],
        metrics: MEMORY,
        is_slow: true,
        rooms: 250,
        publishers: 0,
        pace: Pace::Silent,
        presence: Presence::Polling,
        settle: Duration::from_secs(2),
        ..TALK
    },
];

/// How long things take and how many take part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    /// Of the slow workloads, one room in so many takes part.
    pub(crate) share: usize,
    pub(crate) settle: Duration,
}

/// The workload of that name.
pub(crate) fn workload(id: &str) -> Result<&'static Workload> {
    let found = WORKLOADS.iter().find(|workload| workload.id == id);
    found.with_context(|| format!("there is no workload {id}"))
}

impl Workload {
    /// The plan of the generator, but for what depends on the server.
    pub(crate) fn plan(&self, peer: Peer, scale: &Scale) -> Plan {
        let rooms = if self.is_slow {
            (self.rooms / scale.share).max(1)
        } else {
            self.rooms
        };
        Plan {
            dialect: peer.dialect(),
            targets: Vec::new(),
            credentials: Credentials::None,
            presence: self.presence,
            first_room: 0,
            rooms,
            members_per_room: self.members,
            publishers_per_room: self.publishers,
            pace: self.pace,
            warm_up: scale.warm_up,
            window: scale.window,
            deliveries: None,
            settle: self.settle.min(scale.settle),
            waits: false,
            processes: Vec::new(),
            cpu: super::GENERATOR_CPU,
            limit: Duration::from_secs(if self.is_slow { 90 } else { 40 }),
        }
    }

    /// Whether anything is said in it, so that deliveries are checked.
    pub(crate) fn has_talk(&self) -> bool {
        self.pace != Pace::Silent
    }

    /// How many members a full run has.
    pub(crate) const fn most_members(&self) -> usize {
        self.rooms * self.members
    }
}
