//! Integration tests: each module drives a part of the server from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

// The brokers, against the contract they share.
mod broker_contract;
// What only the Redis broker can get wrong: outages, restarts, broken links.
mod redis_outage;
// The same for presence: dead instances, lost leases.
mod redis_presence;
// What the tests stand on.
mod support;
