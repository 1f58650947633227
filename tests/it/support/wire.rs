//! A wire to a server that can be made to fall silent.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Passes on what goes to a server and comes from it, until it is cut.
pub(crate) struct Wire {
    port: u16,
    cut: watch::Sender<u64>,
}

impl Wire {
    /// A wire to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            cut: watch::Sender::new(0),
        };
        let cut = wire.cut.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let (mut one, mut other) = (cut.clone(), cut.clone());
                one.mark_unchanged();
                other.mark_unchanged();
                tokio::spawn(pass_on(near_in, far_out, one));
                tokio::spawn(pass_on(far_in, near_out, other));
            }
        });
        wire
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The connections that exist now pass nothing on any more, and stay. New
    /// ones work.
    pub(crate) fn silence(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<u64>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            biased;
            _ = cut.changed() => {
                // Both halves are kept, so that neither side sees an end.
                return std::future::pending().await;
            }
            read = from.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
