//! Telling the broker what is done already, for as long as it may be away.

use std::time::Duration;

use super::BrokerError;

/// How often at most, and the pause in between: about a minute.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// Tells something until the broker takes it. For what whoever asked for it
/// cannot ask for again, because it is done; and what may be told twice.
pub async fn insist<F, Telling>(what: &str, mut tell: F)
where
    F: FnMut() -> Telling + Send,
    Telling: Future<Output = Result<(), BrokerError>> + Send,
{
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if tell().await.is_ok() {
            return;
        }
    }
    tracing::warn!("{what}, and for a minute the room store could not be told");
}
