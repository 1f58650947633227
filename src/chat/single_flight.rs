//! One call for all who ask the same in the same moment.
//!
//! Whoever asks gets an answer to a call that was not begun before the question,
//! so it is as fresh as one of its own would be. Those who ask while a call is
//! under way share the next one. A call has a task of its own, so that nobody
//! depends on another one who asks.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// Gets the answer of a call once it is there.
type Answer<T> = watch::Receiver<Option<T>>;

/// The calls of one kind.
pub(super) struct SingleFlight<T>(Mutex<Calls<T>>);

struct Calls<T> {
    /// May have been begun already: nobody joins it.
    running: Option<Answer<T>>,
    /// Begins when that one is over.
    next: Option<Answer<T>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::new(Calls {
            running: None,
            next: None,
        }))
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// The answer to `call`, or to that of another who asks the same. None if
    /// the call broke off.
    pub(super) async fn ask(&self, call: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut answer = self.join(call);
        let answer = answer.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    }

    fn join(&self, call: impl Future<Output = T> + Send + 'static) -> Answer<T> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_over(calls.running.as_ref()) {
            calls.running = calls.next.take();
        }
        if is_over(calls.running.as_ref()) {
            let answer = begin(None, call);
            calls.running = Some(answer.clone());
            calls.next = None;
            return answer;
        }
        if let Some(next) = &calls.next {
            return next.clone();
        }
        let answer = begin(calls.running.clone(), call);
        calls.next = Some(answer.clone());
        answer
    }
}

/// Whether there is nothing to wait for, also because the call broke off.
fn is_over<T>(call: Option<&Answer<T>>) -> bool {
    call.is_none_or(|answer| answer.borrow().is_some() || answer.has_changed().is_err())
}

/// Makes a call once the one before it is over.
fn begin<T: Send + Sync + 'static>(
    before: Option<Answer<T>>,
    call: impl Future<Output = T> + Send + 'static,
) -> Answer<T> {
    let (tell, answer) = watch::channel(None);
    tokio::spawn(async move {
        if let Some(mut before) = before {
            let _ = before.wait_for(Option::is_some).await;
        }
        tell.send_replace(Some(call.await));
    });
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use futures_util::future::join_all;
    use tokio::{sync::Semaphore, task::yield_now};

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

    async fn has_begun(begun: &AtomicU32, number: u32) {
        while begun.load(Ordering::Relaxed) < number {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_asks_meanwhile_shares_the_next_call() {
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let flight = SingleFlight::default();
        let first = flight.ask(call(&begun, &gate));
        tokio::pin!(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        has_begun(&begun, 1).await;
        let rest = join_all((0..5).map(|_| flight.ask(call(&begun, &gate))));
        tokio::pin!(rest);
        assert!(futures_util::poll!(&mut rest).is_pending());
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        gate.add_permits(2);
        assert_eq!(first.await, Some(1));
        assert_eq!(rest.await, [Some(2); 5]);
        gate.add_permits(1);
        assert_eq!(flight.ask(call(&begun, &gate)).await, Some(3));
    }

    #[tokio::test]
    async fn a_call_that_its_asker_gave_up_holds_nobody_up() {
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let flight = SingleFlight::default();
        let mut first = Box::pin(flight.ask(call(&begun, &gate)));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        gate.add_permits(2);
        assert_eq!(flight.ask(call(&begun, &gate)).await, Some(2));
    }

    #[tokio::test]
    async fn a_call_that_broke_off_is_told_and_forgotten() {
        let flight = SingleFlight::default();
        let broken = flight.ask(async { panic!("it is planned") });
        assert_eq!(broken.await, None::<u32>);
        assert_eq!(flight.ask(async { 2 }).await, Some(2));
    }
}
