//! Reading settings: which layer wins, and how it is told what is wrong.

use std::{fs, path::PathBuf};

use secrecy::ExposeSecret;

use super::*;

fn sources(variables: &[(&str, &str)]) -> Sources {
    Sources {
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        folder: PathBuf::from("/nonexistent"),
    }
}

fn read(variables: &[(&str, &str)]) -> Config {
    Config::read_from(&sources(variables)).unwrap().0
}

fn refusal(variables: &[(&str, &str)]) -> String {
    Config::read_from(&sources(variables))
        .unwrap_err()
        .to_string()
}

/// A folder of its own for one test, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hubbub-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn the_defaults_are_complete_and_valid() {
    let config = read(&[]);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert!(config.http.public_url.is_none());
    assert!(config.redis.session_url.is_none());
    assert_eq!(config.session.ttl, Duration::from_secs(30 * 24 * 3_600));
    assert_eq!(config.limits.frame_bytes, 32_768);
    assert_eq!(config.timing.heartbeat_ms, 20_000);
    assert_eq!(config.broker_settings().patience, Duration::from_secs(1));
    assert!(
        config
            .instance
            .name
            .ends_with(&std::process::id().to_string())
    );
}

#[test]
fn the_broker_hears_of_the_same_defaults_as_it_has() {
    let ours = read(&[("HUBBUB__INSTANCE__NAME", "hubbub")]).broker_settings();
    assert_eq!(
        format!("{ours:?}"),
        format!("{:?}", BrokerSettings::default())
    );
}

#[test]
fn every_default_is_explained() {
    let text = include_str!("../../config/default.toml");
    let mut explained = false;
    for line in text.lines() {
        let is_key = line.contains(" = ") && !line.starts_with('#');
        // A line may share the explanation of the one above it.
        assert!(!is_key || explained, "{line}");
        explained = line.starts_with('#') || is_key;
    }
}

#[test]
fn later_layers_win() {
    let folder = Folder::new("layers");
    folder.file("bench.toml", "[limits]\nsends = 77\ntext_chars = 78\n");
    folder.file("here.toml", "[limits]\ntext_chars = 79\nconnections = 80\n");
    let mut sources = sources(&[
        ("HUBBUB_PROFILE", "bench"),
        ("HUBBUB_MODIFIER", "here"),
        ("HUBBUB__LIMITS__CONNECTIONS", "81"),
    ]);
    sources.folder.clone_from(&folder.0);
    let (config, listing) = Config::read_from(&sources).unwrap();
    assert_eq!(config.limits.sends, 77);
    assert_eq!(config.limits.text_chars, 79);
    assert_eq!(config.limits.connections, 81);
    let listing = listing.to_string();
    assert!(
        listing.contains("environment HUBBUB__LIMITS__CONNECTIONS"),
        "{listing}"
    );
    assert!(listing.contains("here.toml"), "{listing}");
}

#[test]
fn the_shipped_profiles_are_built_in() {
    assert_eq!(read(&[("HUBBUB_PROFILE", "bench")]).limits.sends, 1_000_000);
    let config = read(&[
        ("HUBBUB_PROFILE", "production"),
        ("HUBBUB_MODIFIER", "docker"),
    ]);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(
        config.redis.session_url.unwrap().expose(),
        "redis://redis:6379/1"
    );
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let text = refusal(&[("HUBBUB_PROFILE", "prodution")]);
    assert!(
        text.starts_with("HUBBUB_PROFILE=prodution: there is no "),
        "{text}"
    );
    assert!(refusal(&[("HUBBUB_MODIFIER", "../../etc/x")]).contains("HUBBUB_MODIFIER"));
}

#[test]
fn an_unknown_key_is_named_with_its_layer_and_the_nearest_one() {
    assert_eq!(
        refusal(&[("HUBBUB__HTTP__LISSTEN", "x")]),
        "http.lissten in environment HUBBUB__HTTP__LISSTEN: unknown key; did you mean http.listen?"
    );
    let folder = Folder::new("unknown");
    folder.file("bench.toml", "[nonsense]\ncompletely = 1\n");
    let mut sources = sources(&[("HUBBUB_PROFILE", "bench")]);
    sources.folder.clone_from(&folder.0);
    let text = Config::read_from(&sources).unwrap_err().to_string();
    assert!(text.contains("nonsense.completely in"), "{text}");
    assert!(text.contains("bench.toml: unknown key"), "{text}");
}

