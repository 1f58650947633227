//! Waiting for something to become true.

use std::time::Duration;

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `attempt` gives something, and fails the test if it never does.
pub(crate) async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
