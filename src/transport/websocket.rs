//! WebSocket: one task and one loop per socket.
//!
//! Frames to the client mostly go out without this task: whoever delivers them
//! writes to the socket (see `chat/outbox.rs`). The loop waits for what is left:
//! bytes of the client, the end of the work that its messages asked for, room in
//! a socket that was full, and news in the outbox. Frames are handled in order:
//! while work is under way no further message is taken, except that sends which
//! follow each other are under way together, begun in their order.

use std::{
    convert::Infallible,
    future::Future,
    io::{ErrorKind, IoSlice},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    chat::{
        connection::{Asked, Connection},
        outbox::{Flushed, Pipe},
    },
    protocol::{code::CloseReason, server_frame::Text},
    telemetry,
};

use super::{
    codec::{self, Decoder, Fault, Message},
    dialect::Dialect,
    works::{Done, Works},
};

/// How long a closed socket may take to notice.
const LINGER: Duration = Duration::from_secs(2);
/// How much a closed socket may still say before it is cut.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How long a refill waits for a broker that is away.
const REFILL_RETRY: Duration = Duration::from_secs(1);
/// How long the work that was under way at the end may take: longer than the
/// broker lets anything take, waiting included.
const LAST_WORK: Duration = Duration::from_secs(20);
/// How many bytes are read at a time. They lie on the stack: a socket that is
/// silent has no buffer.
const READ_BYTES: usize = 4096;
/// How much the kernel takes of us beyond what it may send. Without a bound it
/// takes megabytes for a client that once read fast, and then nothing until a
/// third of them is out: a client that now reads slowly would look as if it
/// took nothing at all.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Looks after one socket until it ends.
pub struct WebSocket {
    wire: Arc<Wire>,
    connection: Arc<Connection>,
    decoder: Decoder,
    dialect: &'static dyn Dialect,
    refill_at: Option<Instant>,
    /// What the client's last messages, or a refill, have under way.
    work: Works,
    /// The message that is next when nothing is under way.
    held: Option<Box<Asked>>,
}

/// Why a socket is over.
#[derive(Debug)]
enum End {
    /// The client is gone.
    Gone,
    /// The client said goodbye, with this code.
    Goodbye(Option<u16>),
    /// The client broke the protocol.
    Fault(Fault),
    /// We close it.
    Close(CloseReason),
}

impl End {
    /// Whether the client would fare no better if it came back.
    const fn is_final(&self) -> bool {
        match self {
            Self::Fault(fault) => !matches!(fault, Fault::TooBig),
            Self::Close(reason) => reason.is_final(),
            Self::Gone | Self::Goodbye(_) => false,
        }
    }
}

/// The socket, as the outbox sees it.
struct Wire(TcpStream);

impl Pipe for Wire {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> std::io::Result<usize> {
        match frames {
            // Most writes are of one frame, and a plain write costs less.
            [frame] => self.0.try_write(frame),
            frames => self.0.try_write_vectored(frames),
        }
    }
}

impl WebSocket {
    /// A socket whose connection is open. `read` is what the client sent behind
    /// its handshake.
    pub fn new(
        stream: TcpStream,
        read: &[u8],
        connection: Arc<Connection>,
        max_message: usize,
        dialect: &'static dyn Dialect,
    ) -> Self {
        // A socket without it works, only in larger steps.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        let wire = Arc::new(Wire(stream));
        let mut decoder = Decoder::new(max_message);
        if !read.is_empty() {
            decoder.feed(read);
        }
        let pipe: Arc<dyn Pipe> = Arc::<Wire>::clone(&wire);
        connection.outbox.attach(pipe);
        Self {
            wire,
            connection,
            decoder,
            dialect,
            refill_at: None,
            work: Works::default(),
            held: None,
        }
    }

    /// Serves the socket until either side ends it, then ends the connection.
    /// In a box, and the end in another one: a socket that is open and silent
    /// pays for neither twice.
    pub fn run(self) -> impl Future<Output = ()> + Send {
        let mut boxed = Box::new(self);
        async move {
            let Err(end) = boxed.exchange().await;
            Box::pin(boxed.end(end)).await;
        }
    }

    async fn end(mut self: Box<Self>, end: End) {
        // What was begun is finished: who says something and goes still hears
        // that it was stored, and a join that is cut in the middle would leave
        // somebody in a room who is not there.
        let _ = timeout(LAST_WORK, self.work.all_done()).await;
        // From here on nobody else writes to the socket.
        self.connection.outbox.close(CloseReason::Done);
        self.connection.end().await;
        let close = match end {
            End::Gone => return,
            End::Goodbye(code) => codec::closing(code, ""),
            End::Fault(Fault::TooBig) => closing(CloseReason::TooBig),
            End::Fault(fault) => codec::closing(Some(fault.code()), &fault.to_string()),
            End::Close(reason) => closing(reason),
        };
        let last_words = self.dialect.farewell().filter(|_| end.is_final());
        let farewell = match last_words {
            Some(text) => [text.framed(), &close].concat(),
            None => close,
        };
        let _ = timeout(LINGER, leave(&self.wire.0, &farewell)).await;
    }

