//! Redis asked for things that only a test asks for.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use redis::{FromRedisValue, aio::MultiplexedConnection};
use tokio::time::timeout;

/// How long Redis may take to answer us.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to a Redis of this run.
pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(format!("redis://{address}/0"))?;
    let connecting = client.get_multiplexed_async_connection();
    timeout(PATIENCE, connecting)
        .await
        .with_context(|| format!("the Redis at {address} does not answer"))?
        .with_context(|| format!("connecting to the Redis at {address}"))
}

/// Runs one command over a connection of its own.
pub(crate) async fn ask<T: FromRedisValue>(
    address: SocketAddr,
    words: &[&str],
) -> anyhow::Result<T> {
    let mut connection = connect(address).await?;
    let (name, arguments) = words.split_first().context("a command has a name")?;
    let mut command = redis::cmd(name);
    command.arg(arguments);
    timeout(PATIENCE, command.query_async(&mut connection))
        .await
        .with_context(|| format!("the Redis at {address} does not answer {words:?}"))?
        .with_context(|| format!("asking the Redis at {address} for {words:?}"))
}

/// One field of `INFO`.
pub(crate) async fn info(address: SocketAddr, field: &str) -> anyhow::Result<Option<String>> {
    let text: String = ask(address, &["INFO"]).await?;
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(|value| value.trim().to_owned()))
}

/// Cuts the clients of a kind (`normal`, `pubsub`), ours excepted. Returns how
/// many there were.
pub(crate) async fn kill_clients(address: SocketAddr, kind: &str) -> anyhow::Result<u64> {
    ask(address, &["CLIENT", "KILL", "TYPE", kind]).await
}

/// The databases that hubbub uses: rooms, and sessions.
const DATABASES: [u8; 2] = [0, 1];

/// The names of all keys that are there, without those that have expired and
/// were not collected yet: when that happens is up to Redis.
pub(crate) async fn keys(address: SocketAddr) -> anyhow::Result<BTreeSet<String>> {
    let mut connection = connect(address).await?;
    let mut all = BTreeSet::new();
    for database in DATABASES {
        let mut select = redis::cmd("SELECT");
        let () = select.arg(database).query_async(&mut connection).await?;
        let names: Vec<String> = redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut connection)
            .await?;
        all.extend(names.into_iter().map(|name| format!("{database}/{name}")));
    }
    Ok(all)
}
