//! What one client has under way: one frame of it, or several sends that follow
//! each other.

use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

/// How many sends of one client may be under way together.
const SENDS: usize = 16;

/// Something a client asked for, or a refill.
pub(super) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What is left to do when some work is done.
pub(super) enum Done {
    /// Nothing: a frame was answered.
    Frame,
    /// To go on later, if some room is still behind.
    Refill {
        /// Whether one is.
        behind: bool,
    },
}

/// The work under way, in the order in which it was begun. Takes no memory while
/// there is none.
#[derive(Default)]
pub(super) struct Works {
    list: Vec<Work>,
    /// Whether more sends may be begun beside what is under way.
    pub(super) is_all_sends: bool,
}

impl Works {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is a chance that one more can be begun.
    pub(super) fn takes_more(&self) -> bool {
        self.list.is_empty() || (self.is_all_sends && self.list.len() < SENDS)
    }

    /// Begins some work. It is first polled after what was begun before it, so
    /// that sends keep their order.
    pub(super) fn begin(&mut self, is_send: bool, work: Work) {
        self.is_all_sends = is_send;
        self.list.push(work);
    }

    /// Waits until something is done; for ever if there is nothing.
    pub(super) async fn next_done(&mut self) -> Done {
        if self.list.is_empty() {
            pending::<()>().await;
        }
        poll_fn(|context| self.poll(context)).await
    }

    /// Waits until everything is done.
    pub(super) async fn all_done(&mut self) {
        while !self.list.is_empty() {
            let _ = self.next_done().await;
        }
    }

    /// Polls everything in its order. Only a refill has something left to do,
    /// and that is alone.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Done> {
        let mut last = None;
        self.list.retain_mut(|work| {
            let Poll::Ready(done) = work.as_mut().poll(context) else {
                return true;
            };
            last = Some(done);
            false
        });
        if self.list.is_empty() {
            self.list = Vec::new();
        }
        last.map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn sends_begin_in_their_order_and_end_in_any() {
        let begun = Arc::new(Mutex::new(Vec::new()));
        let mut works = Works::default();
        let mut ends = Vec::new();
        for n in 0..3 {
            let (end, ended) = oneshot::channel::<()>();
            let begun = Arc::clone(&begun);
            works.begin(
                true,
                Box::pin(async move {
                    begun.lock().unwrap().push(n);
                    let _ = ended.await;
                    Done::Frame
                }),
            );
            ends.push(end);
        }
        ends.remove(1).send(()).unwrap();
        let _ = works.next_done().await;
        assert_eq!(*begun.lock().unwrap(), [0, 1, 2]);
        assert!(works.takes_more() && !works.is_empty());
        drop(ends);
        works.all_done().await;
        assert!(works.is_empty());
    }

    #[tokio::test]
    async fn a_frame_of_another_kind_is_alone() {
        let mut works = Works::default();
        works.begin(false, Box::pin(pending()));
        assert!(!works.takes_more());
    }

    #[tokio::test]
    async fn there_is_a_limit_to_what_is_under_way() {
        let mut works = Works::default();
        for _ in 0..SENDS {
            assert!(works.takes_more());
            works.begin(true, Box::pin(pending()));
        }
        assert!(!works.takes_more());
    }
}
