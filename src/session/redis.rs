//! The link to the Redis that keeps sessions. It is built so that it heals
//! after any outage, and no question to it waits much longer than one command may take.

use std::time::Duration;

use fred::{
    clients::{Client, Pool},
    interfaces::ClientLike,
    types::config::{Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig},
};

use tokio::task::JoinSet;

use crate::config::redis_url::RedisUrl;

/// How often each link is asked for a sign of life.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// So many unanswered questions in a row mean that a link is dead.
const MISSES: u32 = 2;
/// Links to Redis; requests share them.
const LINKS: usize = 2;

/// Opens the links in the background: they come up once Redis answers, and are
/// watched for as long as the tasks that come with them. A command may take as
/// long as `patience`.
pub(super) fn connect(
    url: &RedisUrl,
    patience: Duration,
) -> Result<(Pool, JoinSet<()>), fred::error::Error> {
    let mut config = Config::from_url(url.expose())?;
    // Otherwise a Redis that is away at start would never be asked again.
    config.fail_fast = false;
    let performance = PerformanceConfig {
        default_command_timeout: patience,
        ..PerformanceConfig::default()
    };
    let connection = ConnectionConfig {
        connection_timeout: patience,
        internal_command_timeout: patience,
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
    let mut watchers = JoinSet::new();
    for link in pool.clients() {
        watchers.spawn(watch(link.clone(), patience));
    }
    Ok((pool, watchers))
}

/// Makes a link anew that was lost without a word, as by a firewall or a host
/// that is gone. The system would notice after a quarter of an hour, and the
/// client's own check for this never fires while commands keep coming.
async fn watch(link: Client, patience: Duration) {
    let mut missed = 0;
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        missed = match link.ping::<()>(None).await {
            Ok(()) => 0,
            // It is being made anew already.
            Err(_) if !link.is_connected() => 0,
            Err(_) => missed + 1,
        };
        if missed >= MISSES {
            missed = 0;
            tracing::warn!("a link to the session store is dead and is made anew");
            let anew = link.force_reconnection();
            // What comes of it shows in the next round.
            let _ = tokio::time::timeout(patience, anew).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        process::{Child, Command, Stdio},
        sync::Arc,
    };

    use hubbub_cluster::Port;
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::{io::copy_bidirectional, net::TcpStream, sync::Notify};
    use tower_sessions::{Session, SessionStore, session::Id};
    use tower_sessions_redis_store::RedisStore;

    use super::*;
    use crate::session::store::Store;

    /// How long a test waits before it fails.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A Redis that keeps nothing, killed at the end.
    struct Redis(Child);

    impl Redis {
        fn start(port: &Port) -> Self {
            let child = Command::new("redis-server")
                .args([
                    "--port",
                    &port.number().to_string(),
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

        fn signal(&self, signal: Signal) {
            kill_process(Pid::from_child(&self.0), signal).unwrap();
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    /// The database for sessions of a server on that port.
    fn url_of(port: u16) -> RedisUrl {
        format!("redis://127.0.0.1:{port}/1").parse().unwrap()
    }

    fn open(url: &RedisUrl) -> Store {
        let patience = Duration::from_secs(1);
        let (pool, watchers) = connect(url, patience).unwrap();
        Store::watched(RedisStore::new(pool), watchers, patience)
    }

    async fn answers(store: &Store) -> bool {
        store.load(&Id::default()).await.is_ok()
    }

    /// Waits until the store answers (or does not).
    async fn wait_until(store: &Store, up: bool) {
        let waiting = async {
            while answers(store).await != up {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.expect("it heals, or is found out");
    }

    #[tokio::test]
    async fn the_link_comes_up_late_and_heals_after_every_restart() {
        let port = Port::free().unwrap();
        let url = url_of(port.number());
        let store = Arc::new(open(&url));
        assert!(!answers(&store).await);
        for _ in 0..2 {
            let redis = Redis::start(&port);
            wait_until(&store, true).await;
            drop(redis);
            wait_until(&store, false).await;
        }
        let _redis = Redis::start(&port);
        wait_until(&store, true).await;
    }

    /// A way to Redis that can lose the connections it carries without telling
    /// either side, as a network does.
    async fn lossy_way(to: u16) -> (u16, Arc<Notify>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lose = Arc::new(Notify::new());
        let losing = Arc::clone(&lose);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let cut = Arc::clone(&losing);
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => pending::<()>().await,
                    }
                });
            }
        });
        (port, lose)
    }

    #[tokio::test]
    async fn links_that_were_lost_without_a_word_are_made_anew() {
        let redis_port = Port::free().unwrap();
        let _redis = Redis::start(&redis_port);
        let (port, lose) = lossy_way(redis_port.number()).await;
        let url = url_of(port);
        let store = Arc::new(open(&url));
        wait_until(&store, true).await;
        lose.notify_waiters();
        wait_until(&store, false).await;
        // All links: they take turns.
        let all_answer = async {
            let mut in_a_row = 0;
            while in_a_row < 2 * LINKS {
                in_a_row = if answers(&store).await {
                    in_a_row + 1
                } else {
                    0
                };
            }
        };
        let waited = tokio::time::timeout(PATIENCE, all_answer).await;
        waited.expect("all are made anew");
    }

    #[tokio::test]
    async fn a_redis_that_hangs_is_used_again_when_it_goes_on() {
        let port = Port::free().unwrap();
        let redis = Redis::start(&port);
        let url = url_of(port.number());
        let store = open(&url);
        wait_until(&store, true).await;
        redis.signal(Signal::STOP);
        wait_until(&store, false).await;
        redis.signal(Signal::CONT);
        wait_until(&store, true).await;
    }

    #[tokio::test]
    async fn a_redis_behind_tls_can_be_named() {
        let url: RedisUrl = "rediss://127.0.0.1:1/1".parse().unwrap();
        assert!(!answers(&open(&url)).await);
    }

    #[tokio::test]
    async fn a_session_that_was_ended_is_not_brought_back_by_saving_it() {
        let port = Port::free().unwrap();
        let _redis = Redis::start(&port);
        let url = url_of(port.number());
        let store = Arc::new(open(&url));
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
