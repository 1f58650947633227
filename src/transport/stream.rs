//! The TCP stream under HTTP. It can be taken out of a conversation and given
//! to the next one without losing a byte: what was read too far goes in front,
//! and it knows whether all that was to be written is out.

use std::{
    io::{Error, ErrorKind, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// A client's TCP stream.
pub struct Stream {
    io: TokioIo<TcpStream>,
    /// What somebody read and did not use.
    ahead: Bytes,
    flushed: Flushed,
}

/// Whether a stream has taken all that was to be written so far.
#[derive(Clone, Debug)]
pub struct Flushed(Arc<AtomicBool>);

impl Flushed {
    /// Whether it has.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, flushed: bool) {
        self.0.store(flushed, Ordering::Relaxed);
    }
}

impl Stream {
    /// A stream on which nothing was said yet.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            io: TokioIo::new(stream),
            ahead: Bytes::new(),
            flushed: Flushed(Arc::new(AtomicBool::new(true))),
        }
    }

    /// Tells whether all is out, also while the stream is somebody else's.
    pub fn flushed(&self) -> Flushed {
        self.flushed.clone()
    }

    /// Gives back what was read and not used; it is read again first.
    #[must_use]
    pub fn with_ahead(mut self, read: &[u8]) -> Self {
        // A copy: the buffer it was read into is a large one.
        self.ahead = [read, &self.ahead].concat().into();
        self
    }

    /// The plain stream, and what was read of it and not used.
    pub fn into_parts(self) -> (TcpStream, Bytes) {
        (self.io.into_inner(), self.ahead)
    }

    /// Writes some of it, and returns how much.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.io.inner_mut().write(bytes).await
    }

    /// Returns once the client hung up. Does not if it says something more,
    /// which is left for later.
    pub async fn gone(&self) {
        if !self.ahead.is_empty() {
            // It has said something more, and may well be done with that.
            return std::future::pending().await;
        }
        let stream = self.io.inner();
        loop {
            let peeked = stream.peek(&mut [0]).await;
            match peeked {
                Ok(1..) => return std::future::pending().await,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, into);
        }
        let count = this.ahead.len().min(into.remaining());
        into.put_slice(&this.ahead.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let this = self.get_mut();
        this.flushed.set(false);
        Pin::new(&mut this.io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        // Whoever writes flushes once its own buffers are empty.
        ready!(Pin::new(&mut this.io).poll_flush(cx))?;
        this.flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        let this = self.get_mut();
        this.flushed.set(false);
        Pin::new(&mut this.io).poll_write_vectored(cx, slices)
    }
}
