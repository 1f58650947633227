//! Simulated people: they talk over a WebSocket or by polling, keep what the
//! browser app keeps, and note down all they see.

mod entries;
pub(crate) mod mind;
pub(crate) mod person;
mod poll;
mod sends;
mod socket;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hubbub::bench::check::Via;
use rand::Rng as _;
use tokio::{sync::watch, task::JoinHandle};

use self::{mind::Mind, person::Person};

/// What all clients of a run are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Whether new things are said. What was begun is finished in any case.
    pub(crate) talk: bool,
    /// Whether to hang up.
    pub(crate) end: bool,
}

/// How a client talks.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// How its frames travel.
    pub(crate) via: Via,
    /// How long it is silent after an acknowledgement, per room; none = it only
    /// listens.
    pub(crate) pause: Option<Duration>,
    /// How long its texts are.
    pub(crate) text_bytes: usize,
    /// Hangs up and comes back after this time, again and again.
    pub(crate) flap: Option<Duration>,
}

/// A client that runs.
pub(crate) struct Client {
    mind: Arc<Mutex<Mind>>,
    /// Who it is.
    pub(crate) person: Person,
    /// How its frames travel.
    pub(crate) via: Via,
    tasks: Vec<JoinHandle<()>>,
}

impl Client {
    /// Lets a person follow rooms and talk there.
    pub(crate) fn start(person: Person, mind: Mind, orders: &watch::Receiver<Orders>) -> Self {
        let via = mind.manner.via;
        let mind = Arc::new(Mutex::new(mind));
        let tasks = match via {
            Via::WebSocket => vec![tokio::spawn(socket::run(
                person.clone(),
                Arc::clone(&mind),
                orders.clone(),
            ))],
            Via::Poll => vec![
                tokio::spawn(poll::listen(
                    person.clone(),
                    Arc::clone(&mind),
                    orders.clone(),
                )),
                tokio::spawn(poll::speak(
                    person.clone(),
                    Arc::clone(&mind),
                    orders.clone(),
                )),
            ],
        };
        Self {
            mind,
            person,
            via,
            tasks,
        }
    }

    /// What it knows now.
    pub(crate) fn mind(&self) -> MutexGuard<'_, Mind> {
        locked(&self.mind)
    }

    /// Waits until it has hung up, as it was ordered to.
    pub(crate) async fn ended(&mut self) {
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn locked(mind: &Mutex<Mind>) -> MutexGuard<'_, Mind> {
    mind.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pauses between attempts, as the browser app keeps them: random, from an
/// interval that doubles.
#[derive(Debug, Default)]
struct Backoff(u32);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(20);

    fn reset(&mut self) {
        self.0 = 0;
    }

    fn next(&mut self) -> Duration {
        let most = (Self::FIRST * 2_u32.pow(self.0.min(8))).min(Self::LONGEST);
        self.0 += 1;
        most.mul_f64(rand::rng().random_range(0.0..1.0))
    }
}
