//! The servers that are compared: what each is, whether it is installed, and how
//! it is started, with a Redis of its own where it needs one.

mod nchan;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use hubbub_cluster::{
    Instance, InstanceOptions, Launch, Port, Process, RedisOptions, RedisServer, find_program,
    until,
};
use serde::{Deserialize, Serialize};

use super::Bench;
use crate::plan::Dialect;

const START_LIMIT: Duration = Duration::from_secs(20);
const PROBE_LIMIT: Duration = Duration::from_secs(1);
const END_LIMIT: Duration = Duration::from_secs(5);
/// The process of this name is the store, and is counted apart.
pub(crate) const REDIS: &str = "redis";

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Peer {
    Limit,
    LimitCoalesced,
    Hubbub,
    HubbubAof,
    Nchan,
    Ws,
    SocketIo,
}

impl Peer {
    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::LimitCoalesced => "limit, coalesced",
            Self::Hubbub => "**hubbub**",
            Self::HubbubAof => "hubbub, AOF everysec",
            Self::Nchan => "Nchan + Redis",
            Self::Ws => "ws + ioredis",
            Self::SocketIo => "Socket.IO + Redis",
        }
    }

    /// The name on the command line and in JSON.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::LimitCoalesced => "limit-coalesced",
            Self::Hubbub => "hubbub",
            Self::HubbubAof => "hubbub-aof",
            Self::Nchan => "nchan",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
        }
    }

    /// How its clients speak.
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Limit | Self::LimitCoalesced | Self::Nchan | Self::Ws => Dialect::Raw,
            Self::Hubbub | Self::HubbubAof => Dialect::Hubbub,
            Self::SocketIo => Dialect::SocketIo,
        }
    }

    /// Why it cannot take part, if it cannot.
    pub(crate) fn missing(self, bench: &Bench) -> Option<String> {
        let package = |name: &str| {
            let place = bench.node.join("node_modules").join(name);
            (!place.is_dir())
                .then(|| format!("{name} is not installed in {}", bench.node.display()))
        };
        let node = || {
            find_program("node", "nodejs")
                .err()
                .map(|error| error.to_string())
        };
        match self {
            Self::Limit | Self::LimitCoalesced => None,
            Self::Hubbub | Self::HubbubAof => (!bench.hubbub.is_file())
                .then(|| format!("there is no program {}", bench.hubbub.display())),
            Self::Nchan => nchan::missing(),
            Self::Ws => node()
                .or_else(|| package("ws"))
                .or_else(|| package("ioredis")),
            Self::SocketIo => node()
                .or_else(|| package("socket.io"))
                .or_else(|| package("@socket.io/redis-adapter")),
        }
    }

    /// Its version, for the record.
    pub(crate) fn version(self, bench: &Bench) -> String {
        let package = |name: &str| super::machine::node_package(&bench.node, name);
        match self {
            Self::Limit => "epoll, one `send` per delivery, no Redis".to_owned(),
            Self::LimitCoalesced => {
                "epoll, one `send` per member and turn of the loop, no Redis".to_owned()
            }
            Self::Hubbub => format!(
                "{}, profile `bench`, Redis broker",
                super::machine::first_line(&bench.hubbub, &["--version"])
            ),
            Self::HubbubAof => "the same, Redis with `appendfsync everysec`".to_owned(),
            Self::Nchan => nchan::version(),
            Self::Ws => format!("ws {}, ioredis {}", package("ws"), package("ioredis")),
            Self::SocketIo => format!(
                "socket.io {}, @socket.io/redis-adapter {}, ioredis {}",
                package("socket.io"),
                package("@socket.io/redis-adapter"),
                package("ioredis")
            ),
        }
    }
}

/// A server that runs, one process or several, and ends with this value.
pub(crate) struct Server {
    /// Where clients connect.
    pub(crate) targets: Vec<SocketAddr>,
    /// Its processes: name and number.
    pub(crate) processes: Vec<(String, u32)>,
    pub(crate) redis: Option<RedisServer>,
    plain: Vec<Process>,
    /// Held, because they end when they are dropped.
    instances: Vec<Instance>,
    /// Held, because they are given back when they are dropped.
    ports: Vec<Port>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx ends its worker only if it is asked to.
        for process in &self.plain {
            process.end(END_LIMIT);
        }
    }
}

