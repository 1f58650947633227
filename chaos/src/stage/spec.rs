//! What a row starts with: the programs, the settings of the cluster, and the
//! people.

use std::{path::PathBuf, time::Duration};

use hubbub_cluster::EnvOf;

/// What all rows share.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The program under test.
    pub(crate) binary: PathBuf,
    /// The release before it.
    pub(crate) old_binary: PathBuf,
    /// Whether that is another program than `binary`.
    pub(crate) is_old_other: bool,
    /// Which one that is, for people.
    pub(crate) old_name: String,
    /// The program that watches by browser, in a row that wants one.
    pub(crate) watcher: Option<PathBuf>,
    /// The shipped configuration of the balancer.
    pub(crate) haproxy_config: PathBuf,
    /// Fewer messages and repeats.
    pub(crate) is_quick: bool,
}

impl Setup {
    /// How many messages a row has acknowledged, at least.
    pub(crate) fn least(&self) -> u64 {
        if self.is_quick { 500 } else { 2_500 }
    }

    /// How often something is repeated.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.is_quick { 1 } else { full }
    }
}

/// What a row wants of its cluster.
pub(crate) struct Spec {
    pub(crate) binary: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) instances: usize,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) env_of: Option<EnvOf>,
}

impl Spec {
    /// Three instances without limits on what one user says, and with logs that
    /// are never trimmed.
    pub(crate) fn new(setup: &Setup) -> Self {
        let env = [
            ("HUBBUB__LIMITS__SENDS", "1000000"),
            ("HUBBUB__LIMITS__SENDS_PER_MS", "1000"),
            ("HUBBUB__LIMITS__CONNECTIONS_PER_USER", "1000"),
            ("HUBBUB__ROOMS__HISTORY", "1000000"),
        ];
        Self {
            binary: setup.binary.clone(),
            args: vec!["serve".to_owned()],
            instances: 3,
            env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            env_of: None,
        }
    }

    /// With a setting changed.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Some people.
pub(crate) struct Group {
    pub(crate) count: usize,
    /// Every so many of them polls; 0 = nobody.
    pub(crate) polling: usize,
    pub(crate) pause: Option<Duration>,
    pub(crate) text_bytes: usize,
    pub(crate) flap: Option<Duration>,
    /// Where they go, if not to the balancer.
    pub(crate) base: Option<String>,
    /// The rooms of the person of each number.
    pub(crate) rooms: fn(usize) -> Vec<String>,
    /// How they are called.
    pub(crate) name: &'static str,
}

impl Default for Group {
    /// Two dozen people in four rooms, each in two of them, half of them
    /// polling.
    fn default() -> Self {
        Self {
            count: 24,
            polling: 2,
            pause: Some(Duration::from_millis(100)),
            text_bytes: 60,
            flap: None,
            base: None,
            rooms: |number| {
                let (one, other) = (number / 2 % 4, (number / 2 + 1) % 4);
                vec![format!("room-{one}"), format!("room-{other}")]
            },
            name: "talker",
        }
    }
}
