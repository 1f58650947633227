//! The loop of a socket does nothing while there is nothing to do.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hubbub::{
    broker::{BrokerSettings, embedded::EmbeddedBroker},
    chat::{connection::Connection, hub::Hub},
    shutdown::Shutdown,
    transport::{dialect::Plain, websocket::WebSocket},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{hub, support::slow::SlowBroker};

#[tokio::test]
async fn a_refill_that_is_due_while_something_else_is_under_way_waits_quietly() {
    let broker = SlowBroker::new(EmbeddedBroker::new(BrokerSettings::default()));
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, hub::settings(), &shutdown);
    let connection = Connection::open_live(&hub, hub::pass()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let socket = WebSocket::new(stream, &[], Arc::clone(&connection), 32_768, &Plain);
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    tokio::spawn(async move {
        let mut run = pin!(socket.run());
        poll_fn(|context| {
            counted.fetch_add(1, Ordering::Relaxed);
            run.as_mut().poll(context)
        })
        .await;
    });

    let join = br#"{"type":"join","room":"den"}"#;
    let length = u8::try_from(join.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(join);
    client.write_all(&frame).await.unwrap();
    // It is under way, and waits for the broker.
    broker.asked.acquire().await.unwrap().forget();

    connection.outbox.mark_behind();
    let before = turns.load(Ordering::Relaxed);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let spent = turns.load(Ordering::Relaxed) - before;
    assert!(spent < 10, "{spent} turns for nothing");

    broker.gate.add_permits(10);
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(r#""type":"joined""#) {
        assert_ne!(client.read_buf(&mut heard).await.unwrap(), 0);
    }
}
