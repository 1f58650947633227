//! A client over a WebSocket, as the page is one: it comes back with jitter
//! after its socket is gone, resumes from its own position, notices a dead
//! socket by itself, and moves to another instance before it closes the first
//! socket when it is asked to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Error, Message,
        http::HeaderMap,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{Backoff, Door, Mind, Orders, Seen, Wish, text};

/// How often a client that talks looks at what it has to say.
const TICK: Duration = Duration::from_millis(20);
/// The same for one that only listens.
const SLOW_TICK: Duration = Duration::from_millis(500);
/// After this much silence the server is asked whether it is there.
const ASK_AFTER: Duration = Duration::from_secs(5);
/// After this much silence the socket is dead.
const DEAD_AFTER: Duration = Duration::from_secs(10);
const OPENING: Duration = Duration::from_secs(5);
/// After so long a socket counts as one that works.
const SETTLED: Duration = Duration::from_secs(10);
/// A pause before the next attempt to move.
const MOVE_RETRY: Duration = Duration::from_millis(500);
/// The longest a client waits because a server says so; longer ones ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The same for a room that cannot be joined yet.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// An open socket and how far it has brought its client.
struct Line {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seen: Seen,
    instance: String,
    joined: BTreeSet<String>,
    /// Joins without an answer.
    joining: usize,
    /// When to ask for the rooms that were refused.
    again: Option<Instant>,
    heard: Instant,
    asked: bool,
}

enum Heard {
    Frame(Value),
    Other,
    Closed(u16, Option<Duration>),
}

/// How a connection ended or did not begin: the code of the close frame or the
/// status of the answer, and how long the server wishes to be left alone.
struct Lost {
    code: u16,
    wait: Option<Duration>,
}

/// A move under way.
struct Moving {
    until: Instant,
    not_before: Instant,
    opening: Option<JoinHandle<Option<Line>>>,
    second: Option<Line>,
}

impl Moving {
    fn new(within: Duration) -> Self {
        let now = Instant::now();
        Self {
            until: now + within,
            not_before: now,
            opening: None,
            second: None,
        }
    }
}

/// Follows and talks until it is ordered to end; or until it was sent away with
/// a code after which its mind does not come back, which is returned.
pub async fn run<M: Mind, D: Door>(
    door: D,
    mind: Arc<Mutex<M>>,
    mut orders: watch::Receiver<Orders>,
) -> Option<u16> {
    let mut backoff = Backoff::default();
    while !orders.borrow().end {
        let lost = match open(&door).await {
            Ok(line) => {
                let since = Instant::now();
                let lost = stay(line, &door, &mind, &mut orders).await;
                if orders.borrow().end {
                    return None;
                }
                locked(&mind).down(lost.code);
                if since.elapsed() > SETTLED {
                    backoff.reset();
                }
                lost
            }
            Err(lost) => lost,
        };
        if !locked(&mind).comes_back(lost.code) {
            return Some(lost.code);
        }
        let pause = lost.wait.unwrap_or_else(|| backoff.pause());
        let flap = locked(&mind).flap().is_some();
        let end = Instant::now() + if flap { pause.min(TICK) } else { pause };
        while Instant::now() < end && !orders.borrow().end {
            sleep(TICK.min(end - Instant::now())).await;
            locked(&mind).look_at_the_clock();
        }
        locked(&mind).look_at_the_clock();
    }
    None
}

async fn open(door: &impl Door) -> Result<Line, Lost> {
    let nobody = Lost {
        code: 0,
        wait: None,
    };
    let Some(request) = door.request() else {
        return Err(nobody);
    };
    // The default buffer is 128 KiB for each of thousands of sockets.
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let opening = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
    let (stream, answer) = match timeout(OPENING, opening).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(Error::Http(answer))) => {
            keep_cookies(door, answer.headers());
            return Err(Lost {
                code: answer.status().as_u16(),
                wait: retry_after(answer.headers()),
            });
        }
        _ => return Err(nobody),
    };
    keep_cookies(door, answer.headers());
    Ok(Line {
        stream,
        seen: Seen::default(),
        instance: String::new(),
        joined: BTreeSet::new(),
        joining: 0,
        again: None,
        heard: Instant::now(),
        asked: false,
    })
}

