//! A real redis-server on a free port of this machine.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A server of its own for one test; gone with all its data when dropped.
pub(crate) struct RedisServer {
    port: u16,
    dir: PathBuf,
    process: Child,
}

impl RedisServer {
    /// Starts a server that writes every change to its append-only file.
    pub(crate) fn start() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("hubbub-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let port = free_port();
        let process = spawn(port, &dir);
        let server = Self { port, dir, process };
        server.wait_until_it_answers();
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends the server without a chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, on the same port and with what it had on disk.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.port, &self.dir);
        self.wait_until_it_answers();
    }

    /// Stops it in its tracks: connections stay, nothing answers.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// A connection of the test's own.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url())
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(port: u16, dir: &Path) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--dir", dir.to_str().unwrap()])
        .args(["--save", "", "--appendonly", "yes"])
        // With "everysec" Redis puts writes off while the disk is slow, and a
        // kill then takes acknowledged entries along: right, but not the point
        // of tests that kill it.
        .args(["--appendfsync", "always", "--loglevel", "warning"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
