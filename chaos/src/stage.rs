//! One row of the run: a cluster of its own, people who talk on it, what is
//! broken meanwhile, and the verdict on what the people saw.

mod logs;
mod outcome;
mod spec;
mod watch;

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use hubbub::bench::check::{Expectations, Fault, Flood, Micros, RoomNumber, Via};
use hubbub_cluster::{Cluster, ClusterOptions, Error as ClusterError};
use secrecy::SecretString;
use tokio::{
    sync::watch::Sender,
    time::{Instant, sleep},
};

pub(crate) use self::{
    outcome::{Outcome, percentile},
    spec::{Group, Setup, Spec},
};
use crate::{
    browser::Watcher,
    client::{
        Client, Manner, Orders,
        mind::{Mind, micros},
        person::Person,
    },
    wait::until,
};

/// How long people may take to hear each other at the start.
const START_LIMIT: Duration = Duration::from_secs(40);
/// How long anybody may take to hear something after a fault.
const RECOVERY_LIMIT: Duration = Duration::from_secs(90);
/// How late a message may be on a busy machine while nothing is broken, in
/// microseconds.
const BUSY_CALM: Micros = 10_000_000;

/// Who is hit by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hits {
    /// Everybody: the store is away.
    Everybody,
    /// Those whose transport breaks.
    TheCut,
}

struct Blow {
    hits: Hits,
    /// The moments from which recovery is measured; none = it says nothing
    /// about recovery.
    strikes: Vec<Micros>,
}

/// A running row.
pub(crate) struct Stage {
    cluster: Arc<Mutex<Cluster>>,
    /// The balancer.
    pub(crate) url: String,
    /// Where the logs are read in the end.
    pub(crate) store: SocketAddr,
    pub(crate) token_secret: SecretString,
    pub(crate) admin_key: String,
    pub(crate) clients: Vec<Client>,
    pub(crate) rooms: Vec<String>,
    pub(crate) expect: Expectations,
    /// How long everybody may take in the end to have everything.
    pub(crate) patience: Duration,
    epoch: Instant,
    orders: Sender<Orders>,
    blows: Vec<Blow>,
    violations: Vec<String>,
    notes: Vec<String>,
    names: u32,
    watcher: Option<Watcher>,
}

