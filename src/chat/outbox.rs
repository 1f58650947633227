//! What goes to one client.
//!
//! A frame goes straight to the socket from whoever delivers it, as long as the
//! socket takes it; only what it does not take waits here. Room frames are
//! refused when the queue is full: the room then marks the connection as
//! behind, and it refills from the log as the queue drains. Replies and control
//! frames are always taken; they are bounded because a client whose queue is
//! half full is not read from.

use std::{
    collections::VecDeque,
    io::{ErrorKind, IoSlice, Result},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::protocol::{code::CloseReason, server_frame::Text};

/// How many frames one write carries at most.
const FRAMES_PER_WRITE: usize = 64;

/// Where frames go without waiting: the socket of a live connection.
pub trait Pipe: Send + Sync {
    /// Writes as much of these frames as is taken now.
    fn try_write(&self, frames: &[IoSlice<'_>]) -> Result<usize>;
}

/// What goes to one client, and what waits for it.
pub struct Outbox {
    queue: Mutex<Queue>,
    pipe: OnceLock<Arc<dyn Pipe>>,
    changed: Notify,
    /// Whether a byte went out since somebody asked last.
    moved: AtomicBool,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Text>,
    /// How much of the first frame is out already.
    written: usize,
    bytes: usize,
    behind: bool,
    is_gone: bool,
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

/// How an outbox is after it was flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Something waits until the socket takes it.
    pub is_blocked: bool,
    /// The socket is broken.
    pub is_gone: bool,
    /// Some room waits for space to refill.
    pub behind: bool,
    /// The connection is to end once nothing waits.
    pub close: Option<CloseReason>,
}

impl Outbox {
    /// An empty outbox that takes room frames up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            queue: Mutex::default(),
            pipe: OnceLock::new(),
            changed: Notify::new(),
            moved: AtomicBool::new(false),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: every change is one step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends everything through a socket from now on.
    pub fn attach(&self, pipe: Arc<dyn Pipe>) {
        // A connection has one socket in its life.
        let _ = self.pipe.set(pipe);
        self.changed.notify_one();
    }

    /// Takes a room frame unless the queue is full. A single frame is always
    /// taken by an empty queue, however large it is.
    pub fn offer(&self, frame: &Text) -> bool {
        self.offer_all(std::slice::from_ref(frame)) == 1
    }

    /// Takes room frames, in one write if the socket takes them. Returns how
    /// many, from the first; the queue is full for the others.
    pub fn offer_all(&self, frames: &[Text]) -> usize {
        let mut queue = self.lock();
        if queue.is_over() {
            return frames.len();
        }
        let direct = self.write_straight(&mut queue, frames);
        let mut taken = direct;
        for frame in &frames[direct..] {
            if queue.bytes > 0 && queue.bytes + frame.len() > self.limit {
                queue.behind = true;
                break;
            }
            queue.add(frame.clone());
            taken += 1;
        }
        let wants_attention = taken > direct || queue.behind || queue.is_gone;
        drop(queue);
        if wants_attention {
            self.changed.notify_one();
        }
        taken
    }

    /// Takes a frame that may be lost, if there is room for it. Returns whether
    /// there was.
    pub fn offer_hint(&self, frame: &Text) -> bool {
        let mut queue = self.lock();
        if queue.is_over() {
            return true;
        }
        let has_room = queue.bytes + frame.len() <= self.limit;
        if has_room {
            self.send(queue_of(&mut queue), frame.clone());
        }
        has_room
    }

    /// Takes a reply or a control frame.
    pub fn push(&self, frame: Text) {
        let mut queue = self.lock();
        if !queue.is_over() {
            self.send(queue_of(&mut queue), frame);
        }
    }

    fn send(&self, queue: &mut Queue, frame: Text) {
        if self.write_straight(queue, std::slice::from_ref(&frame)) == 0 {
            queue.add(frame);
            self.changed.notify_one();
        }
    }

    /// Writes frames to the socket if nothing waits before them. Returns how
    /// many are done with; of the next one a part may be out, and is queued.
    fn write_straight(&self, queue: &mut Queue, frames: &[Text]) -> usize {
        let Some(pipe) = self.pipe.get() else {
            return 0;
        };
        if !queue.frames.is_empty() {
            return 0;
        }
        let mut done = 0;
        for frames in frames.chunks(FRAMES_PER_WRITE) {
            let mut out = match write(&**pipe, frames.iter(), 0) {
                Ok(out) => out,
                Err(error) => {
                    queue.is_gone = error.kind() != ErrorKind::WouldBlock;
                    return done;
                }
            };
            self.moved.store(true, Ordering::Relaxed);
            for frame in frames {
                if out < frame.len() {
                    if out > 0 {
                        queue.add(frame.clone());
                        queue.written = out;
                        self.changed.notify_one();
                        done += 1;
                    }
                    return done;
                }
                out -= frame.len();
                done += 1;
            }
        }
        done
    }

    /// Writes what waits, as far as the socket takes it.
    pub fn flush(&self) -> Flushed {
        let mut queue = self.lock();
        if let Some(pipe) = self.pipe.get() {
            while !queue.frames.is_empty() && !queue.is_gone {
                let written = queue.written;
                let frames = queue.frames.iter().take(FRAMES_PER_WRITE);
                match write(&**pipe, frames, written) {
                    Ok(0) => queue.is_gone = true,
                    Ok(out) => {
                        self.moved.store(true, Ordering::Relaxed);
                        queue.forget(out);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => queue.is_gone = true,
                }
            }
        }
        let is_blocked = !queue.frames.is_empty();
        Flushed {
            is_blocked,
            is_gone: queue.is_gone,
            // With half of the queue free there is something to refill.
            behind: queue.bytes <= self.limit / 2 && std::mem::take(&mut queue.behind),
            close: queue.close,
        }
    }

    /// Remembers that some room waits for space.
    pub fn mark_behind(&self) {
        self.lock().behind = true;
        self.changed.notify_one();
    }

    /// Ends the connection after what is queued. The first reason stays.
    pub fn close(&self, reason: CloseReason) {
        self.lock().close.get_or_insert(reason);
        self.changed.notify_one();
    }

    /// Whether the connection was told to end.
    pub fn is_closed(&self) -> bool {
        self.lock().is_over()
    }

    /// Whether the client should read before it may say more.
    pub fn is_half_full(&self) -> bool {
        self.lock().bytes > self.limit / 2
    }

    /// Whether frames wait that the socket does not take.
    pub fn is_blocked(&self) -> bool {
        !self.lock().frames.is_empty()
    }

    /// Whether a byte went out since this was asked last.
    pub fn has_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
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

impl Queue {
    /// Whether nothing more goes out: what is said now is said to nobody.
    fn is_over(&self) -> bool {
        self.close.is_some() || self.is_gone
    }

    fn add(&mut self, frame: Text) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Drops what is out: `out` bytes after those written before.
    fn forget(&mut self, out: usize) {
        let mut written = self.written + out;
        while let Some(first) = self.frames.front() {
            if written < first.len() {
                break;
            }
            written -= first.len();
            self.bytes -= first.len();
            self.frames.pop_front();
        }
        self.written = written;
        if self.frames.is_empty() {
            // A client that reads again needs no memory for what it missed.
            self.frames = VecDeque::new();
        }
    }
}

/// Names the queue inside its guard, so that its parts can be borrowed apart.
fn queue_of<'a>(guard: &'a mut MutexGuard<'_, Queue>) -> &'a mut Queue {
    guard
}

/// One write of frames, without the first `written` bytes.
fn write<'a>(
    pipe: &dyn Pipe,
    frames: impl Iterator<Item = &'a Text>,
    written: usize,
) -> Result<usize> {
    let mut slices = [IoSlice::new(&[]); FRAMES_PER_WRITE];
    let mut count = 0;
    for (slice, frame) in slices.iter_mut().zip(frames) {
        let from = if count == 0 { written } else { 0 };
        *slice = IoSlice::new(&frame.framed()[from..]);
        count += 1;
    }
    pipe.try_write(&slices[..count])
}

#[cfg(test)]
mod tests;
