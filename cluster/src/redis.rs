//! A real redis-server on a loopback port of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::process::{Launch, Process, find_program};
use crate::{Error, Port, Result, until};

const START_LIMIT: Duration = Duration::from_secs(30);
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// How to start a [`RedisServer`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// For its data and its log; it has to exist.
    pub dir: PathBuf,
    /// Whether it keeps its data over a restart (append-only file, written out every second).
    pub append_only: bool,
    /// Further arguments, such as `--maxmemory 10mb`, one per element.
    pub args: Vec<String>,
}

/// A running redis-server; killed on drop.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    program: PathBuf,
    port: Port,
    process: Process,
}

impl RedisServer {
    /// Starts it on a free port and waits until it answers.
    pub fn start(options: RedisOptions) -> Result<Self> {
        let program = find_program("redis-server", "redis-server")?;
        let port = Port::free()?;
        let process = launch(&options, &program, &port)?;
        Ok(Self {
            options,
            program,
            port,
            process,
        })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `redis://127.0.0.1:<port>`, without a database number.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Its process, to kill, freeze or thaw it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills what may be left of it and starts it again on the same port with the same data.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = launch(&self.options, &self.program, &self.port)?;
        Ok(())
    }
}

fn launch(options: &RedisOptions, program: &std::path::Path, port: &Port) -> Result<Process> {
    let number = port.number().to_string();
    let append_only = if options.append_only { "yes" } else { "no" };
    let dir = options
        .dir
        .to_str()
        .ok_or_else(|| Error::Refused("the directory's name is not UTF-8".into()))?;
    #[rustfmt::skip]
    let mut args: Vec<String> = [
        "--port", &number, "--bind", "127.0.0.1", "--dir", dir,
        "--appendonly", append_only, "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction",
    ].map(str::to_owned).into();
    args.extend_from_slice(&options.args);
    let process = Process::start(Launch {
        name: "redis-server".into(),
        program: program.to_owned(),
        args,
        log: options.dir.join("redis.log"),
        ..Launch::default()
    })?;
    until("redis-server answers", START_LIMIT, || {
        process.must_run()?;
        Ok(answers(port.address()))
    })?;
    Ok(process)
}

/// Whether it is up and has read its data: while it loads, it answers PING with an error.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, PROBE_LIMIT)?;
        stream.set_read_timeout(Some(PROBE_LIMIT))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunDir;

    fn ask(server: &RedisServer, command: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PROBE_LIMIT)).unwrap();
        write!(stream, "{command}\r\nQUIT\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn server(dir: &RunDir, append_only: bool) -> RedisServer {
        RedisServer::start(RedisOptions {
            dir: dir.path().to_owned(),
            append_only,
            args: Vec::new(),
        })
        .unwrap()
    }

    #[test]
    fn what_was_written_survives_a_kill_when_it_is_append_only() {
        let dir = RunDir::temporary().unwrap();
        let mut redis = server(&dir, true);
        let (address, pid) = (redis.address(), redis.process().pid());
        assert!(ask(&redis, "SET greeting hello").starts_with("+OK"));
        redis.restart().unwrap();
        assert_eq!(redis.address(), address);
        assert_ne!(redis.process().pid(), pid);
        assert!(ask(&redis, "GET greeting").contains("hello"));
    }

    #[test]
    fn a_restart_begins_empty_when_it_is_not() {
        let dir = RunDir::temporary().unwrap();
        let mut redis = server(&dir, false);
        assert!(ask(&redis, "SET greeting hello").starts_with("+OK"));
        redis.restart().unwrap();
        assert!(ask(&redis, "GET greeting").starts_with("$-1"));
    }

    #[test]
    fn a_frozen_server_does_not_answer_until_it_is_thawed() {
        let dir = RunDir::temporary().unwrap();
        let redis = server(&dir, false);
        redis.process().freeze().unwrap();
        assert!(!answers(redis.address()));
        redis.process().thaw().unwrap();
        until("it answers again", START_LIMIT, || {
            Ok(answers(redis.address()))
        })
        .unwrap();
    }

    #[test]
    fn a_bad_argument_is_reported_with_what_redis_says() {
        let dir = RunDir::temporary().unwrap();
        let args = vec!["--maxmemory".into(), "much".into()];
        let error = RedisServer::start(RedisOptions {
            dir: dir.path().to_owned(),
            append_only: false,
            args,
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("redis-server ended") && error.contains("maxmemory"),
            "{error}"
        );
    }
}
