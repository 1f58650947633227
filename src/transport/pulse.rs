//! The pulse of all sockets of this instance: one task, once a second, rather
//! than a timer for each. It pings who was not spoken to or not heard for a
//! while, lets go who was not heard or takes nothing, and looks after sessions and tokens.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval},
};

use crate::{
    chat::{connection::Connection, hub::Hub, vitals::Vitals},
    protocol::{
        code::CloseReason,
        server_frame::{ServerFrame, Text},
    },
};

use super::codec;

/// How often the pulse is taken.
const BEAT: Duration = Duration::from_secs(1);
/// How often a live session is looked up and touched.
const SESSION_CHECK: u32 = 60;
/// How many sessions are looked up at the same time.
const LOOKUPS: usize = 32;
/// After how many sockets the others get a turn.
const SOCKETS_PER_TURN: usize = 512;

/// The times a socket keeps.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Own silence after which a ping is sent.
    pub heartbeat: Duration,
    /// Silence of the client after which it is let go.
    pub silence: Duration,
    /// How long a client may take no byte while some wait for it.
    pub stuck: Duration,
}

/// Takes the pulse for as long as it is polled.
pub async fn take(hub: Arc<Hub>, times: Times) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let lookups = Arc::new(Semaphore::new(LOOKUPS));
    let (frame, ping) = (ServerFrame::Ping.text(), Text::raw(codec::ping()));
    loop {
        beats.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        for turn in hub.connections().chunks(SOCKETS_PER_TURN) {
            for connection in turn.iter().filter(|connection| connection.is_live()) {
                match judge(connection.vitals(), &times) {
                    _ if connection.expires().is_some_and(|end| end <= now) => {
                        connection.outbox.close(CloseReason::SessionOver);
                    }
                    Verdict::Well => {}
                    Verdict::Greet => {
                        // Browsers answer the one by themselves, scripts see
                        // the other.
                        connection.outbox.push(ping.clone());
                        connection.outbox.push(frame.clone());
                    }
                    Verdict::LetGo(reason) => connection.outbox.close(reason),
                }
                if connection.age() % SESSION_CHECK == SESSION_CHECK - 1 {
                    check_session(&hub, Arc::clone(connection), &lookups);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What a socket needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Well,
    /// It was not spoken to for a while, or not heard whatever was said to it:
    /// people who only read in a room that talks.
    Greet,
    LetGo(CloseReason),
}

fn judge(vitals: Vitals, times: &Times) -> Verdict {
    let is_over = |beats: u32, limit: Duration| BEAT * beats >= limit;
    if is_over(vitals.not_heard, times.silence) {
        Verdict::LetGo(CloseReason::Heartbeat)
    } else if vitals.is_blocked && is_over(vitals.not_moved, times.stuck) {
        Verdict::LetGo(CloseReason::StuckReader)
    } else if vitals.is_blocked {
        // What waits for it says more than a ping.
        Verdict::Well
    } else if is_at_multiple(vitals.not_moved, times.heartbeat)
        || is_at_multiple(vitals.not_heard, times.heartbeat)
    {
        Verdict::Greet
    } else {
        Verdict::Well
    }
}

/// Whether so many beats, and not none, are a whole number of times the period.
fn is_at_multiple(beats: u32, period: Duration) -> bool {
    let period = u32::try_from(period.as_secs()).unwrap_or(u32::MAX).max(1);
    beats > 0 && beats.is_multiple_of(period)
}

/// Looks a session up beside the pulse: the store may take its time.
fn check_session(hub: &Hub, connection: Arc<Connection>, lookups: &Arc<Semaphore>) {
    let lookups = Arc::clone(lookups);
    hub.spawn_until_stopped(async move {
        let Ok(_turn) = lookups.acquire().await else {
            return;
        };
        if !connection.is_session_alive().await {
            connection.outbox.close(CloseReason::SessionOver);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        heartbeat: Duration::from_secs(20),
        silence: Duration::from_secs(45),
        stuck: Duration::from_secs(30),
    };

    fn verdict(not_heard: u32, not_moved: u32, is_blocked: bool) -> Verdict {
        let vitals = Vitals {
            not_heard,
            not_moved,
            is_blocked,
        };
        judge(vitals, &TIMES)
    }

    #[test]
    fn who_was_not_spoken_to_for_a_while_is_pinged() {
        assert_eq!(verdict(0, 19, false), Verdict::Well);
        assert_eq!(verdict(0, 20, false), Verdict::Greet);
        assert_eq!(verdict(0, 21, false), Verdict::Well);
    }

    #[test]
    fn who_only_reads_is_asked_for_a_sign_of_life() {
        assert_eq!(verdict(19, 0, false), Verdict::Well);
        assert_eq!(verdict(20, 0, false), Verdict::Greet);
        assert_eq!(verdict(40, 3, false), Verdict::Greet);
        assert_eq!(verdict(40, 20, false), Verdict::Greet);
        assert_eq!(verdict(20, 0, true), Verdict::Well);
    }

    #[test]
    fn who_was_not_heard_for_too_long_is_let_go() {
        assert_eq!(verdict(44, 0, false), Verdict::Well);
        assert_eq!(
            verdict(45, 0, false),
            Verdict::LetGo(CloseReason::Heartbeat)
        );
    }

    #[test]
    fn who_takes_nothing_while_something_waits_is_let_go() {
        assert_eq!(verdict(0, 29, true), Verdict::Well);
        assert_eq!(
            verdict(0, 30, true),
            Verdict::LetGo(CloseReason::StuckReader)
        );
        assert_eq!(verdict(0, 30, false), Verdict::Well);
    }
}
