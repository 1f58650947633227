//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// How long a test waits before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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

/// Does something that tells nothing if it took as long as `limit`: again until
/// it did not. For what has to come in time, where a busy machine may be too late
/// itself. What came of it is judged only then, by whoever asked.
pub(crate) async fn within<T>(limit: Duration, mut attempt: impl AsyncFnMut() -> T) -> T {
    until("the machine is fast enough", async || {
        let started = Instant::now();
        let outcome = attempt().await;
        (started.elapsed() < limit).then_some(outcome)
    })
    .await
}
