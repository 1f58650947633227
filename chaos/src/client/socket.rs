//! A client over a WebSocket, as the page is one: it comes back with jitter
//! after its socket is gone, resumes from its own position, notices a dead
//! socket by itself, and moves to another instance before it closes the first
//! socket when it is asked to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
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
        Message,
        client::IntoClientRequest as _,
        http::HeaderValue,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{
    Backoff, Orders, locked,
    mind::{Mind, Seen, Wish},
    person::{Person, text},
};

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

/// An open socket and how far it has brought its client.
struct Line {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seen: Seen,
    instance: String,
    joined: BTreeSet<String>,
    heard: Instant,
    asked: bool,
}

enum Heard {
    Frame(Value),
    Other,
    Closed(u16, Option<Duration>),
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

/// Follows and talks until it is ordered to end.
pub(super) async fn run(
    person: Person,
    mind: Arc<Mutex<Mind>>,
    mut orders: watch::Receiver<Orders>,
) {
    let mut backoff = Backoff::default();
    while !orders.borrow().end {
        let mut hint = None;
        if let Some(line) = open(&person).await {
            let since = Instant::now();
            let (code, wait) = stay(line, &person, &mind, &mut orders).await;
            if orders.borrow().end {
                return;
            }
            locked(&mind).down(code);
            if since.elapsed() > SETTLED {
                backoff.reset();
            }
            hint = wait;
        }
        let pause = hint.unwrap_or_else(|| backoff.next());
        let flap = locked(&mind).manner.flap.is_some();
        let end = Instant::now() + if flap { pause.min(TICK) } else { pause };
        while Instant::now() < end && !orders.borrow().end {
            sleep(TICK.min(end - Instant::now())).await;
            locked(&mind).look_at_the_clock();
        }
        locked(&mind).look_at_the_clock();
    }
}

async fn open(person: &Person) -> Option<Line> {
    let (url, cookies) = person.socket();
    let mut request = url.into_client_request().ok()?;
    let origin = HeaderValue::from_str(&person.base).ok()?;
    request.headers_mut().insert("origin", origin);
    if let Some(cookies) = cookies {
        let cookies = HeaderValue::from_str(&cookies).ok()?;
        request.headers_mut().insert("cookie", cookies);
    }
    // The default buffer is 128 KiB for each of thousands of sockets.
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let opening = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
    let (stream, _) = timeout(OPENING, opening).await.ok()?.ok()?;
    Some(Line {
        stream,
        seen: Seen::default(),
        instance: String::new(),
        joined: BTreeSet::new(),
        heard: Instant::now(),
        asked: false,
    })
}

/// Lives on one socket, and on those it is moved to, until there is none.
async fn stay(
    mut line: Line,
    person: &Person,
    mind: &Mutex<Mind>,
    orders: &mut watch::Receiver<Orders>,
) -> (u16, Option<Duration>) {
    let (tick, flap) = {
        let mind = locked(mind);
        let talks = mind.manner.pause.is_some();
        (if talks { TICK } else { SLOW_TICK }, mind.manner.flap)
    };
    let born = Instant::now();
    let mut moving: Option<Moving> = None;
    loop {
        let heard = tokio::select! {
            heard = next(&mut line) => Some(heard),
            heard = next_of_second(&mut moving) => {
                if let Some(second) = settle_second(heard, &mut moving, &line, mind).await {
                    let mut old = std::mem::replace(&mut line, second);
                    locked(mind).instance.clone_from(&line.instance);
                    locked(mind).transport_lost();
                    let _ = old.stream.close(None).await;
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
                    Some(second) => line = second,
                    None => return (code, hint),
                }
            }
            Some(Heard::Frame(frame)) => match take(&mut line, mind, &frame, true).await {
                Some(Wish::Move(within)) => moving = Some(Moving::new(within)),
                Some(_) => {}
                None => return (0, None),
            },
            _ => {}
        }
        let now = *orders.borrow();
        if now.end {
            let _ = timeout(Duration::from_secs(1), line.stream.close(None)).await;
            return (1000, None);
        }
        if flap.is_some_and(|flap| born.elapsed() > flap) && now.talk {
            return (1000, Some(TICK));
        }
        if !go_on(&mut line, mind, now.talk).await {
            return (0, None);
        }
        keep_moving(&mut moving, person);
    }
}

/// Sends what is due, and asks whether the server is still there. Returns false
/// if it is not.
async fn go_on(line: &mut Line, mind: &Mutex<Mind>, talk: bool) -> bool {
    let frames = locked(mind).due(talk && !line.joined.is_empty());
    for frame in frames {
        if !say(line, &frame).await {
            return false;
        }
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
async fn take(line: &mut Line, mind: &Mutex<Mind>, frame: &Value, is_first: bool) -> Option<Wish> {
    if frame["type"] == "hello" {
        text(&frame["instance"]).clone_into(&mut line.instance);
    }
    let (wish, joins, rooms) = {
        let mut mind = locked(mind);
        let instance = mind.instance.clone();
        let wish = mind.take(&mut line.seen, frame);
        if !is_first {
            mind.instance = instance;
        }
        let joins = if wish == Wish::Join {
            mind.joins()
        } else {
            Vec::new()
        };
        (wish, joins, mind.room_names().len())
    };
    for join in joins {
        if !say(line, &join).await {
            return None;
        }
    }
    if let Wish::Joined(room) = &wish {
        line.joined.insert(room.clone());
        if line.joined.len() == rooms {
            locked(mind).up();
        }
    }
    if let (Wish::Wait(wait), true) = (&wish, line.joined.len() < rooms) {
        // A join was refused for now, because the store is away.
        sleep((*wait).min(Duration::from_secs(1))).await;
        let joins = locked(mind).joins();
        for join in joins {
            let is_joined = line.joined.contains(text(&join["room"]));
            if !is_joined && !say(line, &join).await {
                return None;
            }
        }
    }
    Some(wish)
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
    mind: &Mutex<Mind>,
) -> Option<Line> {
    let now = moving.as_mut()?;
    let rooms = locked(mind).room_names().len();
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
fn keep_moving(moving: &mut Option<Moving>, person: &Person) {
    let Some(now) = moving else {
        return;
    };
    if Instant::now() > now.until && now.second.is_none() {
        *moving = None;
        return;
    }
    if now.opening.is_none() && now.second.is_none() && Instant::now() >= now.not_before {
        let person = person.clone();
        now.opening = Some(tokio::spawn(async move { open(&person).await }));
    }
}
