//! Connections to Redis, as both links make them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::Rng as _;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    RedisResult, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::sync::Notify;

/// How often a link is probed.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How many probes in a row a link may miss.
pub(super) const MISSES: u32 = 2;

/// The URL names no Redis.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is no Redis URL ({0}); one looks like redis://127.0.0.1:6379/0 or rediss://name:password@host"
)]
pub struct UrlError(String);

/// Where Redis is, and how long it may take.
#[derive(Debug)]
pub(super) struct Address {
    client: Client,
    /// How long a command may take.
    pub(super) patience: Duration,
}

impl Address {
    /// Reads a URL. What is said of a bad one does not repeat it, because a
    /// URL may hold a password.
    pub(super) fn parse(url: &str, patience: Duration) -> Result<Self, UrlError> {
        let bad = |error: redis::RedisError| UrlError(error.category().to_owned());
        let info = url.into_connection_info().map_err(bad)?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // Another part of the process may have installed one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let settings = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let info = info
            .set_redis_settings(settings)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).map_err(bad)?;
        Ok(Self { client, patience })
    }

    /// Makes a connection. `on_push` is called from the task that reads it.
    pub(super) async fn connect(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience))
            .set_pipeline_buffer_size(4096)
            .set_push_sender(move |push: PushInfo| {
                on_push(push);
                Ok::<(), redis::aio::SendError>(())
            });
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

/// Says once and for all that a connection is of no more use.
#[derive(Debug, Default)]
pub(super) struct Severed {
    is: AtomicBool,
    told: Notify,
}

impl Severed {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(super) fn is(&self) -> bool {
        self.is.load(Ordering::Acquire)
    }

    pub(super) fn now(&self) {
        self.is.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// Waits for it; there is one who waits, the task that keeps the link.
    pub(super) async fn wait(&self) {
        while !self.is() {
            self.told.notified().await;
        }
    }
}

/// Longer and longer pauses between attempts, each a little different, so that
/// the instances do not all come back in the same moment.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self(Self::SHORTEST)
    }

    pub(super) fn reset(&mut self) {
        self.0 = Self::SHORTEST;
    }

    /// The next pause: between half of what it has grown to and all of it.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.0 = (self.0 * 2).min(Self::LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_second() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= Duration::from_millis(50));
        assert!(pauses[9] >= Duration::from_millis(500) && pauses[9] <= Duration::from_secs(1));
    }

    #[test]
    fn urls_with_and_without_encryption_are_taken() {
        for url in [
            "redis://127.0.0.1:6379/0",
            "rediss://name:password@example.test",
        ] {
            let address = Address::parse(url, Duration::from_secs(1));
            assert!(address.is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_said_of_a_bad_url_does_not_repeat_it() {
        for url in ["http://:hunter2@host", "redis:/hunter2", "hunter2"] {
            let address = Address::parse(url, Duration::from_secs(1));
            let error = address.unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