fn keep_cookies(door: &impl Door, headers: &HeaderMap) {
    let all = headers.get_all("set-cookie").iter();
    let set: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
    if !set.is_empty() {
        door.keep_cookies(&set);
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Lives on one socket, and on those it is moved to, until there is none.
async fn stay<M: Mind, D: Door>(
    mut line: Line,
    door: &D,
    mind: &Mutex<M>,
    orders: &mut watch::Receiver<Orders>,
) -> Lost {
    let (tick, flap) = {
        let mind = locked(mind);
        (if mind.talks() { TICK } else { SLOW_TICK }, mind.flap())
    };
    let born = Instant::now();
    let mut moving: Option<Moving> = None;
    loop {
        let heard = tokio::select! {
            heard = next(&mut line) => Some(heard),
            heard = next_of_second(&mut moving) => {
                if let Some(second) = settle_second(heard, &mut moving, &line, mind).await {
                    let mut old = std::mem::replace(&mut line, second);
                    goes_on_with(&line, mind);
                    let _ = timeout(OPENING, old.stream.close(None)).await;
                    moving = None;
                }
                None
            }
            () = sleep(tick) => None,
            _ = orders.changed() => None,
        };
        match heard {
            Some(Heard::Closed(code, hint)) => {
                // A second socket that is open already takes over at once.
                match moving.take().and_then(|moving| moving.second) {
                    Some(second) => {
                        line = second;
                        goes_on_with(&line, mind);
                    }
                    None => return Lost { code, wait: hint },
                }
            }
            Some(Heard::Frame(frame)) => match take(&mut line, mind, &frame, true).await {
                Some(Wish::Move(within)) => moving = Some(Moving::new(within)),
                Some(_) => {}
                None => {
                    return Lost {
                        code: 0,
                        wait: None,
                    };
                }
            },
            _ => {}
        }
        let now = *orders.borrow();
        if now.end {
            let _ = timeout(Duration::from_secs(1), line.stream.close(None)).await;
            return Lost {
                code: 1000,
                wait: None,
            };
        }
        if flap.is_some_and(|flap| born.elapsed() > flap) && now.talk {
            return Lost {
                code: 1000,
                wait: Some(TICK),
            };
        }
        if !go_on(&mut line, mind, now.talk).await {
            return Lost {
                code: 0,
                wait: None,
            };
        }
        keep_moving(&mut moving, door, mind).await;
    }
}

/// The client has another socket now, on which nothing has been said yet.
fn goes_on_with(line: &Line, mind: &Mutex<impl Mind>) {
    let mut mind = locked(mind);
    mind.transport_lost();
    mind.lives_on(&line.instance);
}

/// Sends what is due, and asks whether the server is still there. Returns false
/// if it is not.
async fn go_on(line: &mut Line, mind: &Mutex<impl Mind>, talk: bool) -> bool {
    let frames = locked(mind).due(talk && !line.joined.is_empty());
    for frame in frames {
        if !say(line, &frame).await {
            return false;
        }
    }
    if !ask_again(line, mind).await {
        return false;
    }
    let silence = line.heard.elapsed();
    if silence > DEAD_AFTER {
        return false;
    }
    if silence > ASK_AFTER && !line.asked {
        line.asked = true;
        return say(line, &json!({"type": "ping"})).await;
    }
    true
}

async fn say(line: &mut Line, frame: &Value) -> bool {
    let sending = line.stream.send(Message::text(frame.to_string()));
    matches!(timeout(OPENING, sending).await, Ok(Ok(())))
}

/// Gives a frame to the mind and does what it asks for. None if the socket is
/// of no more use.
async fn take(
    line: &mut Line,
    mind: &Mutex<impl Mind>,
    frame: &Value,
    is_first: bool,
) -> Option<Wish> {
    if frame["type"] == "hello" {
        text(&frame["instance"]).clone_into(&mut line.instance);
        if is_first {
            locked(mind).lives_on(&line.instance);
        }
    }
    let (wish, joins, rooms) = {
        let mut mind = locked(mind);
        let wish = mind.take(&mut line.seen, frame);
        let joins = if wish == Wish::Join {
            mind.joins()
        } else {
            Vec::new()
        };
        (wish, joins, mind.rooms())
    };
    for join in joins {
        line.joining += 1;
        if !say(line, &join).await {
            return None;
        }
    }
    if let Wish::Joined(room) = &wish {
        line.joining = line.joining.saturating_sub(1);
        line.joined.insert(room.clone());
        if line.joined.len() == rooms {
            locked(mind).up();
        }
    }
    if let (Wish::Wait(wait), true) = (&wish, line.joined.len() < rooms) {
        // A join was refused for now, because the store is away.
        line.joining = line.joining.saturating_sub(1);
        line.again = Some(Instant::now() + (*wait).min(LONGEST_PAUSE));
    }
    Some(wish)
}

/// Asks once more for the rooms that were refused. One that was not answered yet
/// would be answered twice, and bring twice what was missed. Returns false if the
/// socket is of no more use.
async fn ask_again(line: &mut Line, mind: &Mutex<impl Mind>) -> bool {
    if line.joining > 0 || line.again.is_none_or(|again| Instant::now() < again) {
        return true;
    }
    line.again = None;
    let joins = locked(mind).joins();
    for join in joins {
        if line.joined.contains(text(&join["room"])) {
            continue;
        }
        line.joining += 1;
        if !say(line, &join).await {
            return false;
        }
    }
    true
}

async fn next(line: &mut Line) -> Heard {
    let message = line.stream.next().await;
    line.heard = Instant::now();
    line.asked = false;
    match message {
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(frame) => Heard::Frame(frame),
            Err(_) => Heard::Other,
        },
        Some(Ok(Message::Close(frame))) => closed(frame),
        Some(Ok(_)) => Heard::Other,
        Some(Err(_)) | None => Heard::Closed(0, None),
    }
}

fn closed(frame: Option<CloseFrame>) -> Heard {
    let Some(frame) = frame else {
        return Heard::Closed(0, None);
    };
    let reason: Value = serde_json::from_str(&frame.reason).unwrap_or_default();
    let most = reason["retry_ms"].as_u64();
    let wait = most.map(|most| Duration::from_millis(rand::random_range(0..=most)));
    Heard::Closed(u16::from(frame.code), wait)
}

async fn next_of_second(moving: &mut Option<Moving>) -> Heard {
    match moving {
        Some(Moving {
            second: Some(second),
            ..
        }) => next(second).await,
        Some(Moving {
            opening: Some(opening),
            ..
        }) => {
            let opened = opening.await.ok().flatten();
            if let Some(moving) = moving {
                moving.opening = None;
                moving.not_before = Instant::now() + MOVE_RETRY;
                moving.second = opened;
            }
            Heard::Other
        }
        _ => std::future::pending().await,
    }
}

/// Looks after the socket to move to. Returns it once it is as good as the
/// first.
async fn settle_second(
    heard: Heard,
    moving: &mut Option<Moving>,
    first: &Line,
    mind: &Mutex<impl Mind>,
) -> Option<Line> {
    let now = moving.as_mut()?;
    let rooms = locked(mind).rooms();
    let second = now.second.as_mut()?;
    let is_good = match heard {
        Heard::Other => true,
        Heard::Closed(..) => false,
        Heard::Frame(frame) => {
            let is_elsewhere =
                frame["type"] != "hello" || text(&frame["instance"]) != first.instance;
            is_elsewhere && take(second, mind, &frame, false).await.is_some()
        }
    };
    if !is_good {
        now.second = None;
        return None;
    }
    if second.joined.len() == rooms {
        return now.second.take();
    }
    None
}

/// Opens the next socket to move to, within the time.
async fn keep_moving(moving: &mut Option<Moving>, door: &impl Door, mind: &Mutex<impl Mind>) {
    let Some(now) = moving else {
        return;
    };
    if let Some(second) = &mut now.second
        && !ask_again(second, mind).await
    {
        now.second = None;
    }
    if Instant::now() > now.until && now.second.is_none() {
        *moving = None;
        return;
    }
    if now.opening.is_none() && now.second.is_none() && Instant::now() >= now.not_before {
        let door = door.clone();
        now.opening = Some(tokio::spawn(async move { open(&door).await.ok() }));
    }
}

fn locked<M>(mind: &Mutex<M>) -> MutexGuard<'_, M> {
    mind.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
