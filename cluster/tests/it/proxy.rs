//! What haproxy.cfg promises: what the public may reach, stickiness, and what clients see of a kill, a freeze, a drain.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hubbub_cluster::{Cluster, until};

use crate::http::{ask, ask_once, echoes, send, upgrade};
use crate::stub::DRAIN_MS;
use crate::{cluster_of, stand_ins};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_public_reaches_what_is_public_and_nothing_else() {
    let mut cluster = cluster_of(1);
    let address = cluster.haproxy().address();
    let passes = [
        ("GET", "/"),
        ("GET", "/r/lobby"),
        ("GET", "/assets/3f9a/app.js"),
        ("GET", "/livez"),
        ("GET", "/primus/?_primuscb=1"),
        ("GET", "/api/v1/"),
        ("GET", "/api/v1/session"),
        ("POST", "/api/v1/session"),
        ("DELETE", "/api/v1/session"),
        ("POST", "/api/v1/poll"),
        ("POST", "/api/v1/frames"),
        ("GET", "/api/v1/rooms"),
        ("POST", "/api/v1/rooms/tea-room_1"),
        ("GET", "/api/v1/rooms/lobby/messages?before=1-1&limit=5"),
        (
            "GET",
            "/api/v1/rooms/lobby/search?q=words&before=1-1&limit=5",
        ),
    ];
    for (method, path) in passes {
        let answer = ask(address, method, path, "", "");
        assert_eq!(
            (answer.status, answer.by()),
            (200, "app-1"),
            "{method} {path}"
        );
    }
    let refused = [
        ("GET", "/metrics"),
        ("GET", "/metrics/"),
        ("GET", "/metrics?x=1"),
        ("GET", "//metrics"),
        ("GET", "/%6detrics"),
        ("GET", "/%256detrics"),
        ("GET", "/./metrics"),
        ("GET", "/r/../metrics"),
        ("GET", "/METRICS"),
        ("GET", "/metrics;x"),
        ("GET", "http://hubbub.test/metrics"),
        ("GET", "/readyz"),
        ("HEAD", "/readyz"),
        ("GET", "/readyz/"),
        ("GET", "/api"),
        ("GET", "/api/v1/load"),
        ("GET", "/api/v1//load"),
        ("GET", "/API/v1/load"),
        ("GET", "/api/v1/instances"),
        ("GET", "/api/v1/connections?user=1"),
        ("POST", "/api/v1/notice"),
        ("POST", "/api/v1/users/1/kick"),
        ("POST", "/api/v1/accepting"),
        ("POST", "/api/v1/drain"),
        ("POST", "/api/v1/shutdown"),
        ("DELETE", "/api/v1/rooms/lobby"),
        ("DELETE", "/api/v1/rooms/lobby/"),
        ("DELETE", "/api/v1/rooms"),
        ("OPTIONS", "*"),
    ];
    for (method, path) in refused {
        let answer = ask(address, method, path, "", "");
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(
            !answer.body.starts_with("app-"),
            "{method} {path} reached an instance"
        );
    }
}

#[test]
fn an_address_of_a_room_leads_to_the_page_however_it_is_spelt() {
    let mut cluster = cluster_of(1);
    let address = cluster.haproxy().address();
    for path in [
        "/r/book%20club",
        "/r/B%C3%BCcher%20Club",
        "/r/x*",
        "/r/...",
        "/r/%",
        "/r//x",
        "/r/%2e%2e/metrics",
        "/r/a%2f..%2f..%2fmetrics?x=1",
    ] {
        let answer = ask(address, "GET", path, "", "");
        assert_eq!(answer.status, 200, "{path}");
        // No instance gets to see another spelling.
        assert!(
            answer.body.starts_with("app-1 GET /r/- "),
            "{path}: {}",
            answer.body
        );
        let answer = ask(address, "POST", path, "", "");
        assert_eq!(answer.status, 404, "only to look at: {path}");
    }
}

