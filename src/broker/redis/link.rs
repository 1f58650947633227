//! The link on which commands go to Redis.
//!
//! It is made and watched by us, never by something that reconnects silently:
//! whoever uses it must know which history of the server it speaks to. The id
//! of that history is read right after the link is made and looked at again by
//! every probe; a link whose server changed its history is dropped.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{
    FromRedisValue, Pipeline, PushKind, RedisError, ScriptInvocation, aio::MultiplexedConnection,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{info, warn};

use super::{
    advice,
    asks::Asks,
    scripts,
    wire::{Address, Backoff, MISSES, PROBE_EVERY, Severed},
};
use crate::broker::BrokerError;

/// How often it is said again that Redis is away.
const REMIND_EVERY: Duration = Duration::from_secs(10);

/// The link, up or down.
pub(super) struct Link {
    address: Arc<Address>,
    live: watch::Sender<Option<Arc<Live>>>,
    asks: Arc<Asks>,
}

/// A link that is up.
pub(super) struct Live {
    connection: MultiplexedConnection,
    severed: Arc<Severed>,
    asks: Arc<Asks>,
    /// The id of the history of the server.
    pub(super) server: String,
    /// Since when it is up.
    pub(super) since: Instant,
    patience: Duration,
}

/// What it means when a command is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// It only looks: nothing happened.
    Read,
    /// It changes something: it may have happened.
    Write,
}

impl Ask {
    fn unanswered(self) -> BrokerError {
        match self {
            Self::Read => BrokerError::Unavailable,
            Self::Write => BrokerError::Timeout,
        }
    }
}

impl Link {
    pub(super) fn new(address: Arc<Address>) -> Self {
        Self {
            address,
            live: watch::Sender::new(None),
            asks: Arc::default(),
        }
    }

    /// Lets Redis have this processor if somebody waits for its answer.
    pub(super) fn give_way(&self) {
        self.asks.give_way();
    }

    /// The link, if it is up.
    pub(super) fn live(&self) -> Result<Arc<Live>, BrokerError> {
        let live = self.live.borrow().clone();
        live.filter(|live| !live.severed.is())
            .ok_or(BrokerError::Unavailable)
    }

    /// How long a command may take.
    pub(super) fn patience(&self) -> Duration {
        self.address.patience
    }

    /// Waits until the link is up.
    pub(super) async fn up(&self) {
        let mut live = self.live.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = live.wait_for(Option::is_some).await;
    }

    /// Whether the server answers on a connection made for this question.
    pub(super) async fn is_reachable(&self) -> bool {
        let attempt = async {
            let mut connection = self.address.connect(|_| {}).await?;
            redis::cmd("PING")
                .query_async::<String>(&mut connection)
                .await
        };
        matches!(timeout(2 * self.patience(), attempt).await, Ok(Ok(_)))
    }

    /// Lets go of the link; whoever keeps it up must have ended.
    pub(super) fn end(&self) {
        self.live.send_replace(None);
    }

    /// Keeps the link up, for ever.
    pub(super) async fn keep(&self) {
        let mut backoff = Backoff::new();
        let mut outage = Outage::default();
        let mut advised = None;
        loop {
            match self.make().await {
                Ok(live) => {
                    if advised.as_ref() != Some(&live.server) {
                        advised = Some(live.server.clone());
                        advice::look(&mut live.connection.clone(), self.patience()).await;
                    }
                    let live = Arc::new(live);
                    self.live.send_replace(Some(live.clone()));
                    backoff.reset();
                    outage.is_over();
                    let why = live.watch().await;
                    live.severed.now();
                    self.live.send_replace(None);
                    outage.goes_on(&why);
                }
                Err(why) => outage.goes_on(&why),
            }
            sleep(backoff.next()).await;
        }
    }

    async fn make(&self) -> Result<Live, String> {
        let severed = Severed::new();
        let told = severed.clone();
        let attempt = async {
            let mut connection = self
                .address
                .connect(move |push| {
                    if push.kind == PushKind::Disconnection {
                        told.now();
                    }
                })
                .await?;
            // A server that still loads its data answers INFO, but not PING.
            let _: String = redis::cmd("PING").query_async(&mut connection).await?;
            let server = replication(&mut connection).await?;
            load_scripts(&mut connection).await?;
            Ok::<_, RedisError>((connection, server))
        };
        let (connection, server) = timeout(2 * self.patience(), attempt)
            .await
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        if !server.is_master {
            return Err("it is a replica and takes no writes".to_owned());
        }
        Ok(Live {
            connection,
            severed,
            asks: self.asks.clone(),
            server: server.id,
            since: Instant::now(),
            patience: self.patience(),
        })
    }
}

async fn load_scripts(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    for script in scripts::all() {
        script.load_async(connection).await?;
    }
    Ok(())
}

