//! What an operator can set: one struct, read once at start, by layers. An
//! unknown key or a bad value stops the start and names the key and its layer.

pub mod descriptors;
pub mod duration;
pub mod network;
pub mod origin;
pub mod redis_url;

mod check;
mod layers;
mod listing;
mod text;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use self::{network::Network, origin::Origin, redis_url::RedisUrl};
use crate::broker::BrokerSettings;

pub use self::{layers::Sources, listing::Listing};

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub http: HttpSettings,
    /// The shared store.
    pub redis: RedisSettings,
    /// This process among the others.
    pub instance: InstanceSettings,
    /// Who somebody is, and for how long.
    pub session: SessionSettings,
    /// Rooms and their history.
    pub rooms: RoomSettings,
    /// Sizes, counts and rates.
    pub limits: Limits,
    /// Heartbeats, windows and deadlines.
    pub timing: Timing,
    /// The admin listener.
    pub admin: AdminSettings,
    /// The key of other programs.
    pub api: ApiSettings,
    /// Connect tokens.
    pub token: TokenSettings,
    /// The log.
    pub log: LogSettings,
}

/// Section `http`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where the application listens.
    #[serde(deserialize_with = "text::required")]
    pub listen: SocketAddr,
    /// What people type to get here.
    #[serde(deserialize_with = "text::optional")]
    pub public_url: Option<Origin>,
    /// Other sites whose pages may connect.
    #[serde(deserialize_with = "text::list")]
    pub origins: Vec<Origin>,
    /// Proxies whose forwarding headers are believed.
    #[serde(deserialize_with = "text::list")]
    pub trusted_proxies: Vec<Network>,
}

impl HttpSettings {
    /// Whether a caller is a proxy whose headers are believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let proxies = &self.trusted_proxies;
        proxies.iter().any(|network| network.contains(address))
    }
}

/// Section `redis`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// The shared store; none = everything in this process.
    #[serde(deserialize_with = "text::optional")]
    pub url: Option<RedisUrl>,
    /// Where sessions are kept; none = in this process.
    #[serde(deserialize_with = "text::optional")]
    pub session_url: Option<RedisUrl>,
    /// What every key and channel starts with.
    pub prefix: String,
    /// How long one command may take.
    #[serde(deserialize_with = "duration::deserialize")]
    pub patience: Duration,
}

/// Section `instance`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceSettings {
    /// The name of this instance; never empty once read.
    pub name: String,
}

/// Section `session`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// How long a session lives without being used.
    #[serde(deserialize_with = "duration::deserialize")]
    pub ttl: Duration,
    /// How long a name stays reserved for who used it last.
    #[serde(deserialize_with = "duration::deserialize")]
    pub name_hold: Duration,
    /// How long the sign-in alone reserves it.
    #[serde(deserialize_with = "duration::deserialize")]
    pub first_hold: Duration,
}

/// Section `rooms`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomSettings {
    /// Who creates rooms.
    #[serde(deserialize_with = "text::required")]
    pub create: RoomCreation,
    /// How long the messages of an idle room are kept.
    #[serde(deserialize_with = "duration::deserialize")]
    pub ttl: Duration,
    /// How many messages a room keeps, at least.
    pub history: usize,
}

/// Who creates rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomCreation {
    /// Whoever joins an absent one.
    Any,
    /// Only a program with the API key.
    Api,
}

/// Section `limits`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest client frame or POST body, in bytes.
    pub frame_bytes: usize,
    /// The longest text of a message, in characters.
    pub text_chars: usize,
    /// The longest text of a message, in bytes of UTF-8.
    pub text_bytes: usize,
    /// Rooms that one connection may be in.
    pub rooms_per_connection: usize,
    /// Connections that one user may have on this instance.
    pub connections_per_user: usize,
    /// Messages that one user may send in `sends_per_ms`.
    pub sends: u32,
    /// The time in which `sends` are allowed, in milliseconds.
    pub sends_per_ms: u64,
    /// Messages that one room takes in a second through this instance.
    pub room_sends: u32,
    /// Sign-ins that one address may make in a second; 0 = any number.
    pub sign_ins: u32,
    /// What may wait for one slow connection, in bytes.
    pub outbox_bytes: usize,
    /// Connections this instance takes; 0 = as many as descriptors allow.
    pub connections: usize,
}

