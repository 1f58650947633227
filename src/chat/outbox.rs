//! The bounded queue of one connection.
//!
//! Room frames are refused when the queue is full: the room then marks the
//! connection as behind, and it refills from the log as the queue drains.
//! Replies and control frames are always taken; they are bounded because a
//! client whose queue is half full is not read from.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::protocol::{code::CloseReason, server_frame::Text};

/// The frames that wait for one client.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Text>,
    bytes: usize,
    behind: bool,
    close: Option<CloseReason>,
}

/// What a transport takes out of an outbox in one go.
#[derive(Debug)]
pub struct Batch {
    /// The frames, oldest first.
    pub frames: Vec<Text>,
    /// Whether some room waits for space to refill.
    pub behind: bool,
    /// Set when the connection is to end once the frames are out.
    pub close: Option<CloseReason>,
}

impl Outbox {
    /// An empty outbox that takes room frames up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            queue: Mutex::default(),
            changed: Notify::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: every change is one step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a room frame unless the queue is full. A single frame is always
    /// taken by an empty queue, however large it is.
    pub fn offer(&self, frame: &Text) -> bool {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return true;
        }
        if queue.bytes > 0 && queue.bytes + frame.len() > self.limit {
            queue.behind = true;
            return false;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame.clone());
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// Takes a frame that may be lost, if there is room for it.
    pub fn offer_hint(&self, frame: &Text) {
        let mut queue = self.lock();
        if queue.close.is_none() && queue.bytes + frame.len() <= self.limit {
            queue.bytes += frame.len();
            queue.frames.push_back(frame.clone());
            drop(queue);
            self.changed.notify_one();
        }
    }

    /// Takes a reply or a control frame.
    pub fn push(&self, frame: Text) {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        drop(queue);
        self.changed.notify_one();
    }

    /// Remembers that some room waits for space.
    pub fn mark_behind(&self) {
        self.lock().behind = true;
        self.changed.notify_one();
    }

    /// Ends the connection after what is queued. The first reason stays.
    pub fn close(&self, reason: CloseReason) {
        let mut queue = self.lock();
        queue.close.get_or_insert(reason);
        drop(queue);
        self.changed.notify_one();
    }

    /// Whether the connection was told to end.
    pub fn is_closed(&self) -> bool {
        self.lock().close.is_some()
    }

    /// Whether the client should read before it may say more.
    pub fn is_half_full(&self) -> bool {
        self.lock().bytes > self.limit / 2
    }

    /// Takes everything that waits.
    pub fn take(&self) -> Batch {
        let mut queue = self.lock();
        queue.bytes = 0;
        Batch {
            frames: queue.frames.drain(..).collect(),
            behind: std::mem::take(&mut queue.behind),
            close: queue.close,
        }
    }

    /// Waits until something changed since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether nothing waits and nothing is to be done.
    pub fn is_idle(&self) -> bool {
        let queue = self.lock();
        queue.frames.is_empty() && queue.close.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Text {
        Text::from("x".repeat(bytes))
    }

    #[test]
    fn a_full_outbox_refuses_room_frames_and_takes_replies() {
        let outbox = Outbox::new(100);
        assert!(outbox.offer(&frame(60)));
        assert!(!outbox.offer(&frame(60)));
        outbox.push(frame(60));
        let batch = outbox.take();
        assert_eq!(batch.frames.len(), 2);
        assert!(batch.behind);
        assert!(outbox.offer(&frame(60)));
    }

    #[test]
    fn one_frame_larger_than_the_limit_still_gets_through() {
        let outbox = Outbox::new(10);
        assert!(outbox.offer(&frame(60)));
        assert!(!outbox.offer(&frame(1)));
    }

    #[test]
    fn after_the_end_nothing_more_is_queued_and_the_first_reason_stays() {
        let outbox = Outbox::new(100);
        outbox.close(CloseReason::SessionOver);
        outbox.close(CloseReason::Heartbeat);
        outbox.push(frame(1));
        let batch = outbox.take();
        assert!(batch.frames.is_empty());
        assert_eq!(batch.close, Some(CloseReason::SessionOver));
    }
}
