//! What a running cluster tells others: the file `cluster.json`, which tests and load tools read.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The whole document. It holds what runs at the moment of writing: a killed instance is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Where clients connect: `http://127.0.0.1:8080`.
    pub url: String,
    /// The balancer.
    pub haproxy: HaproxyEntry,
    /// The store all instances share.
    pub redis: RedisEntry,
    /// The instances, by slot.
    pub instances: Vec<InstanceEntry>,
    /// `X-API-Key` of the admin listeners.
    pub admin_key: String,
    /// `X-API-Key` for creating rooms.
    pub api_key: String,
    /// Signs connect tokens.
    pub token_secret: String,
}

/// The balancer's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaproxyEntry {
    /// Its master process: SIGUSR2 reloads, SIGKILL ends the worker as well.
    pub pid: u32,
}

/// The Redis server's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisEntry {
    /// Without a database number: `redis://127.0.0.1:6379`.
    pub url: String,
    /// Its process.
    pub pid: u32,
}

/// One instance's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceEntry {
    /// `app-1` and so on: the name of the balancer's server too.
    pub name: String,
    /// The instance itself, without the balancer.
    pub url: String,
    /// Its admin listener.
    pub admin_url: String,
    /// Its process.
    pub pid: u32,
}

impl Description {
    /// Reads the file that [`write`](Self::write) wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).map_err(Error::io(format!("reading {}", path.display())))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::Refused(format!(
                "{} is not a cluster description: {error}",
                path.display()
            ))
        })
    }

    /// Writes the file in one step: readers see the old one or the new one, never half of one. It holds secrets, so
    /// only its owner may read it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let doing = || Error::io(format!("writing {}", path.display()));
        let mut text = serde_json::to_string_pretty(self).map_err(|error| doing()(error.into()))?;
        text.push('\n');
        let unfinished = path.with_extension("json.new");
        let mut file = File::create(&unfinished).map_err(doing())?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(doing())?;
        file.write_all(text.as_bytes()).map_err(doing())?;
        fs::rename(&unfinished, path).map_err(doing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunDir;

    #[test]
    fn what_is_written_is_read_again() {
        let dir = RunDir::temporary().unwrap();
        let path = dir.path().join("cluster.json");
        let description = Description {
            url: "http://127.0.0.1:8080".into(),
            haproxy: HaproxyEntry { pid: 1 },
            redis: RedisEntry {
                url: "redis://127.0.0.1:6379".into(),
                pid: 2,
            },
            instances: vec![InstanceEntry {
                name: "app-1".into(),
                url: "http://127.0.0.1:1".into(),
                admin_url: "http://127.0.0.1:2".into(),
                pid: 3,
            }],
            admin_key: "a".into(),
            api_key: "b".into(),
            token_secret: "c".into(),
        };
        description.write(&path).unwrap();
        assert_eq!(Description::read(&path).unwrap(), description);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
