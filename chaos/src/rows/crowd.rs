//! Many clients at once, slow ones, loud ones, and one that never stays.

use std::time::Duration;

use futures_util::SinkExt as _;
use hubbub::bench::check::Micros;
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, interval, sleep},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::person::Person,
    fault::proxy::{Flow, Proxy, Rules},
    stage::{Group, Hits, Outcome, Setup, Spec, Stage, percentile},
};

const STORM: usize = 5_000;
/// Rooms of the storm; each has so many of its clients and one who speaks.
const STORM_ROOMS: usize = 100;

/// Thousands of clients lose their sockets in one moment, because the balancer
/// dies.
pub(super) async fn storm(setup: Setup) -> anyhow::Result<Outcome> {
    let count = if setup.is_quick { 500 } else { STORM };
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    let talkers = Group {
        pause: Some(Duration::from_millis(300)),
        ..Group::default()
    };
    stage.admit(talkers).await?;
    let criers = Group {
        count: 4,
        polling: 0,
        pause: Some(Duration::from_secs(2)),
        rooms: |number| {
            let rooms = (0..STORM_ROOMS).filter(|room| room % 4 == number);
            rooms.map(|room| format!("storm-{room}")).collect()
        },
        name: "crier",
        ..Group::default()
    };
    stage.admit(criers).await?;
    for _ in 0..count / 500 {
        let crowd = Group {
            count: 500,
            polling: 0,
            pause: None,
            rooms: |number| vec![format!("storm-{}", number % STORM_ROOMS)],
            name: "listener",
            ..Group::default()
        };
        stage.admit(crowd).await?;
    }
    stage.talk().await?;
    stage.breaks("storm", Hits::Everybody, true);
    let begun = stage.now();
    stage.cluster(|cluster| cluster.haproxy().restart()).await?;
    stage.all_recover().await?;
    stage.healed();
    let lost = stage.sockets_lost_since(begun);
    stage.remark(format!("{lost} sockets lost at once"));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// Some sockets read far less than their rooms say.
pub(super) async fn slow_readers(setup: Setup) -> anyhow::Result<Outcome> {
    let spec = Spec::new(&setup).with("HUBBUB__LIMITS__OUTBOX_BYTES", "131072");
    let mut stage = Stage::open(&setup, spec).await?;
    let balancer = stage.url.trim_start_matches("http://").parse()?;
    let wire = Proxy::to(balancer).await?;
    wire.set_rules(Rules {
        down: Flow::Slow(20_000),
        ..Rules::default()
    });
    let big = Group {
        text_bytes: 3_000,
        pause: Some(Duration::from_millis(150)),
        ..Group::default()
    };
    stage.admit(big).await?;
    let slow = Group {
        count: 6,
        polling: 0,
        pause: None,
        base: Some(format!("http://{}", wire.address())),
        name: "slow",
        ..Group::default()
    };
    stage.admit(slow).await?;
    stage.talk().await?;
    stage.breaks("slow readers", Hits::TheCut, true);
    stage.is_not_measured();
    stage
        .wait(Duration::from_secs(if setup.is_quick { 8 } else { 20 }))
        .await;
    let behind = fell_behind(&stage).await?;
    wire.set_rules(Rules::default());
    stage.all_recover().await?;
    stage.healed();
    stage.require(
        behind > 0,
        "no reader fell behind, so this row shows nothing",
    );
    stage.remark(format!(
        "fell behind {behind} times and refilled from the log"
    ));
    stage.talk_until(setup.least()).await?;
    stage.finish().await
}

/// How often instances found a client behind.
async fn fell_behind(stage: &Stage) -> anyhow::Result<u64> {
    let mut sum = 0;
    let addresses = stage
        .cluster(|cluster| {
            Ok(cluster
                .instances()
                .map(hubbub_cluster::Instance::admin_address)
                .collect::<Vec<_>>())
        })
        .await?;
    for address in addresses {
        let request = reqwest::Client::new()
            .get(format!("http://{address}/metrics"))
            .header("X-API-Key", &stage.admin_key);
        let text = request.send().await?.text().await?;
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("hubbub_outbox_dropped_total "));
        sum += count
            .and_then(|count| count.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(sum)
}

/// What one user may send in 10 s in the row of the flood.
const CAP: u32 = 100;
/// How often a flooder sends in a second: 100 times that.
const FLOOD_PER_SECOND: u64 = 1_000;
/// A shorter time says nothing about 1 % of the messages.
const MEASURED: Duration = Duration::from_secs(12);

/// Two users send 100 times what they may into a room of their own.
pub(super) async fn flood(setup: Setup) -> anyhow::Result<Outcome> {
    let mut spec = Spec::new(&setup);
    spec.env.retain(|(name, _)| !name.contains("__SENDS"));
    let spec = spec.with("HUBBUB__LIMITS__SENDS", &CAP.to_string());
    let mut stage = Stage::open(&setup, spec).await?;
    let talkers = Group {
        // Two rooms each: half of the cap in each of them.
        pause: Some(Duration::from_millis(250)),
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
    let mut flooders = Vec::new();
    for number in 0..2 {
        let name = format!("flooder-{number}");
        let person = Person::with_token(&stage.url, &stage.token_secret, &name)?;
        flooders.push(Flooder(tokio::spawn(flood_on(person))));
    }
    sleep(Duration::from_secs(1)).await;
    let flooded = measure(&stage, measured).await?;
    drop(flooders);
    stage.healed();
    stage.flooded(calm, flooded);
    stage.remark("the cap is that of a user: a cap per room does not exist yet");
    stage.remark(format!(
        "p99 of the other rooms (sockets) {:.1} ms calm, {:.1} ms beside the flood",
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

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn ms(micros: Micros) -> f64 {
    micros as f64 / 1_000.0
}

/// Sends as fast as it is told to, listens to nothing, and comes back at once
/// when it is thrown out.
async fn flood_on(person: Person) {
    let mut number = 0_u64;
    loop {
        let (url, _) = person.socket();
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let join = json!({"type": "join", "room": "flooded"});
        let _ = socket.send(Message::text(join.to_string())).await;
        let mut ticks = interval(Duration::from_millis(10));
        let start = Instant::now();
        let mut sent = 0;
        'open: loop {
            ticks.tick().await;
            let due =
                u64::try_from(start.elapsed().as_millis()).unwrap_or(0) * FLOOD_PER_SECOND / 1_000;
            while sent < due {
                (sent, number) = (sent + 1, number + 1);
                let frame = json!({"type": "send", "room": "flooded",
                                   "key": format!("f{number}"), "text": "flood"});
                if socket.feed(Message::text(frame.to_string())).await.is_err() {
                    break 'open;
                }
            }
            if drain(&mut socket).await.is_err() {
                break;
            }
        }
    }
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Sends what is ready, and throws away what came.
async fn drain(socket: &mut Socket) -> Result<(), ()> {
    use futures_util::{FutureExt as _, StreamExt as _};
    socket.flush().await.map_err(drop)?;
    while let Some(message) = socket.next().now_or_never() {
        if !matches!(message, Some(Ok(_))) {
            return Err(());
        }
    }
    Ok(())
}

/// One client that comes back every 200 ms.
pub(super) async fn flapping(setup: Setup) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(&setup, Spec::new(&setup)).await?;
    stage.admit(Group::default()).await?;
    let flapping = Group {
        count: 1,
        polling: 0,
        flap: Some(Duration::from_millis(200)),
        name: "flapping",
        ..Group::default()
    };
    let flapping = stage.admit(flapping).await?;
    stage.talk().await?;
    stage
        .wait(Duration::from_secs(if setup.is_quick { 5 } else { 15 }))
        .await;
    stage.talk_until(setup.least()).await?;
    let times = stage.clients[flapping.start].mind().downs.len();
    stage.require(times > 10, "the client did not come back often enough");
    stage.remark(format!("it came back {times} times"));
    stage.finish().await
}
