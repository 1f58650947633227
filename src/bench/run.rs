//! A run from its first connection to its verdict.
//!
//! [`Run`] is the handle: it starts the clients, lets them talk, and takes
//! faults into account that its caller causes meanwhile. What a caller can do
//! at any time from another thread is in [`Hand`].

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    check::{Expectations, Fault, FinalLogs, Journal, Micros, Verdict, check},
    client::{
        self,
        shared::{Command, Remains, Shared, Told},
    },
    history::{HistoryError, read_logs},
    plan::{Pace, Plan},
};

pub use super::client::{
    shared::Second,
    stats::{Stages, Tally},
};

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system refused something.
    #[error("the clients could not be started: {0}")]
    Start(#[from] io::Error),
    /// A thread of clients ended early.
    #[error("a thread of clients ended early: {0}")]
    Thread(String),
    /// The final logs could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Clients at work.
pub struct Run {
    shared: Arc<Shared>,
    hand: Hand,
    told: Receiver<Told>,
    threads: Vec<JoinHandle<()>>,
    seconds: Vec<Second>,
    remains: Vec<Remains>,
}

/// What may be done to a run from elsewhere.
#[derive(Clone)]
pub struct Hand {
    shared: Arc<Shared>,
    faults: Arc<Mutex<Vec<Fault>>>,
}

/// All threads together, for one second or at one moment.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// Since the run began.
    pub at: Duration,
    /// All counts so far.
    pub tally: Tally,
    /// The times of the last second.
    pub stages: Stages,
    /// Clients with a transport that works.
    pub up: u32,
    /// Clients that will not come back.
    pub ended: u32,
    /// Sends without an answer.
    pub unanswered: u64,
    /// Clients that do not have everything that was acknowledged.
    pub behind: u32,
}

/// What a run leaves.
pub struct Outcome {
    /// All counts.
    pub tally: Tally,
    /// The notes of all clients, if they kept any.
    pub journals: Vec<Journal>,
    /// Positions that members who were up in the end did not reach.
    pub short: u64,
    /// Clients that were up in the end.
    pub up: u32,
    /// Sends without an answer in the end.
    pub unanswered: u64,
    /// What was broken meanwhile.
    pub faults: Vec<Fault>,
    /// When the run ended.
    pub ended: Micros,
    plan: Plan,
}

impl Hand {
    /// Microseconds since the run began.
    pub fn now(&self) -> Micros {
        self.shared.now() / 1_000
    }

    /// Something is broken from now on. Returns its number for
    /// [`heals`](Self::heals).
    pub fn breaks(&self, name: &str, may_notice: bool) -> usize {
        let mut faults = self.lock();
        faults.push(Fault {
            name: name.to_owned(),
            from: self.now(),
            healed: Micros::MAX / 2,
            may_notice,
        });
        faults.len() - 1
    }

    /// It works again.
    pub fn heals(&self, fault: usize) {
        let now = self.now();
        if let Some(fault) = self.lock().get_mut(fault) {
            fault.healed = now;
        }
    }

    /// Cuts every client; nobody comes back before `away` has passed. That is a
    /// fault which a browser may show.
    pub fn cut(&self, away: Duration) {
        let from = self.now();
        let away_for = u64::try_from(away.as_micros()).unwrap_or(Micros::MAX / 2);
        self.lock().push(Fault {
            name: "every client is cut".to_owned(),
            from,
            healed: from.saturating_add(away_for),
            may_notice: true,
        });
        self.all(|| Command::Cut(away));
    }

    /// Lets the publishers speak.
    pub fn talk(&self, pace: Pace) {
        self.all(|| Command::Talk(pace));
    }

    /// Lets nobody say anything new.
    pub fn hush(&self) {
        self.all(|| Command::Hush);
    }

    /// Lets one client per room ask who is there, for the checker.
    pub fn ask_members(&self) {
        self.all(|| Command::AskMembers);
    }