/// What a server says of its history.
#[derive(Debug, PartialEq, Eq)]
struct Replication {
    id: String,
    is_master: bool,
}

async fn replication(connection: &mut MultiplexedConnection) -> Result<Replication, RedisError> {
    let text: String = redis::cmd("INFO")
        .arg("replication")
        .query_async(connection)
        .await?;
    Ok(parse_replication(&text))
}

fn parse_replication(text: &str) -> Replication {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .unwrap_or_default()
            .trim()
    };
    Replication {
        id: field("master_replid").to_owned(),
        is_master: field("role") == "master",
    }
}

impl Live {
    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        ask: Ask,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, BrokerError> {
        let mut connection = self.connection.clone();
        self.wait(ask, script.invoke_async(&mut connection)).await
    }

    /// Runs several commands in one go.
    pub(super) async fn pipe<T: FromRedisValue>(
        &self,
        ask: Ask,
        commands: &Pipeline,
    ) -> Result<T, BrokerError> {
        let mut connection = self.connection.clone();
        let attempt = async {
            match commands.query_async(&mut connection).await {
                Err(error) if error.code() == Some("NOSCRIPT") => {
                    load_scripts(&mut connection).await?;
                    commands.query_async(&mut connection).await
                }
                answer => answer,
            }
        };
        self.wait(ask, attempt).await
    }

    /// Runs one command.
    pub(super) async fn command<T: FromRedisValue>(
        &self,
        ask: Ask,
        command: &redis::Cmd,
    ) -> Result<T, BrokerError> {
        let mut connection = self.connection.clone();
        self.wait(ask, command.query_async(&mut connection)).await
    }

    /// Waits for an answer, and says what it means if there is none.
    async fn wait<T>(
        &self,
        ask: Ask,
        answer: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, BrokerError> {
        let asking = self.asks.begin();
        let answer = timeout(self.patience, answer).await;
        drop(asking);
        let error = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => return Err(ask.unanswered()),
        };
        if error.is_io_error() {
            if !error.is_timeout() {
                self.severed.now();
            }
            return Err(ask.unanswered());
        }
        Err(self.refused(error.code().unwrap_or_default(), &error))
    }

    /// What it means that the server refused something, by the word its error
    /// begins with. Nothing was stored.
    pub(super) fn refused(&self, code: &str, why: &impl ToString) -> BrokerError {
        match code {
            "READONLY" => {
                // The server was made a replica: its successor is elsewhere.
                self.severed.now();
                BrokerError::Unavailable
            }
            "LOADING" | "MASTERDOWN" | "OOM" | "NOREPLICAS" | "MISCONF" | "BUSY"
            | "CLUSTERDOWN" | "TRYAGAIN" => BrokerError::Unavailable,
            _ => BrokerError::Unexpected(why.to_string()),
        }
    }

    /// Watches the link until it is of no more use; says why.
    async fn watch(&self) -> String {
        let probing = async {
            let mut probes = interval(PROBE_EVERY);
            probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut connection = self.connection.clone();
            let mut missed = 0;
            loop {
                probes.tick().await;
                match timeout(self.patience, replication(&mut connection)).await {
                    Ok(Ok(now)) if now.id != self.server || !now.is_master => {
                        return "the server changed its part".to_owned();
                    }
                    Ok(Ok(_)) => missed = 0,
                    Ok(Err(error)) if !error.is_timeout() => return error.to_string(),
                    Ok(Err(_)) | Err(_) => missed += 1,
                }
                if missed >= MISSES {
                    return "it does not answer".to_owned();
                }
            }
        };
        tokio::select! {
            why = probing => why,
            () = self.severed.wait() => "the connection broke".to_owned(),
        }
    }
}

/// Says in the log that Redis is away, now and then, and that it is back.
#[derive(Debug, Default)]
struct Outage {
    said: Option<Instant>,
    began: Option<Instant>,
}

impl Outage {
    fn goes_on(&mut self, why: &str) {
        let began = *self.began.get_or_insert_with(Instant::now);
        if self.said.is_none_or(|said| said.elapsed() >= REMIND_EVERY) {
            self.said = Some(Instant::now());
            let seconds = began.elapsed().as_secs();
            warn!(%why, seconds, "Redis is away; waiting for it");
        }
    }

    fn is_over(&mut self) {
        self.said = None;
        if let Some(began) = self.began.take() {
            let seconds = began.elapsed().as_secs();
            info!(seconds, "Redis is back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_server_is_read_from_its_own_words() {
        let text = "# Replication\r\nrole:master\r\nmaster_replid:abc123\r\nmaster_replid2:000\r\n";
        assert_eq!(
            parse_replication(text),
            Replication {
                id: "abc123".to_owned(),
                is_master: true
            }
        );
        assert!(!parse_replication("role:slave\r\n").is_master);
    }
}
