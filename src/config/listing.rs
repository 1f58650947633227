//! What is in force and where each value came from, as `hubbub config` prints
//! it. Secrets are never part of it.

use std::fmt;

use config::{Value, ValueKind};

use super::{
    layers::{Layer, Settings},
    redis_url,
};

/// One value in force.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// As the layer wrote it.
    pub value: Value,
    /// The layer that had the last word.
    pub layer: Layer,
}

/// Every setting with its value and its layer; prints as TOML.
#[derive(Clone, Debug)]
pub struct Listing {
    pub(super) settings: Settings,
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .settings
            .iter()
            .map(|(key, setting)| {
                (
                    format!("{key} = {}", shown(key, &setting.value)),
                    &setting.layer,
                )
            })
            .collect::<Vec<_>>();
        let longest = lines.iter().map(|(line, _)| line.chars().count()).max();
        let width = longest.unwrap_or(0).min(60);
        for (line, layer) in lines {
            writeln!(f, "{line:width$}  # {layer}")?;
        }
        Ok(())
    }
}

/// A value as it may be shown.
fn shown(key: &str, value: &Value) -> String {
    let text = match &value.kind {
        ValueKind::String(text) => text,
        ValueKind::Array(items) => {
            let items = items.iter().map(|item| shown(key, item));
            return format!("[{}]", items.collect::<Vec<_>>().join(", "));
        }
        _ => return value.to_string(),
    };
    match key {
        "admin.key" | "api.key" | "token.secret" if !text.is_empty() => "\"***\"".to_owned(),
        "redis.url" | "redis.session_url" if !text.is_empty() => {
            format!("{:?}", redis_url::redacted(text))
        }
        _ if text.parse::<i64>().is_ok() => text.clone(),
        _ => format!("{text:?}"),
    }
}
