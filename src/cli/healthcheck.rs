//! `hubbub healthcheck`: for container runtimes, whose images hold no curl.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use hubbub::config::Config;

use super::Failure;

const LIMIT: Duration = Duration::from_secs(3);

/// Asks the instance that these settings describe whether it takes traffic.
pub(super) fn run() -> Result<(), Failure> {
    let address = reachable(Config::read()?.http.listen);
    match ask(address) {
        Ok(status) if status == *b"200" => Ok(()),
        Ok(status) => Err(Failure::failed(format!(
            "http://{address}/readyz answered {}",
            String::from_utf8_lossy(&status)
        ))),
        Err(error) => Err(Failure::failed(format!(
            "http://{address}/readyz does not answer: {error}"
        ))),
    }
}

/// Where a listener on this address can be reached from the same machine.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

/// The three digits of the answer's status.
fn ask(address: SocketAddr) -> io::Result<[u8; 3]> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    match start {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            _,
            b' ',
            status @ ..,
        ] => Ok(status),
        _ => Err(io::Error::other("this is no HTTP server")),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn answered(answer: &'static str) -> io::Result<[u8; 3]> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1_024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let result = ask(address);
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /readyz HTTP/1.1\r\n")
        );
        result
    }

    #[test]
    fn the_status_decides() {
        assert_eq!(&answered("HTTP/1.1 200 OK\r\n\r\n").unwrap(), b"200");
        assert_eq!(&answered("HTTP/1.1 503 No\r\n\r\n").unwrap(), b"503");
        assert!(answered("SSH-2.0-OpenSSH").is_err());
        assert!(answered("").is_err());
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
