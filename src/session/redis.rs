//! The link to the Redis that keeps sessions. It is built so that it heals
//! after any outage and that no request waits for it longer than a second.

use std::time::Duration;

use fred::{
    clients::Pool,
    interfaces::ClientLike,
    types::config::{Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig},
};

use crate::config::redis_url::RedisUrl;

/// How long one command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// Links to Redis; requests share them.
const LINKS: usize = 2;

/// Opens the links in the background: they come up once Redis answers.
pub(super) fn connect(url: &RedisUrl) -> Result<Pool, fred::error::Error> {
    let mut config = Config::from_url(url.expose())?;
    // Otherwise a Redis that is away at start would never be asked again.
    config.fail_fast = false;
    let performance = PerformanceConfig {
        default_command_timeout: COMMAND_TIMEOUT,
        ..PerformanceConfig::default()
    };
    let connection = ConnectionConfig {
        connection_timeout: COMMAND_TIMEOUT,
        internal_command_timeout: COMMAND_TIMEOUT,
        tcp: TcpConfig {
            nodelay: Some(true),
            ..TcpConfig::default()
        },
        ..ConnectionConfig::default()
    };
    // Without a policy of its own the client gives up for ever at the first
    // lost connection. 0 = any number of attempts.
    let reconnect = ReconnectPolicy::new_exponential(0, 50, 1_000, 2);
    let pool = Pool::new(
        config,
        Some(performance),
        Some(connection),
        Some(reconnect),
        LINKS,
    )?;
    pool.connect();
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        process::{Child, Command, Stdio},
        sync::Arc,
    };

    use tower_sessions::{Session, SessionStore, session::Id};
    use tower_sessions_redis_store::RedisStore;

    use super::*;
    use crate::session::store::Store;

    /// A Redis that keeps nothing, killed at the end.
    struct Redis(Child);

    impl Redis {
        fn start(port: u16) -> Self {
            let child = Command::new("redis-server")
                .args([
                    "--port",
                    &port.to_string(),
                    "--save",
                    "",
                    "--bind",
                    "127.0.0.1",
                ])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            Self(child)
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    async fn answers(store: &Store) -> bool {
        store.load(&Id::default()).await.is_ok()
    }

    /// Waits until the store answers (or does not); the test's own limit is
    /// that of its runner.
    async fn wait_until(store: &Store, up: bool) {
        while answers(store).await != up {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_link_comes_up_late_and_heals_after_every_restart() {
        let port = free_port();
        let url: RedisUrl = format!("redis://127.0.0.1:{port}/1").parse().unwrap();
        let store = Arc::new(Store::new(RedisStore::new(connect(&url).unwrap())));
        assert!(!answers(&store).await);
        for _ in 0..2 {
            let redis = Redis::start(port);
            wait_until(&store, true).await;
            drop(redis);
            wait_until(&store, false).await;
        }
        let _redis = Redis::start(port);
        wait_until(&store, true).await;
    }

    #[tokio::test]
    async fn a_session_that_was_ended_is_not_brought_back_by_saving_it() {
        let port = free_port();
        let _redis = Redis::start(port);
        let url: RedisUrl = format!("redis://127.0.0.1:{port}/1").parse().unwrap();
        let store = Arc::new(Store::new(RedisStore::new(connect(&url).unwrap())));
        wait_until(&store, true).await;
        let shared = Arc::new(super::super::Shared(Arc::clone(&store)));
        let session = Session::new(None, shared, None);
        session.insert("user", "Ada").await.unwrap();
        session.save().await.unwrap();
        let id = session.id().unwrap();
        assert!(store.load(&id).await.unwrap().is_some());

        store.delete(&id).await.unwrap();
        session.save().await.unwrap();
        assert!(store.load(&id).await.unwrap().is_none());
    }
}
