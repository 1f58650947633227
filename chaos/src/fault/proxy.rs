//! A TCP proxy that can delay, hold back, swallow, slow down and cut what goes
//! through it, and change where new connections go.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// How much is passed on at a time.
const CHUNK: usize = 16 * 1024;
/// What the kernel may hold for one connection, so that a slow reader is felt
/// at the other end soon.
const SMALL_BUFFER: u32 = 16 * 1024;

/// What happens to bytes that go one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They are passed on.
    #[default]
    Pass,
    /// They are not taken, as if the far side had stopped.
    Hold,
    /// They are taken and go nowhere, as behind a dead router.
    Swallow,
    /// So many bytes a second are passed on.
    Slow(u32),
}

/// What holds for all connections of a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// From the one who connected to the target.
    pub(crate) up: Flow,
    /// Back.
    pub(crate) down: Flow,
    /// How much later everything arrives.
    pub(crate) delay: Duration,
}

impl Rules {
    /// Both ways are the same.
    pub(crate) fn both(flow: Flow) -> Self {
        Self {
            up: flow,
            down: flow,
            delay: Duration::ZERO,
        }
    }

    fn flow(&self, direction: Direction) -> Flow {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

#[derive(Clone, Copy)]
struct State {
    target: SocketAddr,
    rules: Rules,
    /// Connections with a lower number are cut.
    cut_below: u64,
    /// Connections with a lower number swallow both ways for ever.
    silent_below: u64,
}

impl State {
    fn flow(&self, number: u64, direction: Direction) -> Flow {
        if number < self.silent_below {
            Flow::Swallow
        } else {
            self.rules.flow(direction)
        }
    }
}

/// A proxy on a loopback port of its own. It ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepted: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that passes on what it gets to `target`.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(State {
            target,
            rules: Rules::default(),
            cut_below: 0,
            silent_below: 0,
        });
        let accepted = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(accept(listener, state.subscribe(), Arc::clone(&accepted)));
        Ok(Self {
            address,
            state,
            accepted,
            accepting,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections go.
    pub(crate) fn target(&self) -> SocketAddr {
        self.state.borrow().target
    }

    /// Sends new connections somewhere else.
    pub(crate) fn set_target(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Treats all connections, old and new, by these rules.
    pub(crate) fn set_rules(&self, rules: Rules) {
        self.state.send_modify(|state| state.rules = rules);
    }

    /// Closes the connections that exist now.
    pub(crate) fn cut(&self) {
        let below = self.accepted.load(Ordering::Acquire);
        self.state.send_modify(|state| state.cut_below = below);
    }

    /// The connections that exist now pass nothing on any more, and stay open:
    /// a half-open link. New ones work.
    pub(crate) fn silence(&self) {
        let below = self.accepted.load(Ordering::Acquire);
        self.state.send_modify(|state| state.silent_below = below);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>, accepted: Arc<AtomicU64>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let number = accepted.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(serve(near, number, state.clone()));
    }
}

async fn serve(near: TcpStream, number: u64, state: watch::Receiver<State>) {
    let (target, rules) = {
        let now = state.borrow();
        (now.target, now.rules)
    };
    let Ok(far) = connect(target, rules).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = state.clone();
    // Whichever ends first takes the other along: both sides see an end.
    tokio::select! {
        () = pump(near_in, far_out, number, Direction::Up, state.clone()) => {}
        () = pump(far_in, near_out, number, Direction::Down, state) => {}
        _ = cut.wait_for(|state| number < state.cut_below) => {}
    }
}

async fn connect(target: SocketAddr, rules: Rules) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(rules.down, Flow::Slow(_) | Flow::Hold) {
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
    }
    socket.connect(target).await
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    direction: Direction,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let (flow, delay) = {
            let now = state.borrow_and_update();
            (now.flow(number, direction), now.rules.delay)
        };
        let most = match flow {
            Flow::Slow(rate) => (rate as usize / 20).clamp(1, CHUNK),
            _ => CHUNK,
        };
        let length = tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
            read = from.read(&mut buffer[..most]), if flow != Flow::Hold => match read {
                Ok(length @ 1..) => length,
                _ => return,
            },
        };
        if flow == Flow::Swallow {
            continue;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        if let Flow::Slow(rate) = flow {
            let share = f64::from(u32::try_from(length).unwrap_or(rate)) / f64::from(rate.max(1));
            sleep(Duration::from_secs_f64(share)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// How long to wait for what must come.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// How long to listen for what must not come.
    const MOMENT: Duration = Duration::from_millis(150);

    /// A server that says again whatever it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    /// What is answered, if anything is in this time.
    async fn ask(stream: &mut TcpStream, longest: Duration) -> Option<u8> {
        stream.write_all(b"x").await.ok()?;
        let mut byte = [0];
        let read = timeout(longest, stream.read(&mut byte)).await;
        matches!(read, Ok(Ok(1))).then_some(byte[0])
    }

    async fn echoes(stream: &mut TcpStream) -> bool {
        ask(stream, PATIENCE).await == Some(b'x')
    }

    async fn says_nothing(stream: &mut TcpStream) -> bool {
        ask(stream, MOMENT).await.is_none()
    }

    #[tokio::test]
    async fn a_silenced_connection_stays_open_and_new_ones_work() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut old).await);
        proxy.silence();
        assert!(says_nothing(&mut old).await);
        assert!(old.write_all(b"still open").await.is_ok());
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut new).await);
    }

    #[tokio::test]
    async fn a_cut_closes_what_is_open() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut stream).await);
        proxy.cut();
        let mut byte = [0];
        let end = timeout(PATIENCE, stream.read(&mut byte)).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }

    #[tokio::test]
    async fn what_is_held_back_arrives_when_it_is_let_go() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut stream).await);
        proxy.set_rules(Rules {
            down: Flow::Hold,
            ..Rules::default()
        });
        assert!(says_nothing(&mut stream).await);
        proxy.set_rules(Rules::default());
        let mut byte = [0];
        let read = timeout(PATIENCE, stream.read(&mut byte)).await;
        assert!(matches!(read, Ok(Ok(1))), "{read:?}");
    }

    #[tokio::test]
    async fn a_slow_flow_takes_its_time_and_a_delay_adds_to_it() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        proxy.set_rules(Rules {
            down: Flow::Slow(2_000),
            delay: Duration::from_millis(20),
            ..Rules::default()
        });
        let start = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(&[7; 600]).await.unwrap();
        let mut all = [0; 600];
        stream.read_exact(&mut all).await.unwrap();
        assert!(start.elapsed() > Duration::from_millis(200));
    }

    #[tokio::test]
    async fn new_connections_follow_the_target() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        // Kept, so that nobody else listens there.
        let nobody = hubbub_cluster::Port::free().unwrap();
        proxy.set_target(nobody.address());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(says_nothing(&mut stream).await);
        proxy.set_target(echo().await);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut stream).await);
    }
}
