//! HAProxy with the shipped configuration, told by its environment where everything is.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{Launch, Process, Signal, find_program};
use crate::{Error, Port, Result, until};

const START_LIMIT: Duration = Duration::from_secs(20);
const COMMAND_LIMIT: Duration = Duration::from_secs(5);
/// The longest path a unix socket may have is 107 bytes, and HAProxy binds `<path>.<pid>.tmp` first.
const LONGEST_SOCKET_PATH: usize = 85;

/// How to start [`Haproxy`].
#[derive(Debug)]
pub struct HaproxyOptions {
    /// The configuration file.
    pub config: PathBuf,
    /// The public port.
    pub port: Port,
    /// The addresses of all instances that may ever exist, at most 16; one where nobody listens is simply down.
    pub slots: Vec<SocketAddr>,
    /// For its log and its runtime socket; it has to exist.
    pub dir: PathBuf,
    /// Further settings of the configuration file, such as `HUBBUB_MAX_PER_ADDRESS`.
    pub env: Vec<(String, String)>,
}

/// A running HAProxy; killed on drop.
#[derive(Debug)]
pub struct Haproxy {
    options: HaproxyOptions,
    program: PathBuf,
    socket: PathBuf,
    process: Process,
}

/// What HAProxy thinks of one server of one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// `app` for requests, `app_sockets`, or `app_once` for what must not be repeated.
    pub backend: String,
    /// `app-1` and so on.
    pub server: String,
    /// `UP`, `NOLB` (draining), `DOWN`, `MAINT`, or one of them with a count of checks still missing (`UP 1/2`).
    pub status: String,
    /// Requests and sockets it serves now.
    pub sessions: u64,
}

impl Haproxy {
    /// Starts it and waits until its port accepts connections.
    pub fn start(options: HaproxyOptions) -> Result<Self> {
        let program = find_program("haproxy", "haproxy")?;
        let socket = socket_path(&options);
        let process = launch(&options, &program, &socket)?;
        Ok(Self {
            options,
            program,
            socket,
            process,
        })
    }

    /// The public address.
    pub fn address(&self) -> SocketAddr {
        self.options.port.address()
    }

    /// The public URL: `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its master process. Freezing it does not freeze the worker.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills what may be left of it and starts it again on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = launch(&self.options, &self.program, &self.socket)?;
        Ok(())
    }

    /// Makes it read its configuration again (SIGUSR2). Open sockets stay with the old worker.
    pub fn reload(&self) -> Result<()> {
        self.process.signal(Signal::USR2)
    }

    /// Sends a command to the runtime socket and returns the answer.
    pub fn command(&self, command: &str) -> Result<String> {
        ask(&self.socket, command).map_err(Error::io(format!("asking haproxy: {command}")))
    }

    /// What it thinks of every server.
    pub fn servers(&self) -> Result<Vec<ServerState>> {
        Ok(parse_servers(&self.command("show stat -1 4 -1")?))
    }

    /// Waits until exactly these servers are up, in every backend, and no others.
    pub fn wait_until_up(&self, names: &BTreeSet<String>, limit: Duration) -> Result<()> {
        let what = format!(
            "haproxy sees {} up",
            names.iter().cloned().collect::<Vec<_>>().join(", ")
        );
        until(&what, limit, || {
            self.process.must_run()?;
            // The socket is away for a moment during a reload.
            Ok(self.servers().is_ok_and(|servers| {
                !servers.is_empty()
                    && servers.iter().all(|server| {
                        server.status.starts_with("UP") == names.contains(&server.server)
                    })
            }))
        })
    }
}

fn socket_path(options: &HaproxyOptions) -> PathBuf {
    let path = options.dir.join("haproxy.sock");
    if path.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return path;
    }
    std::env::temp_dir().join(format!("hubbub-haproxy-{}.sock", options.port.number()))
}

fn launch(options: &HaproxyOptions, program: &Path, socket: &Path) -> Result<Process> {
    let config = options.config.display().to_string();
    if !options.config.is_file() {
        return Err(Error::Refused(format!(
            "there is no {config}: run this where it is, or name it with --haproxy-cfg"
        )));
    }
    let process = Process::start(Launch {
        name: "haproxy".into(),
        program: program.to_owned(),
        args: vec!["-W".into(), "-f".into(), config],
        env: environment(options, socket),
        without_env: vec!["HUBBUB_APP_DNS"],
        log: options.dir.join("haproxy.log"),
    })?;
    until("haproxy answers", START_LIMIT, || {
        process.must_run()?;
        Ok(ask(socket, "show version").is_ok())
    })?;
    Ok(process)
}

fn environment(options: &HaproxyOptions, socket: &Path) -> Vec<(String, String)> {
    let mut bind = vec![options.port.address().to_string()];
    if options.port.is_free_on_ipv6() {
        bind.push(format!("[::1]:{}", options.port.number()));
    }
    let mut env = vec![
        ("HUBBUB_PORT".to_owned(), options.port.number().to_string()),
        ("HUBBUB_BIND".to_owned(), bind.join(",")),
        (
            "HUBBUB_STATS_SOCKET".to_owned(),
            socket.display().to_string(),
        ),
    ];
    for (slot, address) in options.slots.iter().enumerate() {
        env.push((format!("HUBBUB_APP_{}", slot + 1), address.to_string()));
    }
    env.extend_from_slice(&options.env);
    env
}

fn ask(socket: &Path, command: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(COMMAND_LIMIT))?;
    stream.write_all(format!("{command}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Reads the CSV of `show stat`; columns are found by their names, because their places differ between versions.
fn parse_servers(csv: &str) -> Vec<ServerState> {
    let mut lines = csv.trim_start_matches("# ").lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| header.iter().position(|title| *title == name);
    let (Some(backend), Some(server), Some(status), Some(sessions)) = (
        column("pxname"),
        column("svname"),
        column("status"),
        column("scur"),
    ) else {
        return Vec::new();
    };
    let read = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        Some(ServerState {
            backend: (*values.get(backend)?).to_owned(),
            server: (*values.get(server)?).to_owned(),
            status: (*values.get(status)?).to_owned(),
            sessions: values.get(sessions)?.parse().ok()?,
        })
    };
    lines.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_are_read_whatever_the_order_of_columns() {
        let csv = "# svname,pxname,x,status,scur,\napp-1,app,,UP,7,\napp-2,app,,DOWN 1/2,0,\n\n";
        let servers = parse_servers(csv);
        assert_eq!(servers.len(), 2);
        assert_eq!(
            (
                servers[0].backend.as_str(),
                servers[0].server.as_str(),
                servers[0].sessions
            ),
            ("app", "app-1", 7)
        );
        assert_eq!(servers[1].status, "DOWN 1/2");
        assert!(parse_servers("").is_empty());
    }
}
