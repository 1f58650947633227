//! Many users flood one room with far more than it takes, beside rooms in which
//! people talk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use hubbub::{bench::check::Micros, client::Door as _};
use serde_json::json;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{
    client::person::Person,
    fault::redis,
    stage::{Group, Hits, Outcome, Setup, Spec, Stage, percentile},
};

const INSTANCES: u64 = 3;
/// What one instance takes for one room in a second, in this row. It is less
/// than as shipped, so that a hundred times as much leaves the one machine on
/// which all of this runs some time for anything else.
const CAP: u64 = 12;
const TIMES: u64 = 100;
/// None of them is above what one user may send in this row: the room's cap is
/// what holds.
const FLOODERS: u64 = 24;
/// How much all of them send in a second. They begin a little above what is
/// wanted, as they are never quite on time.
const PER_SECOND: u64 = CAP * INSTANCES * TIMES * 21 / 20;
const ROOM: &str = "flooded";
/// A shorter time says nothing about 1 % of the messages.
const MEASURED: Duration = Duration::from_secs(12);

/// The other rooms must be as quick as in calm, or nearly so.
pub(super) async fn flood(setup: Setup) -> anyhow::Result<Outcome> {
    let spec = Spec::new(&setup).with("HUBBUB__LIMITS__ROOM_SENDS", &CAP.to_string());
    let mut stage = Stage::open(&setup, spec).await?;
    let talkers = Group {
        // Each of their rooms stays far enough below the cap: four messages a
        // second on each instance.
        pause: Some(Duration::from_secs(1)),
        ..Group::default()
    };
    stage.admit(talkers).await?;
    stage.talk().await?;
    let measured = if setup.is_quick {
        MEASURED / 3
    } else {
        MEASURED
    };
    let calm = measure(&stage, measured).await?;
    stage.breaks("flood", Hits::Everybody, false);
    stage.is_not_measured();
    let sent = Arc::new(AtomicU64::new(0));
    let mut flooders = Vec::new();
    for number in 0..FLOODERS {
        let name = format!("flooder-{number}");
        let person = Person::with_token(&stage.url, &stage.token_secret, &name)?;
        flooders.push(Flooder(tokio::spawn(flood_on(person, Arc::clone(&sent)))));
    }
    sleep(Duration::from_secs(1)).await;
    let (sent_before, stored_before) = (sent.load(Ordering::Relaxed), stored(&stage).await?);
    let begun = Instant::now();
    let flooded = measure(&stage, measured).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let came = rate(sent.load(Ordering::Relaxed) - sent_before, seconds);
    let taken = rate(stored(&stage).await? - stored_before, seconds);
    drop(flooders);
    stage.healed();
    stage.flooded(calm, flooded);
    let cap = CAP * INSTANCES;
    stage.require(
        came >= cap * TIMES,
        format!("only {came} messages a second came, which is less than {TIMES} times {cap}"),
    );
    // The cap is of each second from the first message on, so the edges of the
    // measured time may hold a little of the seconds beside it.
    stage.require(
        taken > 0 && taken <= cap * 11 / 10,
        format!("{taken} messages a second were stored in the flooded room; the cap is {cap}"),
    );
    stage.remark(format!(
        "limits.room_sends is {CAP} a second on each of {INSTANCES} instances; {came} a second \
         were sent, {taken} a second stored; p99 of the other rooms (sockets) {:.1} ms calm, {:.1} \
         ms beside the flood",
        ms(calm),
        ms(flooded)
    ));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

struct Flooder(JoinHandle<()>);

impl Drop for Flooder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// p99 of what is said within a time.
async fn measure(stage: &Stage, time: Duration) -> anyhow::Result<Micros> {
    let from = stage.now();
    sleep(time).await;
    let all = stage.latencies(from, stage.now());
    anyhow::ensure!(all.len() > 500, "too little was said to measure anything");
    Ok(percentile(&all, 0.99).unwrap_or_default())
}

/// How much the flooded room holds.
async fn stored(stage: &Stage) -> anyhow::Result<u64> {
    let key = format!("hubbub:1:{{{ROOM}}}:log");
    redis::ask(stage.store, &["XLEN", &key]).await
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "shown without decimals"
)]
fn rate(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds) as u64
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn ms(micros: Micros) -> f64 {
    micros as f64 / 1_000.0
}

/// Sends as fast as it is told to, listens to nothing, and comes back at once
/// when it is thrown out.
async fn flood_on(person: Person, all_sent: Arc<AtomicU64>) {
    let mut number = 0_u64;
    loop {
        let Some(request) = person.request() else {
            return;
        };
        let Ok((mut socket, _)) = connect_async(request).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let join = json!({"type": "join", "room": ROOM});
        let _ = socket.send(Message::text(join.to_string())).await;
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let start = Instant::now();
        let mut sent = 0;
        'open: loop {
            ticks.tick().await;
            let due = u64::try_from(start.elapsed().as_millis()).unwrap_or(0) * PER_SECOND
                / FLOODERS
                / 1_000;
            while sent < due {
                (sent, number) = (sent + 1, number + 1);
                let frame = format!(
                    r#"{{"type":"send","room":"{ROOM}","key":"f{number}","text":"flood"}}"#
                );
                if socket.feed(Message::text(frame)).await.is_err() {
                    break 'open;
                }
                all_sent.fetch_add(1, Ordering::Relaxed);
            }
            if drain(&mut socket).await.is_err() {
                break;
            }
        }
    }
}

/// Sends what is ready, and throws away what came.
async fn drain(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<(), ()> {
    socket.flush().await.map_err(drop)?;
    while let Some(message) = socket.next().now_or_never() {
        if !matches!(message, Some(Ok(_))) {
            return Err(());
        }
    }
    Ok(())
}