    fn all(&self, command: impl Fn() -> Command) {
        for thread in 0..self.shared.plan.threads.max(1) {
            self.shared.tell(thread as usize, command());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Starts the threads and lets the clients connect.
    pub fn start(plan: Plan) -> Result<Self, RunError> {
        let shared = Arc::new(Shared::new(plan));
        let (tell, told) = channel();
        let threads = client::start(&shared, &tell)?;
        let hand = Hand {
            shared: Arc::clone(&shared),
            faults: Arc::default(),
        };
        hand.all(|| Command::Connect);
        Ok(Self {
            seconds: vec![Second::default(); threads.len()],
            shared,
            hand,
            told,
            threads,
            remains: Vec::new(),
        })
    }

    /// What may be done to the run from elsewhere.
    pub fn hand(&self) -> Hand {
        self.hand.clone()
    }

    /// Takes what the threads tell for some time, or until `is_enough`; calls
    /// it about once a second with all of them together. Whether it was enough.
    pub fn watch(
        &mut self,
        limit: Duration,
        mut is_enough: impl FnMut(&Moment) -> bool,
    ) -> Result<bool, RunError> {
        let end = Instant::now() + limit;
        let mut stages = Stages::default();
        let mut heard = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(Told::Second(second)) => {
                    stages.add(&second.stages);
                    let thread = second.thread as usize;
                    self.seconds[thread] = *second;
                    heard += 1;
                    if heard == self.threads.len() {
                        heard = 0;
                        let moment = self.moment(std::mem::take(&mut stages));
                        if is_enough(&moment) {
                            return Ok(true);
                        }
                    }
                }
                Ok(Told::Over(remains)) => self.remains.push(*remains),
                Ok(Told::Failed(why)) => return Err(RunError::Thread(why)),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(RunError::Thread("it is gone".to_owned()));
                }
            }
        }
    }

    fn moment(&self, stages: Stages) -> Moment {
        let mut moment = Moment {
            stages,
            ..Moment::default()
        };
        for second in &self.seconds {
            moment.at = moment.at.max(Duration::from_nanos(second.at));
            moment.tally.add(&second.tally);
            moment.up += second.up;
            moment.ended += second.ended;
            moment.unanswered += second.unanswered;
            moment.behind += second.behind;
        }
        moment
    }

    /// Waits until every client is up.
    pub fn wait_until_up(&mut self, limit: Duration) -> Result<bool, RunError> {
        let clients = self.shared.plan.clients;
        self.watch(limit, |moment| moment.up == clients)
    }

    /// Waits until nothing is under way any more: every send answered, every
    /// client up, everybody with everything.
    pub fn wait_until_quiet(&mut self, limit: Duration) -> Result<bool, RunError> {
        let clients = self.shared.plan.clients;
        self.watch(limit, |moment| is_quiet(moment, clients))
    }

    /// Ends the run and takes everything out of the threads.
    pub fn finish(mut self) -> Result<Outcome, RunError> {
        let ended = self.hand.now();
        self.hand.all(|| Command::Stop);
        let threads = self.threads.len();
        let limit = Instant::now() + Duration::from_secs(30);
        while self.remains.len() < threads {
            let left = limit.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(Told::Over(remains)) => self.remains.push(*remains),
                Ok(Told::Second(_)) => {}
                Ok(Told::Failed(why)) => return Err(RunError::Thread(why)),
                Err(_) => return Err(RunError::Thread("it does not end".to_owned())),
            }
        }
        for thread in self.threads {
            // It told everything before it ended.
            let _ = thread.join();
        }
        let mut outcome = Outcome {
            tally: Tally::default(),
            journals: Vec::new(),
            short: 0,
            up: 0,
            unanswered: 0,
            faults: std::mem::take(&mut *self.hand.lock()),
            ended,
            plan: self.shared.plan.clone(),
        };
        for remains in self.remains {
            outcome.tally.add(&remains.last.tally);
            outcome.journals.extend(remains.journals);
            outcome.short += remains.short;
            outcome.up += remains.last.up;
            outcome.unanswered += remains.last.unanswered;
        }
        outcome.journals.sort_by_key(Journal::client);
        Ok(outcome)
    }
}

/// Whether nothing is under way any more.
pub fn is_quiet(moment: &Moment, clients: u32) -> bool {
    moment.unanswered == 0 && moment.behind == 0 && moment.up + moment.ended >= clients
}

impl Outcome {
    /// Reads the final logs of the rooms of this run.
    pub fn read_logs(&self) -> Result<FinalLogs, RunError> {
        Ok(read_logs(&self.plan)?)
    }

    /// Judges the run by what its clients noted. The faults that were told to
    /// its [`Hand`] are added to the expectations.
    pub fn check(&self, logs: &FinalLogs, mut expectations: Expectations) -> Verdict {
        expectations.faults.extend(self.faults.iter().cloned());
        expectations.ended.get_or_insert(self.ended);
        expectations.is_ordered &= self.plan.window == 1;
        check(&self.journals, logs, &expectations)
    }
}
