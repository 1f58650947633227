//! What a value must fulfil beyond its type, and what is filled in when
//! nothing was set.

use std::{fs, path::Path, time::Duration};

use secrecy::SecretString;

use super::{
    Config, ConfigError,
    layers::{Layer, Settings},
    listing::Setting,
};

/// Reads the files of secrets, fills in what was not set and checks the whole.
pub(super) fn complete(config: &mut Config, settings: &mut Settings) -> Result<(), ConfigError> {
    let mut problems = Problems::default();
    read_secrets(config, settings, &mut problems);
    if config.instance.name.trim().is_empty() {
        config.instance.name = own_name();
        let value = config.instance.name.as_str().into();
        let layer = Layer::Derived("host name and process id");
        settings.insert("instance.name".to_owned(), Setting { value, layer });
    }
    check_names(config, &mut problems);
    if let (Some(url), None) = (&config.redis.url, &config.redis.session_url) {
        let next = url.next_database();
        let value = next.expose().into();
        let layer = Layer::Derived("redis.url, one database further");
        settings.insert("redis.session_url".to_owned(), Setting { value, layer });
        config.redis.session_url = Some(next);
    }
    check_limits(config, &mut problems);
    check_timing(config, &mut problems);
    problems.into_result(settings)
}

/// What is wrong, by key.
#[derive(Default)]
struct Problems(Vec<(&'static str, String)>);

impl Problems {
    fn add(&mut self, key: &'static str, what: impl Into<String>) {
        self.0.push((key, what.into()));
    }

    fn require(&mut self, fulfilled: bool, key: &'static str, what: &str) {
        if !fulfilled {
            self.add(key, what);
        }
    }

    fn within(&mut self, key: &'static str, value: u64, least: u64, most: u64) {
        let what = format!("{value} is not between {least} and {most}");
        self.require((least..=most).contains(&value), key, &what);
    }

    fn lasts(&mut self, key: &'static str, value: Duration, least: Duration, most: Duration) {
        let what = format!("{value:?} is not between {least:?} and {most:?}");
        self.require((least..=most).contains(&value), key, &what);
    }

    fn into_result(self, settings: &Settings) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let problems = self
            .0
            .into_iter()
            .map(|(key, what)| match settings.get(key) {
                Some(Setting { layer, .. }) => format!("{key} in {layer}: {what}"),
                None => format!("{key}: {what}"),
            });
        Err(ConfigError {
            problems: problems.collect(),
        })
    }
}

/// One secret, which may be written down or lie in a file.
struct Secret<'a> {
    key: &'static str,
    file_key: &'static str,
    value: &'a mut Option<SecretString>,
    file: Option<&'a Path>,
}

fn read_secrets(config: &mut Config, settings: &mut Settings, problems: &mut Problems) {
    let secrets = [
        Secret {
            key: "admin.key",
            file_key: "admin.key_file",
            value: &mut config.admin.key,
            file: config.admin.key_file.as_deref(),
        },
        Secret {
            key: "api.key",
            file_key: "api.key_file",
            value: &mut config.api.key,
            file: config.api.key_file.as_deref(),
        },
        Secret {
            key: "token.secret",
            file_key: "token.secret_file",
            value: &mut config.token.secret,
            file: config.token.secret_file.as_deref(),
        },
    ];
    for secret in secrets {
        if let Err((key, what)) = secret.complete(settings) {
            problems.add(key, what);
        }
    }
}

impl Secret<'_> {
    /// Reads the file, if there is one.
    fn complete(self, settings: &mut Settings) -> Result<(), (&'static str, String)> {
        let key = self.key;
        if let Some(path) = self.file {
            if self.value.is_some() {
                let what = format!("{key} is set too; keep one of the two");
                return Err((self.file_key, what));
            }
            *self.value = Some(read_secret(path).map_err(|what| (self.file_key, what))?);
            let value = "from its file".into();
            let layer = Layer::File(path.display().to_string());
            settings.insert(key.to_owned(), Setting { value, layer });
        }
        Ok(())
    }
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty", path.display())),
        text => Ok(text.into()),
    }
}

/// A name that no other instance has at the same time.
fn own_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let host = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '.')
        .take(48)
        .collect::<String>();
    let host = if host.is_empty() { "hubbub" } else { &host };
    format!("{host}-{}", std::process::id())
}