    /// Goes on until the socket is over.
    async fn exchange(&mut self) -> Result<Infallible, End> {
        let outbox = Arc::clone(&self.connection.outbox);
        loop {
            let state = outbox.flush();
            check(&state)?;
            self.choose_work(&state);
            if self.work.is_empty()
                && let Some(asked) = self.held.take()
            {
                self.begin(*asked);
            }
            // A refill that is due waits for what is under way, and for no more.
            let may_take = self.refill_at.is_none_or(|at| at > Instant::now())
                && self.held.is_none()
                && self.work.takes_more()
                && !outbox.is_half_full();
            if may_take && let Some(message) = self.decoder.next_message().map_err(End::Fault)? {
                self.on_message(message)?;
                continue;
            }
            tokio::select! {
                () = outbox.changed() => {}
                done = self.work.next_done() => self.on_done(&done),
                ready = self.wire.0.readable(), if may_take => {
                    ready.map_err(|_| End::Gone)?;
                    self.read()?;
                }
                ready = self.wire.0.writable(), if state.is_blocked => {
                    ready.map_err(|_| End::Gone)?;
                }
                () = sleep_until_some(self.refill_at), if self.work.is_empty() => {}
            }
        }
    }

    /// Reads what is there.
    fn read(&mut self) -> Result<(), End> {
        let mut bytes = [0; READ_BYTES];
        match self.wire.0.try_read(&mut bytes) {
            Ok(0) => Err(End::Gone),
            Ok(count) => {
                self.connection.note_heard();
                self.decoder.feed(&bytes[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(End::Gone),
        }
    }

    fn choose_work(&mut self, state: &Flushed) {
        let now = Instant::now();
        if state.behind && self.refill_at.is_none() {
            self.refill_at = Some(now);
        }
        if self.work.is_empty() && self.refill_at.is_some_and(|at| at <= now) {
            self.refill_at = None;
            let connection = Arc::clone(&self.connection);
            self.work.begin(
                false,
                Box::pin(async move {
                    let behind = connection.refill().await;
                    Done::Refill { behind }
                }),
            );
        }
    }

    fn on_done(&mut self, done: &Done) {
        let Done::Refill { behind: true } = done else {
            return;
        };
        if self.connection.outbox.is_half_full() {
            // Goes on when the socket has taken some of it.
            self.connection.outbox.mark_behind();
        } else {
            // There was room: it was the broker that did not answer.
            self.refill_at = Some(Instant::now() + REFILL_RETRY);
        }
    }

    /// Takes a message of the client.
    fn on_message(&mut self, message: Message) -> Result<(), End> {
        if self.dialect.take(&message, &self.connection.outbox) {
            return Ok(());
        }
        match message {
            Message::Text(text) => {
                telemetry::frame_in();
                if let Some(asked) = self.connection.read(&text) {
                    let is_send = asked.1.is_plain_send();
                    if self.work.is_empty() || (is_send && self.work.is_all_sends) {
                        self.begin(asked);
                    } else {
                        self.held = Some(Box::new(asked));
                    }
                }
                Ok(())
            }
            Message::Binary(_) => {
                self.connection.refuse_binary();
                Ok(())
            }
            Message::Ping(payload) => {
                if !self.connection.may_ping() {
                    return Err(End::Close(CloseReason::Rate));
                }
                self.connection
                    .outbox
                    .push(Text::raw(codec::pong(&payload)));
                Ok(())
            }
            Message::Pong => Ok(()),
            Message::Close(code) => Err(End::Goodbye(code)),
        }
    }
}

impl WebSocket {
    fn begin(&mut self, (id, frame): Asked) {
        let connection = Arc::clone(&self.connection);
        let is_send = frame.is_plain_send();
        self.work.begin(
            is_send,
            Box::pin(async move {
                connection.run(id, frame).await;
                Done::Frame
            }),
        );
    }
}

/// Ends the socket if the outbox says so.
fn check(state: &Flushed) -> Result<(), End> {
    if state.is_gone {
        return Err(End::Gone);
    }
    match state.close {
        // Frames that the client should see first get a chance, unless it
        // takes nothing at all.
        Some(reason) if !state.is_blocked || reason == CloseReason::StuckReader => {
            Err(End::Close(reason))
        }
        _ => Ok(()),
    }
}

fn closing(reason: CloseReason) -> Vec<u8> {
    codec::closing(Some(reason.code()), &reason.reason())
}

/// Says goodbye and waits a little until the client noticed. Closing at once,
/// with bytes of the client unread, would reset the connection and take the
/// close code with it.
async fn leave(stream: &TcpStream, farewell: &[u8]) -> std::io::Result<()> {
    let mut rest = farewell;
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    rustix::net::shutdown(stream, rustix::net::Shutdown::Write)?;
    let mut total = 0;
    while total < LINGER_BYTES {
        stream.readable().await?;
        let mut bytes = [0; READ_BYTES];
        match stream.try_read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        // Boxed: it is rare, and a timer is large.
        Some(moment) => Box::pin(sleep_until(moment)).await,
        None => std::future::pending().await,
    }
}
