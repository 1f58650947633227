//! Accepting TCP connections and speaking HTTP/1.1 on them.
//!
//! Our own loop rather than `axum::serve`: it sets `TCP_NODELAY` (without it an
//! ack waits some 40 ms for the client's delayed ACK), bounds the time a
//! request's headers may take, and says who the peer is.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::shutdown::Shutdown;

/// How long the headers of a request may take.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// The largest head of a request, and how much is read at a time.
const HEAD_BYTES: usize = 16 * 1024;

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

async fn exchange(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        answer(router, peer, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "an HTTP connection ended early");
            }
        }
        () = shutdown.stopped() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