fn check_names(config: &Config, problems: &mut Problems) {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let name = &config.instance.name;
    problems.require(
        (1..=64).contains(&name.len()) && name.bytes().all(is_plain),
        "instance.name",
        "expected 1 to 64 of A-Z, a-z, 0-9, -, _ and .",
    );
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    let prefix = &config.redis.prefix;
    problems.require(
        prefix.len() <= 64 && prefix.bytes().all(is_plain),
        "redis.prefix",
        "expected at most 64 of A-Z, a-z, 0-9, -, _, . and :",
    );
    problems.require(
        config.redis.url.is_some() || config.redis.session_url.is_none(),
        "redis.session_url",
        "redis.url is not set; sessions alone in Redis make no sense",
    );
    let admin = config.admin.listen;
    problems.require(
        admin.port() == 0 || admin != config.http.listen || config.admin.key.is_none(),
        "admin.listen",
        "http.listen is the same; the admin API needs its own port",
    );
}

fn check_limits(config: &Config, problems: &mut Problems) {
    let limits = &config.limits;
    let counts = [
        ("limits.frame_bytes", limits.frame_bytes, 1_024, 1 << 20),
        ("limits.text_chars", limits.text_chars, 1, 1 << 20),
        ("limits.text_bytes", limits.text_bytes, 1, 1 << 20),
        (
            "limits.rooms_per_connection",
            limits.rooms_per_connection,
            1,
            100_000,
        ),
        (
            "limits.connections_per_user",
            limits.connections_per_user,
            1,
            10_000_000,
        ),
        ("limits.outbox_bytes", limits.outbox_bytes, 16_384, 1 << 30),
        ("rooms.history", config.rooms.history, 100, 10_000_000),
    ];
    for (key, value, least, most) in counts {
        problems.within(key, value as u64, least, most);
    }
    problems.within("limits.sends", limits.sends.into(), 1, 1_000_000_000);
    problems.within("limits.sends_per_ms", limits.sends_per_ms, 1, 86_400_000);
    problems.within("limits.sign_ins", limits.sign_ins.into(), 0, 1_000_000);
    let room_sends = limits.room_sends.into();
    problems.within("limits.room_sends", room_sends, 1, 1_000_000_000);
    problems.require(
        limits.text_bytes < limits.frame_bytes,
        "limits.text_bytes",
        "must be less than limits.frame_bytes, or no frame could carry such a text",
    );
    problems.require(
        limits.frame_bytes < limits.outbox_bytes,
        "limits.outbox_bytes",
        "must be more than limits.frame_bytes, or a message could never be queued",
    );
}

fn check_timing(config: &Config, problems: &mut Problems) {
    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);
    let timing = &config.timing;
    problems.within("timing.heartbeat_ms", timing.heartbeat_ms, 100, 3_600_000);
    problems.within("timing.poll_hold_ms", timing.poll_hold_ms, 100, 30_000);
    problems.require(
        timing.silence_ms > timing.heartbeat_ms,
        "timing.silence_ms",
        "must be more than timing.heartbeat_ms, or idle connections would be closed",
    );
    problems.require(
        timing.poll_deadline > Duration::from_millis(timing.poll_hold_ms),
        "timing.poll_deadline",
        "must be more than timing.poll_hold_ms, or whoever polls would leave meanwhile",
    );
    problems.require(
        timing.drain_limit > timing.drain_window,
        "timing.drain_limit",
        "must be more than timing.drain_window",
    );
    let spans = [
        (
            "redis.patience",
            config.redis.patience,
            SECOND / 2,
            // Others would think that this instance is gone.
            5 * SECOND,
        ),
        ("session.ttl", config.session.ttl, SECOND, YEAR),
        (
            "session.name_hold",
            config.session.name_hold,
            Duration::ZERO,
            YEAR,
        ),
        (
            "session.first_hold",
            config.session.first_hold,
            SECOND,
            HOUR,
        ),
        ("rooms.ttl", config.rooms.ttl, SECOND, 10 * YEAR),
        (
            "timing.dedupe_window",
            timing.dedupe_window,
            SECOND,
            24 * HOUR,
        ),
        ("timing.grace", timing.grace, Duration::ZERO, HOUR),
        ("timing.poll_deadline", timing.poll_deadline, SECOND, HOUR),
        (
            "timing.drain_window",
            timing.drain_window,
            Duration::ZERO,
            HOUR,
        ),
        (
            "timing.drain_limit",
            timing.drain_limit,
            Duration::ZERO,
            HOUR,
        ),
        (
            "timing.stuck_reader",
            timing.stuck_reader,
            Duration::from_millis(100),
            HOUR,
        ),
    ];
    for (key, value, least, most) in spans {
        problems.lasts(key, value, least, most);
    }
}
