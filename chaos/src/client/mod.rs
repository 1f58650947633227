//! Simulated people: they talk over a WebSocket or by polling, keep what the
//! browser app keeps, and note down all they see.

mod entries;
pub(crate) mod mind;
pub(crate) mod person;
mod poll;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use hubbub::client::Orders;
use hubbub::{bench::check::Via, client::socket};
use tokio::{sync::watch, task::JoinHandle};

use self::{mind::Mind, person::Person};

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
            Via::WebSocket => {
                let running = socket::run(person.clone(), Arc::clone(&mind), orders.clone());
                vec![tokio::spawn(async move {
                    // It always comes back.
                    running.await;
                })]
            }
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
