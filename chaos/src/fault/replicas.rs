//! Redis as two servers, of which one follows the other, with or without
//! sentinels that watch them.
//!
//! The instances do not ask sentinels by themselves: their Redis URL names a
//! small proxy, which is pointed at whoever is the master and cuts the
//! connections to the one before, as a service in front of Redis does.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use hubbub_cluster::{Launch, Port, Process, RedisOptions, RedisServer, RunDir, find_program};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    proxy::{Proxy, Rules},
    redis,
};
use crate::wait::until;

/// How the sentinels call the master.
const NAME: &str = "chat";
/// How long a master may be silent before the sentinels replace it.
const DOWN_AFTER_MS: u32 = 2_000;
const SENTINELS: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);

/// Two servers and the proxies around them.
pub(crate) struct Replicas {
    /// The two servers. Which of them is the master changes.
    pub(crate) servers: [RedisServer; 2],
    /// What the instances connect to.
    pub(crate) front: Arc<Proxy>,
    /// Between the replica and its master.
    pub(crate) link: Proxy,
    // The directory is removed last.
    _dir: RunDir,
}

impl Replicas {
    /// Starts a master and a replica that has caught up. With `least`, the
    /// master takes writes only while so many replicas follow it closely.
    pub(crate) async fn start(least: Option<u32>) -> anyhow::Result<Self> {
        let dir = RunDir::temporary()?;
        let mut args = vec!["--repl-diskless-sync-delay".to_owned(), "0".to_owned()];
        if let Some(least) = least {
            args.extend(["--min-replicas-to-write".to_owned(), least.to_string()]);
            args.extend(["--min-replicas-max-lag".to_owned(), "2".to_owned()]);
        }
        let one = server(&dir.path().join("one"), args.clone()).await?;
        let other = server(&dir.path().join("other"), args).await?;
        let replicas = Self {
            front: Arc::new(Proxy::to(one.address()).await?),
            link: Proxy::to(one.address()).await?,
            servers: [one, other],
            _dir: dir,
        };
        replicas.follow(1, replicas.link.address()).await?;
        Ok(replicas)
    }

    /// Makes a server follow whoever is behind an address, and waits until it
    /// has all of it.
    pub(crate) async fn follow(&self, server: usize, master: SocketAddr) -> anyhow::Result<()> {
        let address = self.servers[server].address();
        let (host, port) = (master.ip().to_string(), master.port().to_string());
        redis::ask::<()>(address, &["REPLICAOF", &host, &port]).await?;
        until("the replica follows its master", LIMIT, async || {
            let link = redis::info(address, "master_link_status").await;
            matches!(link, Ok(Some(up)) if up == "up")
        })
        .await
    }

    /// The old master dies while its replica is behind, and the replica takes
    /// over without what it has not got.
    pub(crate) async fn lose_tail(
        &self,
        master: usize,
        behind: Duration,
    ) -> anyhow::Result<(usize, Instant)> {
        let replica = 1 - master;
        // What was said until now is kept, even where the replica is slow: a
        // tail is lost, and not a room as a whole.
        self.caught_up(master, replica).await?;
        self.link.set_rules(Rules::both(super::proxy::Flow::Hold));
        sleep(behind).await;
        let died = Instant::now();
        self.servers[master].process().kill();
        self.link.cut();
        redis::ask::<()>(self.servers[replica].address(), &["REPLICAOF", "NO", "ONE"]).await?;
        self.front.set_target(self.servers[replica].address());
        self.front.cut();
        self.link.set_rules(Rules::default());
        self.link.set_target(self.servers[replica].address());
        Ok((replica, died))
    }

    /// Waits until a replica has what its master has now.
    async fn caught_up(&self, master: usize, replica: usize) -> anyhow::Result<()> {
        let offset = async |server: usize, name: &str| -> Option<u64> {
            let address = self.servers[server].address();
            redis::info(address, name).await.ok()??.parse().ok()
        };
        let wanted = offset(master, "master_repl_offset").await;
        until("the replica has caught up", LIMIT, async || {
            wanted.is_some() && offset(replica, "slave_repl_offset").await >= wanted
        })
        .await
    }
}

