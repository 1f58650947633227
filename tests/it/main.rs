//! The integration tests: one program, so that it links once.
//!
//! They run the real program against a real redis-server and a real haproxy
//! with the shipped configuration, all on free ports of loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

// The brokers, against the contract they share.
#[macro_use]
mod broker_contract;
// Both brokers against a model of who is there.
mod presence_model;
// Both brokers side by side: what is changed at random looks the same in both.
mod fold_model;
// What only the Redis broker can get wrong: outages, restarts, broken links.
mod broker_outage;
// The same for messages that were changed; and what they cost others: nothing.
mod broker_folds;
// The same for presence: dead instances, lost leases.
mod broker_presence;
mod broker_replica;
// What one build has kept, as the next one reads it.
mod broker_builds;
// Who is who: sign-in, cookies, tokens, sign-out.
mod sign_in;
// How long a name stays locked, and how often one address signs in.
mod sign_in_limits;
// Rooms over both transports: join, say, hear, leave, look back, who is here.
mod rooms;
// Rooms that only those who were invited know of.
mod private_rooms;
mod private_strangers;
// The same, asked for once more than needed.
mod private_again;
// The same hub where somebody leaves a private room between two steps.
mod private_hub;
// The same hub where it hears late of what became of a room.
mod late_news;
// How far somebody has read, and what they look for.
mod read_marks;
mod search;
// Who is here, also where that is more than anybody reads.
mod presence;
// Edited, deleted and reacted to, over both transports.
mod changes;
// Coming back: exactly what was missed, on any instance.
mod resume;
// Through the balancer: stickiness, drain, paths that stay closed.
mod balancer;
// What nobody should send, and what it is answered with.
mod bad_input;
// The dialect of load tools that speak Primus.
mod primus;
// What one request can make the server do or say.
mod bounds;
// What one client may cost the others: rooms, reading, inviting.
mod measures;
// The operator's listener.
mod admin;
// Redis goes away and comes back under running instances.
mod redis_outage;
// An instance dies in the middle of a conversation.
mod failover;
// A connection that carries held polls, byte by byte.
mod held_polls;
// An instance that is told to end while polls are held.
mod ending;
// Clients that say nothing, and clients that read slowly.
mod slow_clients;
mod socket_turns;
// The load generator: clean against the server, not fooled by a wrong one.
mod bench;
// Characters that talk, while instances are replaced and lost.
mod demo;
// The hub on its own, where a test has to step in between two steps.
mod hub;
// The same, where it does not hear in time who came and went.
mod presence_hub;

mod support;
