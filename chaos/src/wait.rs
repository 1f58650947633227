//! Waiting for something to become true, with a limit.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// Asks again and again until it is so, and fails after the limit.
pub(crate) async fn until(
    what: &str,
    limit: Duration,
    mut met: impl AsyncFnMut() -> bool,
) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    while !met().await {
        if Instant::now() >= end {
            bail!("{what}: not so after {} s", limit.as_secs());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
