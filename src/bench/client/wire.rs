//! One TCP connection of a client: what has not been read or written yet.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::stats::Nanos;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The WebSocket in this of a client's two places.
    Socket(usize),
    /// Polls.
    Poll,
    /// Frames of a polling client.
    Post,
    /// Signing in.
    SignIn,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not connected yet, or waiting for the answer to the upgrade.
    Opening,
    /// A WebSocket, or HTTP with nothing under way.
    Open,
    /// HTTP with a request under way.
    Asking,
}

/// One connection.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) client: usize,
    pub(super) role: Role,
    pub(super) phase: Phase,
    /// The beginning of a frame whose rest is to come.
    pub(super) partial: Vec<u8>,
    out: Vec<u8>,
    pub(super) is_connected: bool,
    pub(super) heard: Nanos,
    /// Bytes wait in the kernel for a slow reader.
    pub(super) has_unread: bool,
    /// When a slow reader shows next that it is alive.
    pub(super) alive_at: Nanos,
}

/// What reading gave.
pub(super) enum Took {
    /// So many bytes, and whether there may be more.
    Bytes(usize, bool),
    /// Nothing for now.
    Nothing,
    /// The end.
    End,
}

impl Wire {
    /// Begins to connect, from one of several addresses of this machine.
    pub(super) fn open(
        target: SocketAddr,
        source: Option<u8>,
        client: usize,
        role: Role,
        now: Nanos,
    ) -> io::Result<Self> {
        let stream = match source {
            Some(last) if target.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) => {
                from_address(target, Ipv4Addr::new(127, 0, 0, last))?
            }
            _ => TcpStream::connect(target)?,
        };
        Ok(Self {
            stream,
            client,
            role,
            phase: Phase::Opening,
            partial: Vec::new(),
            out: Vec::new(),
            is_connected: false,
            heard: now,
            has_unread: false,
            alive_at: 0,
        })
    }

    /// Whether the connection came to be; an error if it cannot any more.
    pub(super) fn finish_connect(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                // Small frames go out at once.
                self.stream.set_nodelay(true)?;
                self.is_connected = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads once, into the space given.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Took {
        loop {
            return match self.stream.read(space) {
                Ok(0) => Took::End,
                Ok(count) => Took::Bytes(count, count == space.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Took::Nothing,
                Err(_) => Took::End,
            };
        }
    }

    /// Adds to what is to be written.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Writes what the socket takes; an error ends the connection.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.is_connected {
            return Ok(());
        }
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..written);
        if self.out.is_empty() && self.out.capacity() > 4_096 {
            self.out = Vec::new();
        }
        Ok(())
    }
}

/// Connects from a loopback address of our own: one address has 28,000 ports.
fn from_address(target: SocketAddr, source: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&target.into()) {
        Ok(()) => {}
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}
