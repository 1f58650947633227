//! Puts the layers on top of each other and remembers for every key which
//! layer had the last word.

use std::{collections::BTreeMap, env, fmt, fs, io, path::PathBuf};

use config::{ConfigError as LayerError, File, FileFormat, Source, Value, ValueKind};

use super::{Config, ConfigError, Listing, check, listing::Setting};

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PRODUCTION: &str = include_str!("../../config/production.toml");
const BENCH: &str = include_str!("../../config/bench.toml");
const DOCKER: &str = include_str!("../../config/docker.toml");

const PREFIX: &str = "HUBBUB__";

/// Where settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The folder in which profiles and modifiers are looked up first.
    pub folder: PathBuf,
}

impl Sources {
    /// The environment of this process, and `config` beside its working
    /// directory.
    pub fn of_process() -> Result<Self, ConfigError> {
        let mut environment = BTreeMap::new();
        for (name, value) in env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("HUBBUB_")) else {
                continue;
            };
            let value = value.into_string().map_err(|_| {
                ConfigError::one(format!("environment {name}: the value is not UTF-8"))
            })?;
            environment.insert(name.to_owned(), value);
        }
        Ok(Self {
            environment,
            folder: PathBuf::from("config"),
        })
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// `config/default.toml`, as built in.
    Defaults,
    /// A file, or the built-in file of that name.
    File(String),
    /// An environment variable.
    Environment(String),
    /// Made up at start, because nothing was set.
    Derived(&'static str),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("default"),
            Self::File(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Derived(how) => f.write_str(how),
        }
    }
}

/// The values in force by key (`section.key`).
pub(super) type Settings = BTreeMap<String, Setting>;

/// Reads all layers.
pub(super) fn read(sources: &Sources) -> Result<(Config, Listing), ConfigError> {
    let mut settings = Settings::new();
    for (key, value) in parse(DEFAULTS, &Layer::Defaults)? {
        let layer = Layer::Defaults;
        settings.insert(key, Setting { value, layer });
    }
    let mut problems = Vec::new();
    for variable in ["HUBBUB_PROFILE", "HUBBUB_MODIFIER"] {
        if let Some((layer, text)) = overlay(sources, variable)? {
            for (key, value) in parse(&text, &layer)? {
                put(&mut settings, &key, value, layer.clone(), &mut problems);
            }
        }
    }
    for (name, text) in &sources.environment {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let key = path.to_lowercase().replace("__", ".");
        let is_list = settings
            .get(&key)
            .is_some_and(|setting| matches!(setting.value.kind, ValueKind::Array(_)));
        let value = if is_list {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Value::from(items.map(Value::from).collect::<Vec<_>>())
        } else {
            Value::from(text.as_str())
        };
        put(
            &mut settings,
            &key,
            value,
            Layer::Environment(name.clone()),
            &mut problems,
        );
    }
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    let mut config = deserialize(&settings)?;
    check::complete(&mut config, &mut settings)?;
    Ok((config, Listing { settings }))
}

/// Takes a value over, if its key exists.
fn put(settings: &mut Settings, key: &str, value: Value, layer: Layer, problems: &mut Vec<String>) {
    if let Some(setting) = settings.get_mut(key) {
        *setting = Setting { value, layer };
        return;
    }
    let near = settings
        .keys()
        .map(|known| (distance(known, key), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    problems.push(match near {
        Some((_, known)) => format!("{key} in {layer}: unknown key; did you mean {known}?"),
        None => format!("{key} in {layer}: unknown key; `hubbub config` lists all of them"),
    });
}

/// The file that a variable names: in the folder, or else built in.
fn overlay(sources: &Sources, variable: &str) -> Result<Option<(Layer, String)>, ConfigError> {
    let name = match sources.environment.get(variable).map(|name| name.trim()) {
        None | Some("") => return Ok(None),
        Some(name) => name,
    };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.bytes().all(is_plain) || name == "default" {
        return Err(ConfigError::one(format!(
            "{variable}={name}: expected the name of a file in config/, without .toml"
        )));
    }
    let path = sources.folder.join(format!("{name}.toml"));
    match fs::read_to_string(&path) {
        Ok(text) => return Ok(Some((Layer::File(path.display().to_string()), text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let path = path.display();
            return Err(ConfigError::one(format!("{path} cannot be read: {error}")));
        }
    }
    let text = match name {
        "production" => PRODUCTION,
        "bench" => BENCH,
        "docker" => DOCKER,
        _ => {
            let path = path.display();
            return Err(ConfigError::one(format!(
                "{variable}={name}: there is no {path}, and only production, bench and docker are built in"
            )));
        }
    };
    Ok(Some((
        Layer::File(format!("built-in {name}.toml")),
        text.to_owned(),
    )))
}

/// The keys and values of one file, sections joined to keys by a dot.
fn parse(text: &str, layer: &Layer) -> Result<Vec<(String, Value)>, ConfigError> {
    let table = File::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| ConfigError::one(format!("{layer}: {error}")))?;
    let mut found = Vec::new();
    let mut open = table.into_iter().collect::<Vec<_>>();
    while let Some((key, value)) = open.pop() {
        match value.kind {
            ValueKind::Table(inner) => {
                open.extend(
                    inner
                        .into_iter()
                        .map(|(name, v)| (format!("{key}.{name}"), v)),
                );
            }
            _ => found.push((key, value)),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Makes the struct, and says which key of which layer stands in the way.
fn deserialize(settings: &Settings) -> Result<Config, ConfigError> {
    let mut builder = config::Config::builder();
    for (key, setting) in settings {
        builder = builder
            .set_override(key, setting.value.clone())
            .map_err(|error| ConfigError::one(error.to_string()))?;
    }
    let merged = builder
        .build()
        .map_err(|error| ConfigError::one(error.to_string()))?;
    merged.try_deserialize().map_err(|error| {
        let (key, what) = explain(&error);
        // The key of a list's item ends in its number: `http.origins[0]`.
        let key = key.split('[').next().unwrap_or_default();
        ConfigError::one(match settings.get(key) {
            Some(Setting { layer, .. }) => format!("{key} in {layer}: {what}"),
            None => format!("{key}: {what}"),
        })
    })
}

/// Which key an error is about, and what is wrong with it.
fn explain(error: &LayerError) -> (String, String) {
    match error {
        LayerError::Type {
            unexpected,
            expected,
            key,
            ..
        } => (
            key.clone().unwrap_or_default(),
            format!("expected {expected}, found {unexpected}"),
        ),
        LayerError::At { error, key, .. } => {
            let (inner, what) = explain(error);
            (key.clone().unwrap_or(inner), what)
        }
        LayerError::NotFound(key) => (key.clone(), "missing".to_owned()),
        other => (String::new(), other.to_string()),
    }
}

/// How many letters differ between two keys (Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let b = b.chars().collect::<Vec<_>>();
    let mut row = (0..=b.len()).collect::<Vec<_>>();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (right, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = diagonal + usize::from(left != *right);
            diagonal = *cell;
            last = cost.min(*cell + 1).min(last + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
