//! The rows of the table: one fault each, with its schedule.

mod after;
mod balancer;
mod clock;
mod crowd;
mod flood;
mod instances;
mod link;
mod replicas;
mod store;

use std::{future::Future, pin::Pin};

pub(crate) use self::link::Wires;
use crate::stage::{Outcome, Setup};

type Run = fn(Setup) -> Pin<Box<dyn Future<Output = anyhow::Result<Outcome>>>>;

/// One row.
pub(crate) struct Row {
    /// How it is chosen on the command line.
    pub(crate) id: &'static str,
    /// What is broken.
    pub(crate) fault: &'static str,
    /// How, for the reader of the table.
    pub(crate) how: &'static str,
    /// Whether it belongs to the quick run.
    pub(crate) is_quick: bool,
    /// Whether real browsers take part.
    pub(crate) is_watched: bool,
    /// Whether it runs in a network of its own.
    pub(crate) is_apart: bool,
    pub(crate) run: Run,
}

macro_rules! rows {
    ($($id:literal $(($flag:ident))* : $fault:literal, $how:literal => $run:path;)*) => {
        vec![$(
            {
                #[allow(unused_mut, clippy::allow_attributes, reason = "most rows have no flag")]
                let mut row = Row {
                    id: $id,
                    fault: $fault,
                    how: $how,
                    is_quick: false,
                    is_watched: false,
                    is_apart: false,
                    run: |setup| Box::pin($run(setup)),
                };
                $(row.$flag = true;)*
                row
            }
        ),*]
    };
}

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    rows! {
        "kill" (is_quick) (is_watched): "kill -9 of an instance",
            "each in turn, started again after everybody has recovered" => instances::kill;
        "roll" (is_watched): "rolling restart of all three",
            "SIGTERM and a fresh start, one at a time, under load" => instances::roll;
        "old-new-old" (is_watched): "old build → new build → old build",
            "two rolling restarts under load" => instances::old_new_old;
        "freeze" (is_watched): "SIGSTOP of an instance, 20 s",
            "then SIGCONT" => instances::freeze;
        "redis-kill" (is_quick) (is_watched): "Redis: kill -9, restart with AOF",
            "away for a second, then started again with its data" => store::kill;
        "redis-freeze" (is_watched): "Redis: SIGSTOP, 5 s",
            "closes no socket of any client" => store::freeze;
        "pubsub-kill" (is_quick) (is_watched): "Redis: CLIENT KILL TYPE pubsub, every 200 ms",
            "all event links of all instances, again and again" => store::kill_pubsub;
        "normal-kill" (is_watched): "Redis: CLIENT KILL TYPE normal, about every second",
            "all command links of all instances" => store::kill_normal;
        "sentinel" (is_watched): "Redis: Sentinel failover, min-replicas-to-write 1",
            "the master is frozen, its replica is promoted, the old master comes back" => replicas::sentinel;
        "lost-tail" (is_watched): "Redis: failover that loses a tail",
            "replication stops, then the master dies and its replica takes over" => replicas::lost_tail;
        "half-open" (is_quick) (is_watched): "half-open links between instances and Redis",
            "what is open swallows everything and stays open" => link::half_open;
        "black-hole" (is_apart) (is_watched): "packets between instances and Redis dropped, 8 s",
            "iptables, in a network namespace of its own" => link::black_hole;
        "slow-link" (is_watched): "slow links between instances and Redis",
            "25 ms later, each way and chunk; then one way held for 3 s" => link::slow;
        "proxy-reload" (is_watched): "HAProxy: reload",
            "SIGUSR2 under load" => balancer::reload;
        "proxy-kill" (is_watched): "HAProxy: kill -9",
            "started again after a second" => balancer::kill;
        "client-half-open": "half-open links between clients and HAProxy",
            "half of the clients go through a wire that swallows everything" => balancer::half_open;
        "storm": "reconnect storm",
            "all of thousands of clients lose their sockets at once" => crowd::storm;
        "slow-readers": "slow readers",
            "six sockets read 20 kB/s in rooms that say far more" => crowd::slow_readers;
        "flood": "a room flooded at 100x the cap",
            "24 users send 100 times what their room takes, beside the others" => flood::flood;
        "flapping": "one client reconnecting every 200 ms",
            "it resumes each time; nobody sees it leave" => crowd::flapping;
        "clock": "clock of one instance +300 s",
            "jumps ahead while it runs, and back" => clock::jump;
        "resume": "10,000 missed messages",
            "two clients were away for all of them; the others talk on" => after::resume;
        "resources": "nothing broken: what is left afterwards",
            "74 s after the last client left, twice; logs live for 70 s, keys for 60 s" => after::resources;
    }
}
