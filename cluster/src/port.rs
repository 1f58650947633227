//! Ports that stay ours from the moment they are chosen, even while nothing listens on them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::secret::random_bytes;
use crate::{Error, Result};

/// The lowest port that is handed out: above the last one that browsers refuse.
const LOWEST: u16 = 10_081;
const ATTEMPTS: u16 = 2_000;

/// A loopback port that is reserved for as long as this value lives.
///
/// The reservation is a bound socket that never listens. It is bound without `SO_REUSEADDR`, which fails if anyone else
/// has the port, and permits reuse afterwards, so that our own server (every server here sets `SO_REUSEADDR`) can listen
/// on it, again and again, while a stranger's search for a free port passes it by. Connecting to it while no server
/// listens is refused at once.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Held for its address only; a port chosen by a person has none.
    _reservation: Option<OwnedFd>,
}

impl Port {
    /// Reserves a free port below the range that the kernel hands out to outgoing connections: one of those could
    /// otherwise take the port in the moment in which a server restarts.
    pub fn free() -> Result<Self> {
        let highest = ephemeral_range_start()
            .unwrap_or(32_768)
            .max(LOWEST + 1_000);
        let span = highest - LOWEST;
        let start = u16::from_ne_bytes(random_bytes()?) % span;
        for step in 0..ATTEMPTS.min(span) {
            let number = LOWEST + (start + step) % span;
            if let Ok(reservation) = reserve(number) {
                return Ok(Self {
                    number,
                    _reservation: Some(reservation),
                });
            }
        }
        Err(Error::Refused(format!(
            "found no free port between {LOWEST} and {highest}"
        )))
    }

    /// The port that a person asked for: [`Error::PortInUse`] if someone listens on it.
    pub fn chosen(number: u16) -> Result<Self> {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, number)) {
            Ok(_) => Ok(Self {
                number,
                _reservation: None,
            }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::PortInUse(number)),
            Err(error) => Err(Error::io(format!("listening on port {number}"))(error)),
        }
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// Whether the same port can be had on `::1` too, which is where many programs look for "localhost" first.
    pub(crate) fn is_free_on_ipv6(&self) -> bool {
        TcpListener::bind((Ipv6Addr::LOCALHOST, self.number)).is_ok()
    }
}

fn reserve(number: u16) -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, number)))?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn ephemeral_range_start() -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    range.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn no_browser_refuses_a_port_that_is_handed_out() {
        // The last one of the list that all browsers share, by the Fetch
        // standard's "bad port".
        assert!(Port::free().unwrap().number() > 10_080);
        const { assert!(LOWEST > 10_080) };
    }

    #[test]
    fn a_free_port_is_refused_until_its_server_listens() {
        let port = Port::free().unwrap();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        for _ in 0..3 {
            let server = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
            drop(server);
        }
    }

    #[test]
    fn nobody_reserves_a_reserved_port() {
        let port = Port::free().unwrap();
        assert!(reserve(port.number()).is_err());
    }

    #[test]
    fn a_chosen_port_that_is_taken_is_reported() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        assert!(matches!(Port::chosen(number), Err(Error::PortInUse(n)) if n == number));
    }
}
