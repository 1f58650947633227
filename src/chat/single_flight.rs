//! One call for all who ask the same in the same moment.
//!
//! Whoever asks gets an answer to a call that began after the question, so it
//! is as fresh as one of its own would be. Those who ask while a call is under
//! way share the next one.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

type Call<T> = Shared<BoxFuture<'static, T>>;

/// The calls of one kind.
pub(super) struct SingleFlight<T: Clone>(Mutex<Calls<T>>);

struct Calls<T: Clone> {
    /// May have been begun already: nobody joins it.
    running: Option<Call<T>>,
    /// Begins when that one is over.
    next: Option<Call<T>>,
}

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::new(Calls {
            running: None,
            next: None,
        }))
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// The answer to `call`, or to that of another who asks the same.
    pub(super) async fn ask(&self, call: impl Future<Output = T> + Send + 'static) -> T {
        let shared = self.join(call);
        // Whoever waits also works: if all others give up, the call goes on.
        shared.await
    }

    fn join(&self, call: impl Future<Output = T> + Send + 'static) -> Call<T> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over =
            |call: &Option<Call<T>>| call.as_ref().is_none_or(|call| call.peek().is_some());
        if is_over(&calls.running) {
            calls.running = calls.next.take();
        }
        if is_over(&calls.running) {
            let shared = call.boxed().shared();
            calls.running = Some(shared.clone());
            calls.next = None;
            return shared;
        }
        if let Some(next) = &calls.next {
            return next.clone();
        }
        let before = calls.running.clone();
        let in_turn = async move {
            if let Some(before) = before {
                before.await;
            }
            call.await
        };
        let shared = in_turn.boxed().shared();
        calls.next = Some(shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::Semaphore;

    use super::*;

    /// A call that is counted when it begins, and ends when it may.
    fn call(
        begun: &Arc<AtomicU32>,
        gate: &Arc<Semaphore>,
    ) -> impl Future<Output = u32> + Send + 'static {
        let (begun, gate) = (Arc::clone(begun), Arc::clone(gate));
        async move {
            let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
            gate.acquire().await.unwrap().forget();
            number
        }
    }

    #[tokio::test]
    async fn who_asks_meanwhile_shares_the_next_call() {
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let flight = SingleFlight::default();
        let first = flight.ask(call(&begun, &gate));
        tokio::pin!(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        let rest = futures_util::future::join_all((0..5).map(|_| flight.ask(call(&begun, &gate))));
        tokio::pin!(rest);
        assert!(futures_util::poll!(&mut rest).is_pending());
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        gate.add_permits(2);
        assert_eq!(first.await, 1);
        assert_eq!(rest.await, [2; 5]);
        gate.add_permits(1);
        assert_eq!(flight.ask(call(&begun, &gate)).await, 3);
    }

    #[tokio::test]
    async fn a_call_that_its_asker_gave_up_holds_nobody_up() {
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let flight = SingleFlight::default();
        let mut first = Box::pin(flight.ask(call(&begun, &gate)));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        gate.add_permits(2);
        assert_eq!(flight.ask(call(&begun, &gate)).await, 2);
    }
}