#[test]
fn a_bad_value_is_named_with_its_layer() {
    for (name, value, start) in [
        (
            "HUBBUB__LIMITS__SENDS",
            "many",
            "limits.sends in environment HUBBUB__LIMITS__SENDS: ",
        ),
        (
            "HUBBUB__LIMITS__SENDS",
            "-1",
            "limits.sends in environment HUBBUB__LIMITS__SENDS: ",
        ),
        (
            "HUBBUB__HTTP__LISTEN",
            "8080",
            "http.listen in environment HUBBUB__HTTP__LISTEN: ",
        ),
        (
            "HUBBUB__SESSION__TTL",
            "7 days",
            "session.ttl in environment HUBBUB__SESSION__TTL: ",
        ),
        (
            "HUBBUB__HTTP__PUBLIC_URL",
            "https://a/b",
            "http.public_url in environment ",
        ),
        (
            "HUBBUB__HTTP__ORIGINS",
            "https://a,b",
            "http.origins in environment ",
        ),
        (
            "HUBBUB__ROOMS__CREATE",
            "all",
            "rooms.create in environment ",
        ),
        (
            "HUBBUB__TIMING__SILENCE_MS",
            "100",
            "timing.silence_ms in environment ",
        ),
        ("HUBBUB__SESSION__TTL", "0s", "session.ttl in environment "),
        (
            "HUBBUB__INSTANCE__NAME",
            "a b",
            "instance.name in environment ",
        ),
        (
            "HUBBUB__REDIS__SESSION_URL",
            "redis://a",
            "redis.session_url in environment ",
        ),
    ] {
        let text = refusal(&[(name, value)]);
        assert!(text.starts_with(start), "{name}={value}: {text}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_named() {
    let folder = Folder::new("broken");
    folder.file("bench.toml", "[limits\n");
    let mut sources = sources(&[("HUBBUB_PROFILE", "bench")]);
    sources.folder.clone_from(&folder.0);
    let text = Config::read_from(&sources).unwrap_err().to_string();
    assert!(text.contains("bench.toml: "), "{text}");
}

#[test]
fn lists_are_comma_separated_in_the_environment() {
    let config = read(&[
        (
            "HUBBUB__HTTP__ORIGINS",
            "https://a.example, http://b.example:8080",
        ),
        ("HUBBUB__HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
    ]);
    let origins = config.http.origins.iter().map(Origin::as_str);
    assert!(origins.eq(["https://a.example", "http://b.example:8080"]));
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert!(
        read(&[("HUBBUB__HTTP__ORIGINS", "")])
            .http
            .origins
            .is_empty()
    );
}

#[test]
fn secrets_are_never_shown() {
    let variables = [
        ("HUBBUB__ADMIN__KEY", "admin-sesame-0123456789"),
        ("HUBBUB__API__KEY", "api-sesame-0123456789"),
        (
            "HUBBUB__TOKEN__SECRET",
            "token-sesame-0123456789-0123456789",
        ),
        ("HUBBUB__REDIS__URL", "redis://:redis-sesame@db:6379/3"),
    ];
    let (config, listing) = Config::read_from(&sources(&variables)).unwrap();
    let shown = format!("{listing}\n{config:?}");
    assert!(!shown.contains("sesame"), "{shown}");
    assert!(shown.contains("redis://:***@db:6379/3"), "{shown}");
    assert!(shown.contains("admin.key = \"***\""), "{shown}");
    let url = config.redis.session_url.unwrap();
    assert_eq!(url.expose(), "redis://:redis-sesame@db:6379/4");
}

#[test]
fn a_bad_secret_is_not_repeated() {
    let text = refusal(&[("HUBBUB__REDIS__URL", "sesame@db")]);
    assert!(text.starts_with("redis.url in environment "), "{text}");
    assert!(!text.contains("sesame"), "{text}");
}

#[test]
fn a_secret_can_come_from_a_file() {
    let folder = Folder::new("secret");
    let path = folder.file("key", "  sesame-0123456789\n");
    let variables = [("HUBBUB__ADMIN__KEY_FILE", path.as_str())];
    let (config, listing) = Config::read_from(&sources(&variables)).unwrap();
    assert_eq!(
        config.admin.key.unwrap().expose_secret(),
        "sesame-0123456789"
    );
    assert!(
        listing.to_string().contains(&format!("# {path}")),
        "{listing}"
    );

    let both = refusal(&[variables[0], ("HUBBUB__ADMIN__KEY", "another-0123456789")]);
    assert!(both.contains("keep one of the two"), "{both}");
    let missing = refusal(&[("HUBBUB__API__KEY_FILE", "/nonexistent/key")]);
    assert!(missing.contains("api.key_file in environment"), "{missing}");
}
