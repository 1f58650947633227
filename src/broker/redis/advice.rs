//! What an operator should know about a Redis before people trust it: whether
//! it may throw messages away, and whether it keeps them on disk.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::timeout;
use tracing::{debug, warn};

/// Looks at the server's settings and warns. A server that does not show them
/// (managed ones often do not) is not judged.
pub(super) async fn look(connection: &mut MultiplexedConnection, patience: Duration) {
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET")
        .arg(&["maxmemory", "maxmemory-policy", "appendonly", "save"]);
    let answer = timeout(
        patience,
        ask.query_async::<Vec<(String, String)>>(connection),
    )
    .await;
    match answer {
        Ok(Ok(settings)) => {
            for warning in judge(&settings) {
                warn!("{warning}");
            }
        }
        Ok(Err(error)) => debug!(%error, "Redis does not show its settings"),
        Err(_) => {}
    }
}

fn judge(settings: &[(String, String)]) -> Vec<String> {
    let value = |name: &str| {
        let found = settings.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let mut warnings = Vec::new();
    let policy = value("maxmemory-policy");
    if !matches!(value("maxmemory"), "" | "0") && policy != "noeviction" {
        warnings.push(format!(
            "Redis may throw messages away when its memory is full (maxmemory-policy is \
             {policy}): set maxmemory-policy noeviction"
        ));
    }
    if value("appendonly") == "no" {
        warnings.push(if value("save").is_empty() {
            "Redis keeps nothing on disk: every message is gone when it ends; \
             set appendonly yes"
                .to_owned()
        } else {
            "Redis keeps only snapshots on disk: a crash loses the messages since the last \
             one; set appendonly yes"
                .to_owned()
        });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(settings: [(&str, &str); 4]) -> Vec<String> {
        judge(&settings.map(|(key, value)| (key.to_owned(), value.to_owned())))
    }

    #[test]
    fn a_redis_that_keeps_everything_gets_no_warning() {
        let settings = [
            ("maxmemory", "1000000"),
            ("maxmemory-policy", "noeviction"),
            ("appendonly", "yes"),
            ("save", ""),
        ];
        assert!(warnings(settings).is_empty());
    }

    #[test]
    fn eviction_and_an_empty_disk_are_both_told() {
        let told = warnings([
            ("maxmemory", "1000000"),
            ("maxmemory-policy", "allkeys-lru"),
            ("appendonly", "no"),
            ("save", ""),
        ]);
        assert_eq!(told.len(), 2);
        assert!(told[0].contains("allkeys-lru") && told[1].contains("nothing on disk"));
    }

    #[test]
    fn snapshots_alone_are_told() {
        let told = warnings([
            ("maxmemory", "0"),
            ("maxmemory-policy", "allkeys-lru"),
            ("appendonly", "no"),
            ("save", "3600 1"),
        ]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("snapshots"));
    }
}
