//! `hubbub demo`: characters that hold a conversation as any other client would,
//! and say in the end whether everything arrived.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use hubbub_cluster::{Description, Port};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, Via},
    cluster::{self as place, cases},
    http::{Person, fresh_room, text},
    until::until,
    wrong_server::WrongServer,
};

cases! {
    they_hold_every_scene_and_the_log_has_all_of_it_once;
    a_visitor_who_says_something_is_greeted;
}

/// How long a line may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demonstration under way. It is killed when this is dropped.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

/// How a demonstration ended.
struct Ended {
    status: Option<i32>,
    lines: Vec<String>,
    error: String,
}

impl Demo {
    fn start(target: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(place::binary())
            .args(["demo", "--target", target])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits for the next line with these words.
    fn says(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => panic!("never said {words:?} ({error}): {:#?}", self.said),
            }
        }
    }

    fn interrupt(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).unwrap();
    }

    fn end(mut self) -> Ended {
        let mut lines = std::mem::take(&mut self.said);
        loop {
            match self.lines.recv_timeout(3 * PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {lines:#?}"),
            }
        }
        let mut error = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut error).unwrap();
        Ended {
            status: self.child.wait().unwrap().code(),
            lines,
            error,
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only if it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    fn summary(&self) -> &str {
        self.lines.last().unwrap()
    }

    /// Everything arrived once, and nothing was refused.
    fn is_clean(&self) {
        let said = self.lines.join("\n");
        assert_eq!(self.status, Some(0), "{said}\n{}", self.error);
        let summary = self.summary();
        assert!(summary.contains(", 0 lost, 0 doubled; "), "{said}");
        assert!(!summary.contains("refused"), "{said}");
        assert_eq!(self.number_of("sent"), self.number_of("heard by everybody"));
    }

    /// The number that the summary gives of something.
    fn number_of(&self, what: &str) -> u64 {
        let mut parts = self.summary().split([',', ';']).map(str::trim);
        let found = parts.find_map(|part| part.strip_suffix(what));
        found.unwrap().trim().parse().unwrap()
    }
}

/// Lets somebody wait for the demonstration elsewhere than on the runtime.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// All messages of a room as they stand, oldest first.
async fn log_of(person: &Person, room: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/api/v1/rooms/{room}/messages?limit=100{before}");
        let (status, page) = person.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let mut messages = page["messages"].as_array().unwrap().clone();
        messages.append(&mut all);
        all = messages;
        if page["more"] != true {
            return all;
        }
        before = format!("&before={}", text(&page["before"]));
    }
}

async fn they_hold_every_scene_and_the_log_has_all_of_it_once(world: &Description) {
    let room = fresh_room("demo");
    let demo = Demo::start(&world.url, &["--once", "--speed", "100", "--room", &room]);
    let ended = aside(move || demo.end()).await;
    ended.is_clean();
    let reader = Person::sign_in(&world.url, "Reader").await;
    let log = log_of(&reader, &room).await;
    let texts: Vec<String> = log.iter().map(|message| text(&message["text"])).collect();
    let first = "Good morning! Who has seen the coffee? ☕";
    assert_eq!(texts.first().map(String::as_str), Some(first));
    assert_eq!(
        texts.last().map(String::as_str),
        Some("The time was right.")
    );
    let keys: HashSet<&str> = log.iter().filter_map(|each| each["key"].as_str()).collect();
    assert_eq!(keys.len(), log.len(), "no message is there twice");
    // Edits, deletes and reactions are sent, too.
    let sent = ended.number_of("sent");
    assert!(
        sent > log.len() as u64 && log.len() > 80,
        "{sent} {}",
        log.len()
    );
    let names: HashSet<String> = log.iter().map(|each| text(&each["from"]["name"])).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let has = |what: &dyn Fn(&Value) -> bool| assert!(log.iter().any(what));
    has(&|message| message["edited"].is_u64());
    has(&|message| message["deleted"] == true && message["text"] == "");
    has(&|message| message["reply_to"].is_string());
    has(&|message| message["reactions"].is_array());
    // Whoever is named is meant.
    let ids: HashMap<String, &Value> = log
        .iter()
        .map(|each| (text(&each["from"]["name"]), &each["from"]["id"]))
        .collect();
    let calls: Vec<&Value> = log
        .iter()
        .filter(|each| each["mentions"].is_array())
        .collect();
    assert!(calls.len() >= 4);
    for message in calls {
        let words = text(&message["text"]);
        let meant = ids
            .iter()
            .find(|(name, _)| words.contains(&format!("@{name}")));
        assert_eq!(&message["mentions"][0], *meant.unwrap().1, "{words}");
    }
}

