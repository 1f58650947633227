//! A real redis-server on a free port of this machine.

use hubbub_cluster::{RedisOptions, RedisServer as Server, RunDir};

/// A server of its own for one test; gone with all its data when dropped.
pub(crate) struct RedisServer {
    server: Server,
    _dir: RunDir,
}

impl RedisServer {
    /// Starts a server that keeps everything in memory: a slow disk is not what
    /// most tests are about.
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts a server that can be killed and has everything when it is started
    /// again.
    pub(crate) fn start_durable() -> Self {
        Self::start_with(true)
    }

    fn start_with(append_only: bool) -> Self {
        let dir = RunDir::temporary().unwrap();
        // Written before each answer, which outlives the process, and never
        // waited for until it is on the disk, which only the end of the machine
        // would need. With "everysec" Redis puts writes off while the disk is
        // slow, and a kill then takes acknowledged entries along.
        let args = ["--appendfsync", "no", "--loglevel", "warning"];
        let server = Server::start(RedisOptions {
            dir: dir.path().to_owned(),
            append_only,
            args: args.map(str::to_owned).into(),
        });
        Self {
            server: server.unwrap_or_else(|error| panic!("{error}")),
            _dir: dir,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/0", self.server.url())
    }

    /// Ends the server without a chance to say goodbye.
    pub(crate) fn kill(&self) {
        self.server.process().kill();
    }

    /// Starts it again, on the same port and with what it had on disk: nothing,
    /// unless it is durable.
    pub(crate) fn restart(&mut self) {
        self.server.restart().unwrap();
    }

    /// Stops it in its tracks: connections stay, nothing answers.
    pub(crate) fn freeze(&self) {
        self.server.process().freeze().unwrap();
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self) {
        self.server.process().thaw().unwrap();
    }

    /// A connection of the test's own.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url())
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .unwrap()
    }
}
