//! Accepting TCP connections and speaking HTTP/1.1 on them.
//!
//! Our own loop rather than `axum::serve`: it sets `TCP_NODELAY` (without it an
//! ack waits some 40 ms for the client's delayed ACK), bounds the time a
//! request's headers may take, and says who the peer is.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tower::ServiceExt as _;

use crate::{shutdown::Shutdown, transport::stream::Stream, web::later};

use super::held::{self, Awaited, Slot};

/// How long the headers of a request may take.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// The largest head of a request, and how much is read at a time.
const HEAD_BYTES: usize = 16 * 1024;

/// How many connections may wait to be accepted, if the system allows as many.
/// When everybody comes back at once, whoever finds no place tries again only
/// after a second.
const BACKLOG: u32 = 16_384;

/// Listens on an address.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Another instance may have ended on this address a moment ago.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts and serves for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A socket without it works, only slower.
                let _ = stream.set_nodelay(true);
                let router = router.clone();
                shutdown.spawn(exchange(stream, peer, router, shutdown.clone()));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: some will be free soon.
                tracing::warn!(%error, "cannot accept a connection; trying again in 100 ms");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Speaks HTTP with a client: conversations, and between them answers that take
/// their time, for which nothing of a conversation is kept.
async fn exchange(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    let mut stream = Stream::new(stream);
    loop {
        // In a box that is gone while the answer is waited for.
        let next = Box::pin(converse(stream, peer, router.clone(), &shutdown)).await;
        let Some((rest, awaited)) = next else {
            return;
        };
        match held::answer(rest, awaited, &shutdown).await {
            Some(again) => stream = again,
            None => return,
        }
    }
}

/// Answers requests until the client is done, or until one of them has to wait.
async fn converse(
    stream: Stream,
    peer: SocketAddr,
    router: Router,
    shutdown: &Shutdown,
) -> Option<(Stream, Awaited)> {
    let slot = Arc::new(Slot::new(stream.flushed()));
    let left = Arc::clone(&slot);
    let service = service_fn(move |request: Request<Incoming>| {
        answer(router.clone(), peer, request, Arc::clone(&left))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(stream, service)
        .with_upgrades();
    let mut is_ending = false;
    let awaited = loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an HTTP connection ended early");
                }
                return None;
            }
            awaited = slot.filled() => break awaited,
            () = shutdown.stopped(), if !is_ending => {
                is_ending = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts()?;
    Some((parts.io.with_ahead(&parts.read_buf), awaited))
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
    slot: Arc<Slot>,
) -> Result<Response, Infallible> {
    let stays = held::stays(&request);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = router.oneshot(request).await?;
    let Some(awaited) = later::take(&mut response) else {
        return Ok(response);
    };
    if !stays || !slot.is_open() {
        return Ok(awaited.await);
    }
    slot.fill(awaited);
    // The conversation is over; this goes with it.
    std::future::pending().await
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
