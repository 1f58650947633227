//! One connection to a server, begun without waiting for it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt},
};

/// One source address has some 28,000 ports, and a few of them are in use.
const PER_ADDRESS: usize = 10_000;

/// Begins to connect, as the connection of this number.
pub(super) fn open(target: SocketAddr, number: usize) -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("no socket can be had; is the limit of open files high enough?")?;
    let block = number / PER_ADDRESS;
    if block > 0 {
        let last = u8::try_from(block + 1).context("more connections than addresses")?;
        bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0)))?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => bail!("{target} cannot be reached: {error}"),
    }
}