async fn server(dir: &Path, args: Vec<String>) -> anyhow::Result<RedisServer> {
    let options = RedisOptions {
        dir: dir.to_owned(),
        append_only: true,
        args,
    };
    tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&options.dir)?;
        Ok(RedisServer::start(options)?)
    })
    .await?
}

/// Three sentinels, and a task that points the front at the master they name.
pub(crate) struct Sentinels {
    _processes: Vec<(Process, Port)>,
    addresses: Vec<SocketAddr>,
    following: JoinHandle<()>,
    _dir: RunDir,
}

impl Sentinels {
    /// Starts them and waits until they know each other and the replica.
    pub(crate) async fn watch(replicas: &Replicas) -> anyhow::Result<Self> {
        let dir = RunDir::temporary()?;
        // Sentinels tell others the real address of the master, so the replica
        // must follow it without a proxy between.
        let master = replicas.servers[0].address();
        replicas.follow(1, master).await?;
        let mut processes = Vec::new();
        for number in 0..SENTINELS {
            let port = Port::free()?;
            let process = sentinel(&dir, number, &port, master)?;
            processes.push((process, port));
        }
        let addresses: Vec<_> = processes.iter().map(|(_, port)| port.address()).collect();
        for address in &addresses {
            until("the sentinels know each other", LIMIT, async || {
                knows_all(*address).await
            })
            .await?;
        }
        let following = tokio::spawn(follow(addresses.clone(), Arc::clone(&replicas.front)));
        Ok(Self {
            _processes: processes,
            addresses,
            following,
            _dir: dir,
        })
    }

    /// Waits until they all name another master than this one, and returns it.
    pub(crate) async fn promoted(&self, old: SocketAddr) -> anyhow::Result<SocketAddr> {
        until("the sentinels promote the replica", LIMIT, async || {
            for address in &self.addresses {
                if !matches!(master_by(*address).await, Some(master) if master != old) {
                    return false;
                }
            }
            true
        })
        .await?;
        master_by(self.addresses[0])
            .await
            .context("the sentinels name no master")
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn sentinel(
    dir: &RunDir,
    number: usize,
    port: &Port,
    master: SocketAddr,
) -> anyhow::Result<Process> {
    let file = dir.path().join(format!("sentinel-{number}.conf"));
    let (ip, master_port, port) = (master.ip(), master.port(), port.number());
    fs::write(
        &file,
        format!(
            "port {port}\nbind 127.0.0.1\ndir {dir}\n\
             sentinel monitor {NAME} {ip} {master_port} 2\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n\
             sentinel failover-timeout {NAME} 10000\n",
            dir = dir.path().display()
        ),
    )?;
    Ok(Process::start(Launch {
        name: format!("redis-sentinel {number}"),
        program: find_program("redis-sentinel", "redis-sentinel")?,
        args: vec![file.display().to_string()],
        log: dir.path().join(format!("sentinel-{number}.log")),
        ..Launch::default()
    })?)
}

async fn knows_all(sentinel: SocketAddr) -> bool {
    let Ok(text) = redis::ask::<String>(sentinel, &["INFO", "sentinel"]).await else {
        return false;
    };
    text.contains(&format!("slaves=1,sentinels={SENTINELS}"))
}

/// The master, as one sentinel sees it.
async fn master_by(sentinel: SocketAddr) -> Option<SocketAddr> {
    let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
    let (ip, port): (String, String) = redis::ask(sentinel, &words).await.ok()?;
    format!("{ip}:{port}").parse().ok()
}

/// Points the front at the master that most sentinels name, whenever that
/// changes, and cuts what still goes to the one before.
async fn follow(sentinels: Vec<SocketAddr>, front: Arc<Proxy>) {
    let mut current = None;
    loop {
        let mut named = Vec::new();
        for sentinel in &sentinels {
            named.extend(master_by(*sentinel).await);
        }
        let agreed = named
            .iter()
            .find(|master| named.iter().filter(|other| other == master).count() * 2 > SENTINELS);
        if let Some(master) = agreed
            && current != Some(*master)
        {
            front.set_target(*master);
            if current.replace(*master).is_some() {
                front.cut();
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}