impl Server {
    /// Starts so many processes of a peer, and waits until they answer.
    pub(crate) fn start(bench: &Bench, peer: Peer, count: usize, dir: &Path) -> Result<Self> {
        Self::start_with(bench, peer, count, dir, &[])
    }

    /// The same with further settings for hubbub.
    pub(crate) fn start_with(
        bench: &Bench,
        peer: Peer,
        count: usize,
        dir: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut server = Self {
            targets: Vec::new(),
            processes: Vec::new(),
            redis: None,
            plain: Vec::new(),
            instances: Vec::new(),
            ports: Vec::new(),
        };
        if !matches!(peer, Peer::Limit | Peer::LimitCoalesced) {
            server.start_redis(peer == Peer::HubbubAof, dir)?;
        }
        for number in 1..=count {
            let port = Port::free()?;
            server.targets.push(port.address());
            match peer {
                Peer::Hubbub | Peer::HubbubAof => {
                    server.start_hubbub(bench, number, port.address(), dir, settings)?;
                }
                _ => server.start_plain(bench, peer, number, port.number(), dir)?,
            }
            server.ports.push(port);
        }
        Ok(server)
    }

    fn start_redis(&mut self, append_only: bool, dir: &Path) -> Result<()> {
        let redis = RedisServer::start(RedisOptions {
            dir: dir.to_owned(),
            append_only,
            args: Vec::new(),
        })?;
        self.processes
            .push((REDIS.to_owned(), redis.process().pid()));
        self.redis = Some(redis);
        Ok(())
    }

    fn redis_port(&self) -> String {
        let port = self
            .redis
            .as_ref()
            .map_or(0, |redis| redis.address().port());
        port.to_string()
    }

    fn start_hubbub(
        &mut self,
        bench: &Bench,
        number: usize,
        listen: SocketAddr,
        dir: &Path,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let url = self
            .redis
            .as_ref()
            .map(RedisServer::url)
            .unwrap_or_default();
        let admin = Port::free()?;
        let env = [
            ("HUBBUB_PROFILE", "bench".to_owned()),
            ("HUBBUB__REDIS__URL", url),
            ("HUBBUB__TOKEN__SECRET", bench.secret.clone()),
        ];
        let further = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let instance = Instance::start(InstanceOptions {
            binary: bench.hubbub.clone(),
            args: vec!["serve".to_owned()],
            name: format!("hubbub-{number}"),
            listen,
            admin: admin.address(),
            env: env
                .into_iter()
                .chain(further)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            dir: dir.to_owned(),
        })?;
        self.processes
            .push((instance.name().to_owned(), instance.process().pid()));
        self.instances.push(instance);
        self.ports.push(admin);
        Ok(())
    }

    fn start_plain(
        &mut self,
        bench: &Bench,
        peer: Peer,
        number: usize,
        port: u16,
        dir: &Path,
    ) -> Result<()> {
        let name = format!("{}-{number}", peer.id());
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let listen = port.to_string();
        let (program, args) = match peer {
            Peer::Nchan => nchan::command(dir, number, port, &self.redis_port())?,
            Peer::Ws | Peer::SocketIo => {
                let script = if peer == Peer::Ws {
                    "ws.mjs"
                } else {
                    "socketio.mjs"
                };
                let script = text(bench.node.join(script));
                let node = find_program("node", "nodejs")?;
                (node, vec![script, listen, self.redis_port()])
            }
            _ => {
                let mut args = vec!["limit".to_owned(), "--port".to_owned(), listen];
                if peer == Peer::LimitCoalesced {
                    args.push("--coalesce".to_owned());
                }
                (bench.own.clone(), args)
            }
        };
        let process = Process::start(Launch {
            name: name.clone(),
            program,
            args,
            log: dir.join(format!("{name}.log")),
            ..Launch::default()
        })?;
        until(&format!("{name} answers"), START_LIMIT, || {
            process.must_run()?;
            Ok(match peer.dialect() {
                Dialect::Raw => lets_in(port),
                Dialect::Hubbub | Dialect::SocketIo => {
                    TcpStream::connect(("127.0.0.1", port)).is_ok()
                }
            })
        })?;
        self.processes.push((name, process.pid()));
        self.plain.push(process);
        Ok(())
    }
}

/// Whether it accepts a WebSocket. Nchan listens before its Redis is there, and
/// answers 503 until then.
fn lets_in(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PROBE_LIMIT))?;
        stream.write_all(
            b"GET /room/999999 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b"101"))
    };
    ask().unwrap_or(false)
}
