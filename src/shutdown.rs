//! The one value that tells every part of the process when to end, and that
//! knows which tasks are still at it.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Where the process stands between start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Whoever comes is served.
    Accepting,
    /// Nobody new is taken; who is here is asked to move.
    Draining,
    /// Every task ends now.
    Stopped,
}

/// Passed down to whatever runs. It only moves forward: accepting, draining,
/// stopped. Clones are the same value.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A process that accepts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the process stands.
    pub fn phase(&self) -> Phase {
        if self.stopped.is_cancelled() {
            Phase::Stopped
        } else if self.draining.is_cancelled() {
            Phase::Draining
        } else {
            Phase::Accepting
        }
    }

    /// Takes nobody new from now on. Safe to repeat.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Ends every task. Safe to repeat.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopped.cancel();
    }

    /// Returns once draining has begun (or everything is to end).
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Returns once everything is to end.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Runs a task that the end of the process waits for. The task watches
    /// [`Shutdown::stopped`] itself.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Runs a task until it is done or everything is to end, whichever is
    /// first: for work that may be dropped at any await.
    pub fn spawn_until_stopped<F>(&self, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let stopped = self.stopped.clone();
        self.tasks
            .spawn(async move { stopped.run_until_cancelled(task).await })
    }

    /// Tells every task to end and waits for them, up to a limit. Returns how
    /// many were still running then.
    pub async fn finish(&self, limit: Duration) -> usize {
        self.stop();
        self.tasks.close();
        match tokio::time::timeout(limit, self.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => self.tasks.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_only_move_forward() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.phase(), Phase::Accepting);
        shutdown.drain();
        assert_eq!(shutdown.phase(), Phase::Draining);
        shutdown.draining().await;
        shutdown.stop();
        shutdown.drain();
        assert_eq!(shutdown.phase(), Phase::Stopped);
        shutdown.stopped().await;
    }

    #[tokio::test]
    async fn stopping_skips_draining() {
        let shutdown = Shutdown::new();
        shutdown.stop();
        shutdown.draining().await;
        assert_eq!(shutdown.phase(), Phase::Stopped);
    }

    #[tokio::test]
    async fn the_end_waits_for_tracked_tasks() {
        let shutdown = Shutdown::new();
        let inside = shutdown.clone();
        let task = shutdown.spawn(async move {
            inside.stopped().await;
            "flushed"
        });
        let dropped = shutdown.spawn_until_stopped(std::future::pending::<()>());
        assert_eq!(shutdown.finish(Duration::from_secs(60)).await, 0);
        assert_eq!(task.await.unwrap(), "flushed");
        assert_eq!(dropped.await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_counted_and_left() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending::<()>());
        assert_eq!(shutdown.finish(Duration::from_millis(10)).await, 1);
    }
}