impl Stage {
    /// Starts the cluster.
    pub(crate) async fn open(setup: &Setup, spec: Spec) -> anyhow::Result<Self> {
        let mut options = ClusterOptions::new(spec.binary, &setup.haproxy_config);
        options.args = spec.args;
        options.instances = spec.instances;
        options.env = spec.env;
        options.env_of = spec.env_of;
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(options)).await?;
        let mut cluster = cluster.context("starting a cluster")?;
        let description = cluster.description();
        let mut expect = Expectations::default();
        if setup.is_quick {
            // It also runs where the machine itself stops for a moment.
            expect.calm = BUSY_CALM;
        }
        Ok(Self {
            url: description.url,
            store: cluster.redis().address(),
            token_secret: description.token_secret.into(),
            admin_key: description.admin_key,
            cluster: Arc::new(Mutex::new(cluster)),
            clients: Vec::new(),
            rooms: Vec::new(),
            expect,
            patience: Duration::from_secs(30),
            epoch: Instant::now(),
            orders: Sender::new(Orders::default()),
            blows: Vec::new(),
            violations: Vec::new(),
            notes: Vec::new(),
            names: 0,
            watcher: None,
        })
    }

    /// Starts the cluster and lets two dozen people talk on it, and two more
    /// watch by browser.
    pub(crate) async fn start(setup: &Setup, spec: Spec) -> anyhow::Result<Self> {
        let mut stage = Self::open(setup, spec).await?;
        stage.admit(Group::default()).await?;
        stage.let_browsers_in(setup).await?;
        stage.talk().await?;
        Ok(stage)
    }

    /// Does something with the cluster that takes its time.
    pub(crate) async fn cluster<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Cluster) -> Result<T, ClusterError> + Send + 'static,
    ) -> anyhow::Result<T> {
        let cluster = Arc::clone(&self.cluster);
        let acting = tokio::task::spawn_blocking(move || {
            act(&mut cluster.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(acting.await??)
    }

    /// Lets people in; every other one signs in as the page does, the others
    /// have tokens. Returns when all are in their rooms.
    pub(crate) async fn admit(&mut self, group: Group) -> anyhow::Result<Range<usize>> {
        let people = self.people(&group).await?;
        self.admit_people(&group, &people).await
    }

    /// The people of a group, known to the server.
    pub(crate) async fn people(&mut self, group: &Group) -> anyhow::Result<Vec<Person>> {
        let base = group.base.clone().unwrap_or_else(|| self.url.clone());
        let mut people = Vec::with_capacity(group.count);
        for number in 0..group.count {
            self.names += 1;
            let name = format!("{}-{}", group.name, self.names);
            // Signing in takes a while; for a crowd, tokens do.
            let signs_in = group.count < 100 && number % 4 < 2;
            people.push(if signs_in {
                Person::sign_in(&base, &name).await?
            } else {
                Person::with_token(&base, &self.token_secret, &name)?
            });
        }
        Ok(people)
    }

    /// Lets these people in, as the group says.
    pub(crate) async fn admit_people(
        &mut self,
        group: &Group,
        people: &[Person],
    ) -> anyhow::Result<Range<usize>> {
        let first = self.clients.len();
        for (number, person) in people.iter().enumerate() {
            let polls = group.polling > 0 && number % group.polling == 1;
            let manner = Manner {
                via: if polls { Via::Poll } else { Via::WebSocket },
                pause: group.pause,
                text_bytes: group.text_bytes,
                flap: group.flap,
            };
            let rooms: Vec<_> = (group.rooms)(number)
                .into_iter()
                .map(|name| (self.room(&name), name))
                .collect();
            let client = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
            let mind = Mind::new(client, &person.id, manner, self.epoch, &rooms);
            let client = Client::start(person.clone(), mind, &self.orders.subscribe());
            self.clients.push(client);
        }
        let admitted = first..self.clients.len();
        let clients = &self.clients[admitted.clone()];
        until("everybody is in their rooms", START_LIMIT, async || {
            clients.iter().all(|client| {
                let mind = client.mind();
                let rooms = mind.room_names();
                mind.is_up() && rooms.iter().all(|room| mind.position(room).is_some())
            })
        })
        .await?;
        Ok(admitted)
    }

    fn room(&mut self, name: &str) -> RoomNumber {
        let found = self.rooms.iter().position(|room| room == name);
        let index = found.unwrap_or_else(|| {
            self.rooms.push(name.to_owned());
            self.rooms.len() - 1
        });
        RoomNumber::try_from(index).unwrap_or(RoomNumber::MAX)
    }

    /// Lets everybody talk, and waits until everybody hears somebody.
    pub(crate) async fn talk(&mut self) -> anyhow::Result<()> {
        self.orders.send_modify(|orders| orders.talk = true);
        let begun = self.now();
        self.all_hear_since(begun, START_LIMIT)
            .await
            .context("before anything was broken")
    }

    /// Lets nobody begin anything new, and waits until all is acknowledged.
    pub(crate) async fn hush(&mut self) -> anyhow::Result<()> {
        self.orders.send_modify(|orders| orders.talk = false);
        let clients = &self.clients;
        until(
            "all that was said is acknowledged",
            RECOVERY_LIMIT,
            async || clients.iter().all(|client| client.mind().is_done()),
        )
        .await
    }

    /// Microseconds since the row began.
    pub(crate) fn now(&self) -> Micros {
        micros(self.epoch)
    }

    /// The same for a moment that has passed.
    pub(crate) fn moment(&self, moment: Instant) -> Micros {
        let since = moment.saturating_duration_since(self.epoch);
        Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
    }

    /// Lets people talk for a while.
    pub(crate) async fn wait(&self, time: Duration) {
        sleep(time).await;
    }

    /// Notes that something is broken from now on.
    pub(crate) fn breaks(&mut self, name: &str, hits: Hits, may_notice: bool) {
        let from = self.now();
        self.expect.faults.push(Fault {
            name: name.to_owned(),
            from,
            healed: Micros::MAX / 4,
            may_notice,
        });
        self.blows.push(Blow {
            hits,
            strikes: vec![from],
        });
    }

    /// The last blow says nothing about recovery, such as one that must not be
    /// felt at all.
    pub(crate) fn is_not_measured(&mut self) {
        self.strikes_at(Vec::new());
    }

    /// The last blow was felt at these moments and not when it was prepared.
    pub(crate) fn strikes_at(&mut self, moments: Vec<Micros>) {
        if let Some(blow) = self.blows.last_mut() {
            blow.strikes = moments;
        }
    }

    /// Notes that what was broken last is whole again.
    pub(crate) fn healed(&mut self) {
        let now = self.now();
        if let Some(fault) = self.expect.faults.last_mut() {
            fault.healed = now;
        }
    }

    /// Waits until everybody has heard something that was said after the last
    /// blow.
    pub(crate) async fn all_recover(&mut self) -> anyhow::Result<()> {
        let begun = self.expect.faults.last().map_or(0, |fault| fault.from);
        let last = self.blows.last().and_then(|blow| blow.strikes.last());
        let from = last.copied().unwrap_or(begun);
        self.all_hear_since(from, RECOVERY_LIMIT).await
    }

    /// Waits until everybody who is near talkers has heard something said after
    /// a moment.
    pub(crate) async fn all_hear_since(
        &self,
        moment: Micros,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let clients = &self.clients;
        until("everybody hears somebody", limit, async || {
            clients.iter().all(|client| {
                let mind = client.mind();
                mind.heard.iter().rev().any(|heard| heard.said >= moment)
            })
        })
        .await
    }

    /// Lets people talk until so many sends were acknowledged.
    pub(crate) async fn talk_until(&self, acked: u64) -> anyhow::Result<()> {
        self.talk_until_of(0..self.clients.len(), acked).await
    }

    /// The same for some of the clients.
    pub(crate) async fn talk_until_of(&self, who: Range<usize>, acked: u64) -> anyhow::Result<()> {
        let clients = &self.clients[who];
        until("enough was said", Duration::from_secs(180), async || {
            let all = clients.iter().map(|client| client.mind().acked);
            all.sum::<u64>() >= acked
        })
        .await
    }

    /// Lets some of the clients talk at another pace.
    pub(crate) fn pace(&self, who: Range<usize>, pause: Duration) {
        for client in &self.clients[who] {
            client.mind().manner.pause = Some(pause);
        }
    }

    /// How many acknowledgements turned out to be void.
    pub(crate) fn acks_taken_back(&self) -> usize {
        let clients = self.clients.iter();
        clients.map(|client| client.mind().taken_back).sum()
    }

    /// How many sockets were lost since a moment.
    pub(crate) fn sockets_lost_since(&self, moment: Micros) -> usize {
        let sockets = self.clients.iter().filter(|c| c.via == Via::WebSocket);
        sockets
            .map(|client| {
                let mind = client.mind();
                mind.downs.iter().filter(|down| **down >= moment).count()
            })
            .sum()
    }

    /// How long messages took to sockets in an interval, sorted. A poll's own
    /// pauses would hide the rest.
    pub(crate) fn latencies(&self, from: Micros, to: Micros) -> Vec<Micros> {
        self.latencies_of(0..self.clients.len(), from, to)
    }

    /// The same for some of the clients.
    pub(crate) fn latencies_of(&self, who: Range<usize>, from: Micros, to: Micros) -> Vec<Micros> {
        let mut all = Vec::new();
        let sockets = self.clients[who].iter().filter(|c| c.via == Via::WebSocket);
        for client in sockets {
            let mind = client.mind();
            let within = mind.heard.iter().filter(|h| h.said >= from && h.at <= to);
            all.extend(within.map(|heard| heard.at.saturating_sub(heard.said)));
        }
        all.sort_unstable();
        all
    }

    /// What must be so beside the invariants.
    pub(crate) fn require(&mut self, is: bool, what: impl Into<String>) {
        if !is {
            self.violations.push(what.into());
        }
    }

    /// A number each instance shows in its metrics, with the instance's name.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<Vec<(String, u64)>> {
        let instances = self
            .cluster(|cluster| {
                let all = cluster.instances();
                let all = all.map(|one| (one.name().to_owned(), one.admin_address()));
                Ok(all.collect::<Vec<_>>())
            })
            .await?;
        let mut values = Vec::new();
        for (instance, address) in instances {
            let request = reqwest::Client::new()
                .get(format!("http://{address}/metrics"))
                .header("X-API-Key", &self.admin_key);
            let text = request.send().await?.text().await?;
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|value| value.trim().parse().ok());
            let value = value.with_context(|| format!("{instance} does not show {name}"))?;
            values.push((instance, value));
        }
        Ok(values)
    }

    /// Something the reader of the table should know.
    pub(crate) fn remark(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// What a flood did to the others.
    pub(crate) fn flooded(&mut self, calm_p99: Micros, flooded_p99: Micros) {
        self.expect.flood = Some(Flood {
            calm_p99,
            flooded_p99,
        });
    }

    /// Lets everybody go and begins anew, on the same cluster.
    pub(crate) fn begin_again(&mut self) {
        self.clients.clear();
        self.rooms.clear();
        self.blows.clear();
        self.expect = Expectations::default();
        self.epoch = Instant::now();
        self.orders = Sender::new(Orders::default());
    }

    /// Hangs everybody up, and keeps their journals for the verdict.
    pub(crate) async fn hang_up(&mut self) {
        self.orders.send_modify(|orders| orders.end = true);
        for client in &mut self.clients {
            client.ended().await;
        }
    }
}
