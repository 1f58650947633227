//! The end of an instance: at once, or so that nobody notices.
//!
//! 1. `/readyz` answers 404 and new requests 503; held polls return. Open
//!    sockets go on.
//! 2. Over a window, sockets are asked to move, in random order: each client
//!    opens a second socket elsewhere before it closes the first.
//! 3. Who is left then is closed with 1012 and a time to wait.
//! 4. The lease is released, and the process ends.

use std::{sync::Arc, time::Duration};

use crate::{
    app::App,
    protocol::{code::CloseReason, server_frame::ServerFrame},
    telemetry,
};
use rand::{Rng as _, seq::SliceRandom as _};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// At least so many sockets a second are asked to move.
const SLOWEST_PER_SECOND: u32 = 50;
/// The most a client that was not moved waits before it comes back.
const RETRY_MS: u32 = 2_000;
/// How long sockets may take to close once they were told to.
const CLOSING: Duration = Duration::from_secs(4);

/// How the instance is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// Not yet.
    None,
    /// When everybody has moved.
    Drain,
    /// Without waiting for that.
    Now,
}

impl Ending {
    /// A more urgent ending wins.
    pub(super) fn raise(&mut self, other: Self) {
        *self = (*self).max(other);
    }
}

/// Turns signals into endings. SIGTERM drains if there are other instances to
/// move to; Ctrl-C, and a second signal of either kind, end at once.
pub(super) fn watch_signals(
    ending: watch::Sender<Ending>,
    has_others: bool,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Not tracked: it waits for signals for as long as the process lives.
    tokio::spawn(async move {
        loop {
            let asked = tokio::select! {
                _ = terminate.recv() => if has_others { Ending::Drain } else { Ending::Now },
                _ = interrupt.recv() => Ending::Now,
            };
            ending.send_modify(|ending| {
                let again = *ending != Ending::None;
                ending.raise(if again { Ending::Now } else { asked });
            });
        }
    });
    Ok(())
}

/// Waits for the order to end and carries it out.
pub(super) async fn until_ended(app: &Arc<App>, mut asked: watch::Receiver<Ending>) {
    let _ = asked.wait_for(|ending| *ending != Ending::None).await;
    app.hub.set_accepting(false);
    app.shutdown.drain();
    telemetry::draining(true);
    // What closing and finishing may take comes off the limit of the whole.
    let limit = app.config.timing.drain_limit.saturating_sub(2 * CLOSING);
    if *asked.borrow() == Ending::Drain {
        tracing::info!(connections = app.hub.connection_count(), "draining");
        tokio::select! {
            moved = timeout(limit, move_all(app)) => {
                if moved.is_err() {
                    tracing::warn!("not everybody moved in time");
                }
            }
            _ = asked.wait_for(|ending| *ending == Ending::Now) => {}
        }
    }
    close_all(app).await;
    app.hub.broker.release().await;
    let left = app.shutdown.finish(CLOSING).await;
    if left > 0 {
        tracing::debug!(tasks = left, "some tasks did not end in time");
    }
    tracing::info!("ended");
}

/// Asks everybody to move, and waits until they have or the window is over.
async fn move_all(app: &Arc<App>) {
    let window = app.config.timing.drain_window;
    // Held polls have been answered already, and are in no place to move from.
    let mut connections = app.hub.connections();
    connections.retain(|connection| connection.is_live());
    connections.shuffle(&mut rand::rng());
    let count = u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1);
    let pause = (window / count).min(Duration::from_secs(1) / SLOWEST_PER_SECOND);
    let end = Instant::now() + window;
    let frame = ServerFrame::Move {
        within_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
    }
    .text();
    for connection in connections {
        connection.outbox.push(frame.clone());
        sleep(pause).await;
    }
    while app.hub.connection_count() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Closes whoever is left, each with its own time to come back.
async fn close_all(app: &Arc<App>) {
    for connection in app.hub.connections() {
        let retry_ms = rand::rng().random_range(0..=RETRY_MS);
        connection.outbox.close(CloseReason::Restart { retry_ms });
    }
    let end = Instant::now() + CLOSING;
    while app.hub.connection_count() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
    }
}