/// Section `timing`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// A ping goes out after this much silence of our own, in milliseconds.
    pub heartbeat_ms: u64,
    /// A connection not heard for this long is closed, in milliseconds.
    pub silence_ms: u64,
    /// The longest time a poll is held, in milliseconds.
    pub poll_hold_ms: u64,
    /// How long a send key is remembered.
    #[serde(deserialize_with = "duration::deserialize")]
    pub dedupe_window: Duration,
    /// How long nobody is told that somebody lost the connection.
    #[serde(deserialize_with = "duration::deserialize")]
    pub grace: Duration,
    /// How long somebody who polls counts as present after the last poll.
    #[serde(deserialize_with = "duration::deserialize")]
    pub poll_deadline: Duration,
    /// When draining: over how long connections are asked to move.
    #[serde(deserialize_with = "duration::deserialize")]
    pub drain_window: Duration,
    /// When draining: after how long the process ends in any case.
    #[serde(deserialize_with = "duration::deserialize")]
    pub drain_limit: Duration,
    /// A connection that accepted no byte for this long is closed.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stuck_reader: Duration,
}

/// Section `admin`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// Where the admin API and the metrics listen.
    #[serde(deserialize_with = "text::required")]
    pub listen: SocketAddr,
    /// Its key; none = no admin API.
    #[serde(deserialize_with = "text::optional_secret")]
    pub key: Option<SecretString>,
    /// The file the key was read from.
    #[serde(deserialize_with = "text::optional")]
    pub key_file: Option<PathBuf>,
}

/// Section `api`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    /// The key that creates rooms; none = nobody does so over the API.
    #[serde(deserialize_with = "text::optional_secret")]
    pub key: Option<SecretString>,
    /// The file the key was read from.
    #[serde(deserialize_with = "text::optional")]
    pub key_file: Option<PathBuf>,
}

/// Section `token`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// The secret that signs connect tokens; none = no token is accepted.
    #[serde(deserialize_with = "text::optional_secret")]
    pub secret: Option<SecretString>,
    /// The file the secret was read from.
    #[serde(deserialize_with = "text::optional")]
    pub secret_file: Option<PathBuf>,
}

/// Section `log`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For whom lines are written.
    #[serde(deserialize_with = "text::required")]
    pub format: LogFormat,
    /// What is logged.
    pub filter: String,
}

/// For whom log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, for programs elsewhere.
    Auto,
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// The shortest key that keeps somebody out who tries.
const KEY_CHARS: usize = 16;
/// HS256 needs as many bytes as its hash has.
const TOKEN_SECRET_CHARS: usize = 32;

impl Config {
    /// Reads the settings of this process: its environment and the folder
    /// `config` beside the working directory.
    pub fn read() -> Result<Self, ConfigError> {
        Ok(layers::read(&Sources::of_process()?)?.0)
    }

    /// Reads the settings from the given sources, and tells where each value
    /// came from.
    pub fn read_from(sources: &Sources) -> Result<(Self, Listing), ConfigError> {
        layers::read(sources)
    }

    /// The keys whose secrets are so short that somebody may guess them, and how
    /// long they should be. Good enough for a trial, so it is only said.
    pub fn weak_secrets(&self) -> Vec<(&'static str, usize)> {
        let secrets = [
            ("admin.key", &self.admin.key, KEY_CHARS),
            ("api.key", &self.api.key, KEY_CHARS),
            ("token.secret", &self.token.secret, TOKEN_SECRET_CHARS),
        ];
        let is_weak = |secret: &Option<SecretString>, least: usize| {
            secret
                .as_ref()
                .is_some_and(|secret| secret.expose_secret().chars().count() < least)
        };
        secrets
            .into_iter()
            .filter(|(_, secret, least)| is_weak(secret, *least))
            .map(|(key, _, least)| (key, least))
            .collect()
    }

    /// What the broker is told about its work.
    pub fn broker_settings(&self) -> BrokerSettings {
        BrokerSettings {
            instance: self.instance.name.clone(),
            history: self.rooms.history,
            room_ttl: self.rooms.ttl,
            dedupe_window: self.timing.dedupe_window,
            grace: self.timing.grace,
            poll_deadline: self.timing.poll_deadline,
            patience: self.redis.patience,
            ..BrokerSettings::default()
        }
    }
}

/// Why the settings were refused: one line for each thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong; never empty.
    pub problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
