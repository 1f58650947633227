//! What a run does: who connects where, who says how much, and what is done to
//! them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::client::text::SHORTEST;

/// The shortest text that holds what a message has to say about itself.
pub const SHORTEST_TEXT: usize = SHORTEST;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where clients connect, in turns.
    pub targets: Vec<SocketAddr>,
    /// Names rooms and people, so that no two runs share any.
    pub name: String,
    /// How many clients.
    pub clients: u32,
    /// How many of a hundred poll instead of opening a WebSocket.
    pub poll_percent: u32,
    /// How many rooms.
    pub rooms: u32,
    /// How many of them each client is in.
    pub rooms_per_client: u32,
    /// How many clients speak: the first ones, which are spread over the rooms.
    pub publishers: u32,
    /// How fast they speak.
    pub pace: Pace,
    /// How many sends one client has in flight. With 1 its messages keep their
    /// order whatever happens.
    pub window: usize,
    /// How long each text is.
    pub text_bytes: usize,
    /// How many clients begin to connect per second; none = all at once.
    pub connects_per_second: Option<u32>,
    /// How clients say who they are.
    pub credentials: Credentials,
    /// How many threads play the clients.
    pub threads: u32,
    /// Whether everything is noted down for the checker.
    pub keeps_journals: bool,
    /// Clients that read slowly: how many of a hundred, and how many bytes per
    /// second.
    pub slow_readers: Option<(u32, u32)>,
    /// How many clients per second leave and come back a second later.
    pub churn_per_second: f64,
    /// How many connections share one source address.
    pub per_address: u32,
    /// Whether clients follow who is present; large rooms tell so much of it
    /// that a run about fan-out leaves it out.
    pub follows_presence: bool,
}

/// How fast publishers speak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Not at all.
    Silent,
    /// As soon as a message reached every member, the next one goes out; so
    /// many are on their way at any time.
    Closed {
        /// How many.
        in_flight: u32,
    },
    /// At fixed times, whatever the server does.
    Open {
        /// How many messages per second, all publishers together.
        per_second: f64,
    },
}

/// How clients say who they are.
#[derive(Clone)]
pub enum Credentials {
    /// By connect tokens, one per client.
    Tokens(Arc<[String]>),
    /// By signing in under a name, and the cookie that this gives.
    SignIn,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A token is as good as a password.
        f.write_str(match self {
            Self::Tokens(_) => "Tokens",
            Self::SignIn => "SignIn",
        })
    }
}

/// How long a client that was cut waits before the first attempt at most; and
/// what every further attempt at most.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait before an attempt.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

impl Plan {
    /// A steady run of a few clients, to be changed as needed.
    pub fn new(targets: Vec<SocketAddr>, name: impl Into<String>) -> Self {
        Self {
            targets,
            name: name.into(),
            clients: 100,
            poll_percent: 0,
            rooms: 5,
            rooms_per_client: 1,
            publishers: 100,
            pace: Pace::Open { per_second: 20.0 },
            window: 1,
            text_bytes: 128,
            connects_per_second: Some(500),
            credentials: Credentials::SignIn,
            threads: 1,
            keeps_journals: true,
            slow_readers: None,
            churn_per_second: 0.0,
            per_address: 20_000,
            follows_presence: true,
        }
    }

    /// The name of a room.
    pub fn room_name(&self, room: u32) -> String {
        format!("{}-{room}", self.name)
    }

    /// The rooms of a client.
    pub fn rooms_of(&self, client: u32) -> impl Iterator<Item = u32> + use<> {
        let (rooms, each) = (self.rooms.max(1), self.rooms_per_client);
        (0..each.min(rooms)).map(move |index| (client.wrapping_mul(each.max(1)) + index) % rooms)
    }

    /// The name under which a client is known to others.
    pub fn user_name(&self, client: u32) -> String {
        format!("{} {client}", self.name)
    }

    /// Whether a client polls. They are spread evenly.
    pub fn polls(&self, client: u32) -> bool {
        is_among(client, self.poll_percent)
    }

    /// Whether a client reads slowly. Publishers never do.
    pub fn reads_slowly(&self, client: u32) -> bool {
        self.slow_readers
            .is_some_and(|(percent, _)| client >= self.publishers && is_among(client, percent))
    }
}

/// Spreads so many percent evenly over all numbers.
fn is_among(number: u32, percent: u32) -> bool {
    let number = u64::from(number);
    let percent = u64::from(percent.min(100));
    (number + 1) * percent / 100 > number * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_evenly() {
        for percent in [0, 1, 20, 50, 100] {
            let count = (0..1_000).filter(|number| is_among(*number, percent));
            assert_eq!(count.count(), 10 * percent as usize);
        }
        let first = (0..10).filter(|number| is_among(*number, 20)).count();
        assert_eq!(first, 2);
    }

    #[test]
    fn clients_are_spread_over_rooms() {
        let mut plan = Plan::new(Vec::new(), "run");
        plan.rooms = 5;
        assert_eq!(plan.rooms_of(7).collect::<Vec<_>>(), [2]);
        plan.rooms_per_client = 3;
        assert_eq!(plan.rooms_of(1).collect::<Vec<_>>(), [3, 4, 0]);
        plan.rooms_per_client = 9;
        assert_eq!(plan.rooms_of(0).count(), 5);
    }
}