async fn a_visitor_who_says_something_is_greeted(world: &Description) {
    let room = fresh_room("visited");
    let mut visitor = Client::enter(&world.url, "Zed", Via::WebSocket).await;
    visitor.join(&room).await;
    let arguments = ["--forever", "--speed", "20", "--characters", "2", "--room"];
    let arguments = [&arguments[..], &[room.as_str()]].concat();
    let mut demo = Demo::start(&world.url, &arguments);
    let demo = aside(move || {
        // Under whatever names: others of this world may be called Ada and Ben.
        demo.says(" comes in");
        demo.says(" comes in");
        demo
    })
    .await;
    let ack = visitor.say(&room, "Is anybody here?").await;
    let id = visitor.person.id.clone();
    let greeting = visitor
        .hears(|frame| frame["type"] == "message" && frame["reply_to"] == ack["position"])
        .await;
    assert_eq!(greeting["mentions"], json!([id]));
    demo.interrupt();
    aside(move || demo.end()).await.is_clean();
}

#[tokio::test]
async fn instances_are_replaced_and_one_is_lost_while_they_talk_and_nothing_is() {
    let settings = [
        ("HUBBUB__TIMING__DRAIN_WINDOW", "8s"),
        ("HUBBUB__LIMITS__SENDS", "1000"),
    ];
    let ended = aside(move || {
        let mut cluster = place::start(2, &settings);
        let mut demo = Demo::start(&cluster.url(), &["--forever", "--speed", "20"]);
        demo.says("Ada: ");
        cluster.roll(None).unwrap();
        demo.says(": ");
        // Everybody is on one of the two: whoever is on this one is cut off.
        let lost = cluster.instances().next().unwrap().name().to_owned();
        cluster.scale(3).unwrap();
        demo.says(": ");
        cluster.instance(&lost).unwrap().process().kill();
        for _ in 0..5 {
            demo.says(": ");
        }
        demo.interrupt();
        demo.end()
    })
    .await;
    ended.is_clean();
    assert!(ended.number_of("moves") >= 6, "{}", ended.summary());
}

#[tokio::test]
async fn a_name_that_is_taken_is_replaced_and_ctrl_c_gives_all_names_back() {
    let (world, _kept) = place::start_embedded();
    let mut ada = Person::stranger(&world.url);
    assert_eq!(ada.try_sign_in("Ada").await.0, 201);
    let mut demo = Demo::start(&world.url, &["--speed", "20", "--characters", "3"]);
    let (demo, told) = aside(move || {
        let told = demo.says("Ada is taken");
        demo.says("Ada 2: ");
        demo.interrupt();
        (demo, told)
    })
    .await;
    assert!(told.contains("Ada 2 it is"), "{told}");
    aside(move || demo.end()).await.is_clean();
    for name in ["Ada 2", "Ben", "Chiyo"] {
        let mut other = Person::stranger(&world.url);
        assert_eq!(other.try_sign_in(name).await.0, 201, "{name}");
    }
    // Nobody is shown in the room any more.
    let mut reader = Client::enter(&world.url, "Reader", Via::WebSocket).await;
    reader.join("lobby").await;
    until("the reader is alone", async || {
        let members = json!({"type": "members", "room": "lobby"});
        (reader.ask(&members).await["count"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_is_asked_to_slow_down_waits_and_nothing_is_lost() {
    let settings = [
        ("HUBBUB__LIMITS__SENDS", "1"),
        ("HUBBUB__LIMITS__SENDS_PER_MS", "1000"),
    ];
    let ended = aside(move || {
        let cluster = place::start(1, &settings);
        let arguments = ["--speed", "100", "--characters", "2", "--for", "15s"];
        Demo::start(&cluster.url(), &arguments).end()
    })
    .await;
    ended.is_clean();
    let slow = |line: &String| line.contains("is asked to slow down");
    assert!(ended.lines.iter().any(slow), "{:#?}", ended.lines);
    assert!(ended.number_of("sent") > 5, "{}", ended.summary());
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_is_none_are_told_apart() {
    let port = Port::free().unwrap();
    let target = format!("http://{}", port.address());
    let ended = aside(move || Demo::start(&target, &[]).end()).await;
    assert_eq!(ended.status, Some(1));
    for words in ["does not answer: ", "hubbub serve", "--target"] {
        assert!(ended.error.contains(words), "{}", ended.error);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
    let ended = aside(move || Demo::start(&target, &[]).end()).await;
    assert_eq!(ended.status, Some(1));
    let says = "answers 404 and not as a hubbub server does";
    assert!(ended.error.contains(says), "{}", ended.error);
}

#[tokio::test]
async fn a_server_that_drops_a_message_is_found_out() {
    let server = WrongServer::start().await;
    let url = server.url.clone();
    let ended = aside(move || {
        let mut demo = Demo::start(&url, &["--speed", "100"]);
        demo.says("(waiting for ");
        demo.interrupt();
        demo.end()
    })
    .await;
    assert_eq!(ended.status, Some(1), "{:#?}", ended.lines);
    assert_eq!((ended.number_of("sent"), ended.number_of("lost")), (3, 1));
    let says = "not everything arrived once";
    assert!(ended.error.contains(says), "{}", ended.error);
}

#[tokio::test]
async fn a_room_that_is_not_for_them_is_said_and_everybody_signs_out() {
    let world = place::embedded();
    let room = format!("p-{:032x}", 7);
    let url = world.url.clone();
    let ended = aside(move || Demo::start(&url, &["--room", &room]).end()).await;
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.error.contains("cannot come into p-"),
        "{}",
        ended.error
    );
}
