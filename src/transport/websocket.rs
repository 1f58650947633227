//! WebSocket: one task and one loop per socket.
//!
//! The loop waits for four things: frames in the outbox, a message of the
//! client, the end of the work that the last message asked for, and the next
//! moment of the pulse. While work is under way no further message is read, so
//! that frames are handled in order; the outbox is written all the while.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::body::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    Error, Message, Utf8Bytes,
    error::CapacityError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    app::SessionWatch,
    chat::{
        connection::Connection,
        outbox::{Batch, Outbox},
    },
    protocol::{
        code::CloseReason,
        server_frame::{ServerFrame, Text},
    },
    telemetry,
};

use super::upgrade::Socket;

/// How long a closed socket may take to notice.
const LINGER: Duration = Duration::from_secs(2);
/// How much a closed socket may still say before it is cut.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How often a live session is looked up and touched.
const SESSION_CHECK: Duration = Duration::from_secs(60);
/// How long a refill waits for a broker that is away.
const REFILL_RETRY: Duration = Duration::from_secs(1);

/// The times a socket keeps.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// Own silence after which a ping is sent.
    pub heartbeat: Duration,
    /// Silence of the client after which it is let go.
    pub silence: Duration,
    /// How long one write may take.
    pub stuck: Duration,
}

/// What a client speaks beside our frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Nothing.
    Plain,
    /// Bare JSON strings, of which `"primus::ping::N"` wants an answer.
    Primus,
}

impl Dialect {
    /// Whether a text is of the dialect; if so, what answers it goes into the
    /// outbox.
    fn take(self, text: &str, outbox: &Outbox) -> bool {
        if self == Self::Plain || !text.starts_with('"') {
            return false;
        }
        let inside = text.strip_prefix("\"primus::ping::").unwrap_or_default();
        if let Some(count) = inside.strip_suffix('"')
            && count.len() <= 20
            && count.bytes().all(|b| b.is_ascii_digit())
        {
            outbox.push(Text::from(format!("\"primus::pong::{count}\"")));
        }
        true
    }
}

/// Looks after one socket until it ends.
pub struct WebSocket {
    socket: Socket,
    connection: Arc<Connection>,
    session: Option<SessionWatch>,
    pulse: Pulse,
    dialect: Dialect,
    heard: Instant,
    said: Instant,
    session_checked: Instant,
    refill_at: Option<Instant>,
}

/// Why a socket is over.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The client is gone.
    Gone,
    /// We close it.
    Close(CloseReason),
}

/// What a write that took too long means.
const STUCK: End = End::Close(CloseReason::StuckReader);

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What the work that was under way has left to do.
enum Done {
    Frame,
    Refill { behind: bool },
    SessionChecked { valid: bool },
}

impl WebSocket {
    /// A socket whose connection is open. `session` is looked up again once a
    /// minute; a socket that was opened by a token has none.
    pub fn new(
        socket: Socket,
        connection: Arc<Connection>,
        session: Option<SessionWatch>,
        pulse: Pulse,
        dialect: Dialect,
    ) -> Self {
        let now = Instant::now();
        Self {
            socket,
            connection,
            session,
            pulse,
            dialect,
            heard: now,
            said: now,
            session_checked: now,
            refill_at: None,
        }
    }

    /// Serves the socket until either side ends it, then ends the connection.
    pub async fn run(mut self) {
        let Err(end) = self.exchange().await;
        self.connection.end().await;
        if let End::Close(reason) = end {
            self.close(reason).await;
        }
    }

    /// Goes on until the socket is over.
    async fn exchange(&mut self) -> Result<Infallible, End> {
        let outbox = Arc::clone(&self.connection.outbox);
        let mut work: Option<Work> = None;
        loop {
            let batch = outbox.take();
            self.write(&batch.frames).await?;
            if let Some(reason) = batch.close {
                return Err(End::Close(reason));
            }
            self.check_pulse().await?;
            self.choose_work(&batch, &mut work);
            let reading = work.is_none() && !outbox.is_half_full();
            let next = self.next_moment();
            tokio::select! {
                () = outbox.changed() => {}
                done = poll_work(&mut work) => self.on_done(&done),
                message = self.socket.next(), if reading => {
                    if let Some(text) = self.on_message(message)? {
                        work = Some(frame_work(&self.connection, text));
                    }
                }
                () = sleep_until(next) => {}
            }
        }
    }

    fn choose_work(&mut self, batch: &Batch, work: &mut Option<Work>) {
        let now = Instant::now();
        if batch.behind && self.refill_at.is_none() {
            self.refill_at = Some(now);
        }
        if work.is_some() {
            return;
        }
        let connection = Arc::clone(&self.connection);
        if self.refill_at.is_some_and(|at| at <= now) {
            self.refill_at = None;
            *work = Some(Box::pin(async move {
                let behind = connection.refill().await;
                Done::Refill { behind }
            }));
        } else if let Some(session) = &self.session
            && self.session_checked + SESSION_CHECK <= now
        {
            self.session_checked = now;
            let session = session.clone();
            *work = Some(Box::pin(async move {
                // A store that does not answer ends nobody's conversation.
                let valid = session.check().await.unwrap_or(true);
                Done::SessionChecked { valid }
            }));
        }
    }

