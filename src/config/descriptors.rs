//! How many files and sockets the system lets this process open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs beside client connections: listeners, links to
/// Redis, the log, requests to the admin port.
const RESERVED: u64 = 128;

/// Raises the limit as far as the system allows without privileges, and
/// returns what it is now. Every connection takes one descriptor.
pub fn raise_limit() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    let raised = setrlimit(Resource::Nofile, wanted);
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    match raised {
        Ok(()) => tracing::info!(descriptors = now, "this many files and sockets may be open"),
        Err(error) => tracing::warn!(
            descriptors = now,
            %error,
            "the limit of open files could not be raised; connections beyond it are refused"
        ),
    }
    now
}

/// How many connections fit: the configured number, or (0) what the limit of
/// open files leaves.
pub fn connections(configured: usize, descriptors: u64) -> usize {
    let room = descriptors.saturating_sub(RESERVED).max(1);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    match configured {
        0 => room,
        some => {
            if some > room {
                tracing::warn!(
                    configured = some,
                    possible = room,
                    "limits.connections is more than the limit of open files leaves"
                );
            }
            some.min(room)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_ends_up_at_what_the_system_allows() {
        let now = raise_limit();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(now, hard);
    }

    #[test]
    fn zero_connections_means_as_many_as_descriptors_allow() {
        assert_eq!(connections(0, 1_128), 1_000);
        assert_eq!(connections(50, 1_128), 50);
        assert_eq!(connections(5_000, 1_128), 1_000);
        assert_eq!(connections(0, 10), 1);
    }
}