#[test]
fn an_instance_sees_the_true_address_and_scheme_and_never_the_sticky_cookie() {
    let mut cluster = cluster_of(1);
    let address = cluster.haproxy().address();
    let lies = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\n";
    let cookie = ask(address, "GET", "/", "", "")
        .cookie()
        .unwrap()
        .to_owned();
    let answer = ask(
        address,
        "GET",
        "/",
        &format!("{lies}Cookie: SRV={cookie}; hubbub_session=s\r\n"),
        "",
    );
    let seen = answer.body.to_lowercase();
    assert!(
        seen.contains("x-forwarded-for: 127.0.0.1\r\n")
            && seen.contains("x-forwarded-proto: http\r\n"),
        "{seen}"
    );
    assert!(
        !seen.contains("9.9.9.9") && !seen.contains("https") && !seen.contains("srv="),
        "{seen}"
    );
    assert!(seen.contains("hubbub_session=s"), "{seen}");
}

#[test]
fn no_log_line_holds_a_token_or_a_cookie() {
    let mut cluster = cluster_of(1);
    let address = cluster.haproxy().address();
    // Refusals and failures are what is logged.
    ask(
        address,
        "GET",
        "/metrics?token=secret-1",
        "Cookie: hubbub_session=secret-2\r\n",
        "",
    );
    ask(
        address,
        "GET",
        "/silence?token=secret-3",
        "Authorization: Bearer secret-4\r\n",
        "",
    );
    let mut log = || cluster.haproxy().process().log();
    until("both are logged", SOON, || {
        Ok(log().contains("GET /metrics") && log().contains("GET /silence"))
    })
    .unwrap();
    assert!(!log().contains("secret"), "{}", log());
}

#[test]
fn a_cookie_leads_back_to_its_instance_and_says_so_only_once() {
    let mut cluster = cluster_of(3);
    let address = cluster.haproxy().address();
    let first = ask(address, "GET", "/", "", "");
    let set = first
        .head
        .lines()
        .find(|line| line.starts_with("set-cookie: SRV="))
        .unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("path=/"),
        "{set}"
    );
    let cookie = format!("Cookie: SRV={}\r\n", first.cookie().unwrap());
    for _ in 0..30 {
        let again = ask(address, "GET", "/", &cookie, "");
        assert_eq!((again.by(), again.cookie()), (first.by(), None));
        assert_eq!(
            ask(address, "POST", "/api/v1/session", &cookie, "{}").by(),
            first.by()
        );
    }
    let (_socket, name) = upgrade(address, "/ws", &cookie);
    assert_eq!(name, first.by());
}

#[test]
fn after_a_kill_nobody_sees_an_error_and_held_requests_are_repeated() {
    let mut cluster = cluster_of(3);
    let address = cluster.haproxy().address();
    let first = ask(address, "GET", "/", "", "");
    let cookie = format!("Cookie: SRV={}\r\n", first.cookie().unwrap());
    let (mut socket, _) = upgrade(address, "/ws", &cookie);
    assert!(echoes(&mut socket));
    cluster.instance(first.by()).unwrap().process().kill();
    // The first one is a sign-in: the refused connection is repeated for it too.
    let sign_in = ask(address, "POST", "/api/v1/session", &cookie, "{}");
    assert_eq!(sign_in.status, 200);
    // When the balancer finds out by itself, it cuts what it is about to repeat at that moment: once.
    let mut was_cut = false;
    for _ in 0..20 {
        let answer = match ask_once(address, "GET", "/", &cookie, "") {
            Ok(answer) => answer,
            Err(said) => {
                assert!(said.is_empty() && !was_cut, "{said}");
                was_cut = true;
                continue;
            }
        };
        assert_eq!(answer.status, 200);
        assert_ne!(answer.by(), first.by());
        assert!(answer.cookie().is_some());
    }
    assert!(!echoes(&mut socket));
    assert_eq!(cluster.newly_ended().len(), 1);
    cluster.wait_until_up().unwrap();
    assert_eq!(cluster.instances().count(), 2);
}

