//! A client that polls, as the page does where WebSocket is blocked: it names
//! its rooms and positions with every request, and keeps one request of frames
//! in flight.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hubbub::client::{Backoff, Mind as _, Orders, Seen, Wish};
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{locked, mind::Mind, person::Person};

/// How long a poll may be held.
const HOLD_MS: u64 = 10_000;
/// How often it looks at what it has to say.
const TICK: Duration = Duration::from_millis(20);
/// Messages of one moment are fetched together.
const BREATH: Duration = Duration::from_millis(30);
/// How long the page waits where an error names no pause.
const PAUSE: Duration = Duration::from_secs(1);

/// Polls until it is ordered to end.
pub(super) async fn listen(
    person: Person,
    mind: Arc<Mutex<Mind>>,
    mut orders: watch::Receiver<Orders>,
) {
    let mut backoff = Backoff::default();
    let mut seen = Seen::default();
    while !orders.borrow().end {
        let body = {
            let mind = locked(&mind);
            json!({"connection": mind.poll.connection, "control": mind.poll.control,
                   "rooms": mind.poll_rooms(), "hold_ms": HOLD_MS})
        };
        let answer = tokio::select! {
            answer = person.post("/api/v1/poll", &body) => answer,
            () = ordered_to_end(&mut orders) => return,
        };
        let pause = match answer {
            Ok((200, answer)) => {
                backoff.reset();
                take(&mind, &mut seen, &answer)
            }
            // The store is away, and this link is not: as the page does, it
            // waits and stays as it is.
            Ok((504, answer)) if is_unavailable(&answer) => retry_after(&answer).unwrap_or(PAUSE),
            // Any other status ends the link. The page then waits as long as it
            // was told, if it was told anything.
            Ok((status, answer)) => {
                locked(&mind).down(status);
                retry_after(&answer).unwrap_or_else(|| backoff.pause())
            }
            Err(_) => {
                locked(&mind).down(0);
                backoff.pause()
            }
        };
        let end = Instant::now() + pause;
        while Instant::now() < end && !orders.borrow().end {
            sleep(TICK.min(end - Instant::now())).await;
            locked(&mind).look_at_the_clock();
        }
    }
}

/// Whether an instance says that its store is away. The balancer's own 504 says
/// `timeout`.
fn is_unavailable(answer: &Value) -> bool {
    answer["error"]["code"] == "unavailable"
}

/// The pause that an error asks for.
fn retry_after(answer: &Value) -> Option<Duration> {
    let pause = answer["error"]["retry_after_ms"].as_u64();
    pause.map(Duration::from_millis)
}

async fn ordered_to_end(orders: &mut watch::Receiver<Orders>) {
    if orders.wait_for(|orders| orders.end).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Takes an answer, and says how long to wait before the next request.
fn take(mind: &Mutex<Mind>, seen: &mut Seen, answer: &Value) -> Duration {
    let mut mind = locked(mind);
    let mut pause = if answer["more"] == true {
        Duration::ZERO
    } else {
        BREATH
    };
    if let Some(control) = answer["control"].as_str() {
        mind.poll.control = Some(control.to_owned());
    }
    for frame in answer["frames"].as_array().into_iter().flatten() {
        if let Wish::Wait(wait) = mind.take(seen, frame) {
            pause = pause.max(wait.min(Duration::from_secs(1)));
        }
    }
    // Even an answer that says that the store is away came over a transport
    // that works.
    mind.up();
    pause
}

/// Says what it has to say until it is ordered to end.
pub(super) async fn speak(
    person: Person,
    mind: Arc<Mutex<Mind>>,
    mut orders: watch::Receiver<Orders>,
) {
    // Replies to frames bring no entries, so they are seen by nobody twice.
    let mut seen = Seen::default();
    loop {
        let now = *orders.borrow();
        if now.end {
            return;
        }
        let (frames, connection) = {
            let mut mind = locked(&mind);
            if mind.poll.connection.is_none() {
                (Vec::new(), None)
            } else {
                (mind.due(now.talk), mind.poll.connection.clone())
            }
        };
        if frames.is_empty() {
            sleep(TICK).await;
            continue;
        }
        let body = json!({"connection": connection, "frames": frames});
        let answer = tokio::select! {
            answer = person.post("/api/v1/frames", &body) => answer,
            () = ordered_to_end(&mut orders) => return,
        };
        match answer {
            Ok((200, answer)) => {
                let mut mind = locked(&mind);
                for reply in answer["frames"].as_array().into_iter().flatten() {
                    mind.take(&mut seen, reply);
                }
            }
            // Each frame is refused for now, and the link stays.
            Ok((504, answer)) if is_unavailable(&answer) => {
                let mut mind = locked(&mind);
                for frame in &frames {
                    mind.take(&mut seen, &refusal(frame, &answer));
                }
            }
            _ => {
                locked(&mind).transport_lost();
                let pause = rand::rng().random_range(100..500);
                sleep(Duration::from_millis(pause)).await;
            }
        }
    }
}

/// The error of a whole request, as the answer to one of its frames.
fn refusal(frame: &Value, answer: &Value) -> Value {
    let pause = retry_after(answer).unwrap_or(PAUSE).as_millis();
    json!({"type": "error", "id": frame["id"], "code": answer["error"]["code"],
           "retry_after_ms": u64::try_from(pause).unwrap_or(u64::MAX)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_instance_without_its_store_leaves_the_link_as_it_is() {
        let instance = json!({"error": {"code": "unavailable", "retry_after_ms": 700}});
        let balancer = json!({"error": {"code": "timeout", "retry_after_ms": 1_000}});
        assert!(is_unavailable(&instance) && !is_unavailable(&balancer));
        assert!(
            !is_unavailable(&Value::Null),
            "no JSON came from no instance"
        );
        assert_eq!(retry_after(&balancer), Some(Duration::from_secs(1)));
        assert_eq!(retry_after(&Value::Null), None);
        let refused = refusal(&json!({"id": "room/k1"}), &instance);
        assert_eq!(refused["id"], "room/k1");
        assert_eq!(refused["retry_after_ms"], 700);
    }
}