    fn on_done(&mut self, done: &Done) {
        match done {
            Done::Frame | Done::Refill { behind: false } | Done::SessionChecked { valid: true } => {
            }
            Done::SessionChecked { valid: false } => {
                self.connection.outbox.close(CloseReason::SessionOver);
            }
            Done::Refill { behind: true } => {
                // With frames on their way the next batch comes soon; with none
                // it was the broker that did not answer.
                let now = Instant::now();
                let idle = self.connection.outbox.is_idle();
                self.refill_at = Some(if idle { now + REFILL_RETRY } else { now });
            }
        }
    }

    /// A message of the client: text to work on, nothing to do, or the end.
    fn on_message(
        &mut self,
        message: Option<Result<Message, Error>>,
    ) -> Result<Option<Utf8Bytes>, End> {
        self.heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => {
                let taken = self.dialect.take(&text, &self.connection.outbox);
                Ok((!taken).then_some(text))
            }
            Some(Ok(Message::Binary(_))) => {
                self.connection.refuse_binary();
                Ok(None)
            }
            Some(Ok(_)) => Ok(None),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                Err(End::Close(CloseReason::TooBig))
            }
            Some(Err(Error::Protocol(_) | Error::Utf8(_))) => {
                Err(End::Close(CloseReason::Protocol))
            }
            Some(Err(_)) | None => Err(End::Gone),
        }
    }

    async fn check_pulse(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let expires = self.connection.expires();
        if expires.is_some_and(|expires| expires <= unix_now()) {
            return Err(End::Close(CloseReason::SessionOver));
        }
        if now >= self.heard + self.pulse.silence {
            return Err(End::Close(CloseReason::Heartbeat));
        }
        if now >= self.said + self.pulse.heartbeat {
            // Browsers answer the one by themselves, scripts see the other.
            self.feed(Message::Ping(Bytes::new())).await?;
            self.write(&[ServerFrame::Ping.text()]).await?;
        }
        Ok(())
    }

    /// When the pulse is to be looked at again.
    fn next_moment(&self) -> Instant {
        let mut next = (self.said + self.pulse.heartbeat).min(self.heard + self.pulse.silence);
        if self.session.is_some() {
            next = next.min(self.session_checked + SESSION_CHECK);
        }
        if let Some(at) = self.refill_at {
            next = next.min(at);
        }
        if let Some(expires) = self.connection.expires() {
            let left = Duration::from_secs(expires.saturating_sub(unix_now()));
            next = next.min(Instant::now() + left);
        }
        next
    }

    /// Writes frames and flushes.
    async fn write(&mut self, frames: &[Text]) -> Result<(), End> {
        if frames.is_empty() {
            return Ok(());
        }
        for frame in frames {
            let Ok(text) = Utf8Bytes::try_from(frame.bytes()) else {
                continue;
            };
            self.feed(Message::Text(text)).await?;
        }
        telemetry::frames_out(frames.len());
        self.flush().await?;
        self.said = Instant::now();
        Ok(())
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        let stuck = self.pulse.stuck;
        let written = timeout(stuck, self.socket.feed(message)).await;
        written.map_err(|_| STUCK)?.map_err(|_| End::Gone)
    }

    async fn flush(&mut self) -> Result<(), End> {
        let stuck = self.pulse.stuck;
        let written = timeout(stuck, self.socket.flush()).await;
        written.map_err(|_| STUCK)?.map_err(|_| End::Gone)
    }

    /// Tells the client why and waits a little until it noticed. Closing at
    /// once, with bytes of the client unread, would reset the connection and
    /// take the close code with it.
    async fn close(mut self, reason: CloseReason) {
        let frame = CloseFrame {
            code: CloseCode::from(reason.code()),
            reason: reason.reason().into(),
        };
        let farewell = async {
            self.socket.send(Message::Close(Some(frame))).await.ok()?;
            let stream = self.socket.get_mut();
            stream.shutdown().await.ok()?;
            let mut rest = vec![0; 4096];
            let mut total = 0;
            while total < LINGER_BYTES {
                match stream.read(&mut rest).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => total += count,
                }
            }
            Some(())
        };
        let _ = timeout(LINGER, farewell).await;
    }
}

fn frame_work(connection: &Arc<Connection>, text: Utf8Bytes) -> Work {
    let connection = Arc::clone(connection);
    telemetry::frame_in();
    Box::pin(async move {
        connection.on_text(&text).await;
        Done::Frame
    })
}

/// Finishes the work under way; waits for ever if there is none.
async fn poll_work(work: &mut Option<Work>) -> Done {
    match work {
        Some(future) => {
            let done = future.await;
            *work = None;
            done
        }
        None => std::future::pending().await,
    }
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