#[test]
fn a_sign_in_at_a_frozen_instance_is_never_done_twice_and_nobody_hangs() {
    let mut cluster = cluster_of(2);
    let address = cluster.haproxy().address();
    let first = ask(address, "GET", "/", "", "");
    let more = format!(
        "Connection: close\r\nCookie: SRV={}\r\n",
        first.cookie().unwrap()
    );
    cluster
        .instance(first.by())
        .unwrap()
        .process()
        .freeze()
        .unwrap();
    let start = Instant::now();
    let mut sign_in = send(address, "POST", "/api/v1/session", &more, "{}");
    let mut poll = send(address, "POST", "/api/v1/poll", &more, "{}");
    let mut answers = [String::new(), String::new()];
    sign_in.read_to_string(&mut answers[0]).unwrap();
    poll.read_to_string(&mut answers[1]).unwrap();
    assert!(start.elapsed() < SOON, "after {:?}", start.elapsed());
    // When the instance is given up, HAProxy 2.6 repeats the poll elsewhere and answers the sign-in with an error;
    // HAProxy 3.0 closes both connections, and their clients ask again.
    let [sign_in, poll] = answers;
    let is_cut_off = |answer: &str| answer.is_empty() || answer.starts_with("HTTP/1.1 50");
    assert!(is_cut_off(&sign_in), "{sign_in}");
    assert!(
        is_cut_off(&poll) || poll.starts_with("HTTP/1.1 200"),
        "{poll}"
    );
}

#[test]
fn a_frozen_instance_is_given_up_within_seconds_and_comes_back() {
    let mut cluster = cluster_of(2);
    let address = cluster.haproxy().address();
    let (mut socket, name) = upgrade(address, "/ws", "");
    cluster.instance(&name).unwrap().process().freeze().unwrap();
    let start = Instant::now();
    assert!(!echoes(&mut socket));
    assert!(start.elapsed() < SOON, "cut after {:?}", start.elapsed());
    assert_eq!(ask(address, "GET", "/", "", "").status, 200);
    cluster.instance(&name).unwrap().process().thaw().unwrap();
    cluster.wait_until_up().unwrap();
}

#[test]
fn a_draining_instance_keeps_its_sockets_and_gets_no_new_work() {
    let mut options = stand_ins(2);
    // It drains until it is killed.
    options.env.push((DRAIN_MS.into(), "600000".into()));
    let mut cluster = Cluster::start(options).unwrap();
    let address = cluster.haproxy().address();
    let first = ask(address, "GET", "/", "", "");
    let cookie = format!("Cookie: SRV={}\r\n", first.cookie().unwrap());
    let (mut socket, name) = upgrade(address, "/ws", &cookie);
    let instance = cluster.instance(&name).unwrap();
    instance.process().terminate().unwrap();
    until("it drains", SOON, || Ok(!instance.is_ready())).unwrap();
    let big = "x".repeat(32 * 1024);
    for round in 0..6 {
        // Most while it drains, and the last ones when it has ended.
        if round == 4 {
            instance.process().kill();
        }
        for (method, path, body) in [
            ("GET", "/", ""),
            ("POST", "/api/v1/session", "{}"),
            ("POST", "/api/v1/frames", big.as_str()),
        ] {
            let answer = ask(address, method, path, &cookie, body);
            assert_eq!(answer.status, 200, "{method} {path}");
            assert_ne!(answer.by(), name);
        }
        assert_ne!(upgrade(address, "/ws", &cookie).1, name);
        assert_eq!(echoes(&mut socket), round < 4, "{round}");
    }
}

#[test]
fn one_address_gets_as_many_connections_as_it_may_hold() {
    let mut options = stand_ins(1);
    options
        .haproxy_env
        .push(("HUBBUB_MAX_PER_ADDRESS".into(), "5".into()));
    let mut cluster = Cluster::start(options).unwrap();
    let address = cluster.haproxy().address();
    let mut sockets: Vec<_> = (0..5).map(|_| upgrade(address, "/ws", "").0).collect();
    assert!(!is_answered(address));
    assert!(sockets.iter_mut().all(echoes));
    sockets.pop();
    until("the place is free again", SOON, || Ok(is_answered(address))).unwrap();
}

/// Whether a new connection gets an answer and is not reset.
fn is_answered(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: hubbub.test\r\n\r\n")?;
        stream.read(&mut [0])
    };
    matches!(ask(), Ok(1))
}
