//! `hubbub bench` itself: clean against the server, and not fooled by a wrong
//! one.

use std::{path::PathBuf, process::Command};

use hubbub_cluster::{Description, RunDir};
use serde_json::Value;

use crate::support::{cluster, wrong_server::WrongServer};

/// How a run ended, and what it said.
struct Ran {
    status: Option<i32>,
    said: String,
    report: Value,
    page: String,
}

/// Runs `hubbub bench` to its end.
async fn bench(arguments: &[&str]) -> Ran {
    let dir = RunDir::temporary().unwrap();
    let (json, html) = (dir.path().join("run.json"), dir.path().join("run.html"));
    let mut command = Command::new(cluster::binary());
    command.args(["bench", "--quiet"]).args(arguments);
    command.arg("--json").arg(&json).arg("--html").arg(&html);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    Ran {
        status: output.status.code(),
        said: [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat(),
        report: serde_json::from_str(&read(json)).unwrap_or_default(),
        page: read(html),
    }
}

async fn against(world: &Description, arguments: &[&str]) -> Ran {
    let dir = RunDir::temporary().unwrap();
    let file = dir.path().join("cluster.json");
    world.write(&file).unwrap();
    let mut all = vec!["--cluster", file.to_str().unwrap()];
    all.extend(arguments);
    bench(&all).await
}

const CROWD: [&str; 10] = [
    "--check",
    "--clients",
    "24",
    "--rooms",
    "3",
    "--rate",
    "30",
    "--poll-share",
    "0.25",
    "--duration",
];

async fn is_clean(world: &Description, scenario: &str) {
    // What comes late because this machine is busy comes all the same.
    let arguments = [&[scenario], &CROWD[..], &["3s", "--calm", "10s"]].concat();
    let Ran {
        status,
        said,
        report,
        page,
    } = against(world, &arguments).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(report["is_clean"], true, "{said}");
    assert_eq!(report["violations"], 0, "{said}");
    let counts = &report["counts"];
    let acknowledged = counts["acknowledged"].as_u64().unwrap();
    assert!(acknowledged > 30, "{counts}");
    // Three rooms of eight: everybody hears what is said in their room.
    assert_eq!(counts["delivered"], acknowledged * 8, "{counts}");
    let findings = report["verdict"]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 14);
    for held in ["I1", "I2", "I3", "I4", "I5", "I8", "I9", "I10", "I11"] {
        let found = findings.iter().find(|found| found["invariant"] == held);
        assert_eq!(found.unwrap()["outcome"], "held", "{held}: {said}");
    }
    assert!(report["latency"]["delivery"]["p99_ms"].as_f64().unwrap() > 0.0);
    assert!(report["processes"][0]["cpu_seconds"].as_f64().unwrap() > 0.0);
    assert!(report["points"].as_array().unwrap().len() >= 2);
    assert!(page.contains("<svg") && !page.contains("<script"));
}

#[tokio::test]
async fn two_instances_behind_the_balancer_are_clean() {
    is_clean(cluster::shared(), "steady").await;
}

#[tokio::test]
async fn one_instance_alone_is_clean() {
    is_clean(cluster::embedded(), "steady").await;
}

#[tokio::test]
async fn clients_that_were_cut_get_everything_once() {
    is_clean(cluster::shared(), "jitter").await;
}

#[tokio::test]
async fn a_closed_loop_without_the_checker_is_clean_too() {
    let arguments = ["one-room", "--clients", "20", "--duration", "2s"];
    let ran = against(cluster::embedded(), &arguments).await;
    assert_eq!(ran.status, Some(0), "{}", ran.said);
    assert_eq!(ran.report["verdict"], Value::Null);
    assert!(ran.report["delivered"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_server_that_drops_doubles_and_swaps_is_found_out() {
    let server = WrongServer::start().await;
    let ran = bench(&[
        "--check",
        "--target",
        &server.url,
        "--token-secret",
        "0123456789abcdef0123456789abcdef",
        "--clients",
        "6",
        "--rooms",
        "1",
        "--rate",
        "100",
        "--duration",
        "2s",
        "--drain",
        "3s",
    ])
    .await;
    assert_eq!(ran.status, Some(1), "{}", ran.said);
    let expected = server.faults();
    assert!(expected.dropped > 3, "{expected:?}");
    let counts = &ran.report["verdict"]["counts"];
    assert_eq!(counts["lost"], 6 * expected.dropped, "{}", ran.said);
    assert_eq!(counts["duplicated"], 6 * expected.doubled, "{}", ran.said);
    assert_eq!(counts["reordered"], 6 * expected.swapped, "{}", ran.said);
    assert_eq!(
        counts["acknowledged"], expected.acknowledged,
        "{}",
        ran.said
    );
    // The clients themselves noticed, without the checker's help.
    let tally = &ran.report["counts"];
    let lost = tally["holes"].as_u64().unwrap() + ran.report["short"].as_u64().unwrap();
    assert_eq!(lost, 6 * expected.dropped, "{tally}");
    assert_eq!(tally["duplicated"], 6 * expected.doubled);
    assert_eq!(tally["reordered"], 6 * expected.swapped);
    for invariant in ["I1", "I2", "I5", "I10"] {
        let says = format!("{invariant:<4}BROKEN");
        assert!(ran.said.contains(&says), "{says}: {}", ran.said);
    }
}

#[tokio::test]
async fn another_machine_is_not_loaded_unasked() {
    let ran = bench(&["--target", "http://192.0.2.1:80"]).await;
    assert_eq!(ran.status, Some(2), "{}", ran.said);
    assert!(ran.said.contains("--allow-remote"), "{}", ran.said);
}

#[tokio::test]
async fn only_a_cluster_can_be_rolled() {
    let ran = bench(&["rolling-restart", "--target", "http://127.0.0.1:1"]).await;
    assert_eq!(ran.status, Some(2), "{}", ran.said);
    assert!(ran.said.contains("make cluster"), "{}", ran.said);
}

/// The cluster of the tests listens to nobody who would replace its instances.
#[tokio::test]
async fn a_rolling_restart_that_does_not_happen_is_a_failed_run() {
    let arguments = ["rolling-restart", "--clients", "10", "--duration", "1s"];
    let ran = against(cluster::shared(), &arguments).await;
    assert_eq!(ran.status, Some(1), "{}", ran.said);
    assert!(
        ran.said.contains("not every instance was replaced"),
        "{}",
        ran.said
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failed_run() {
    // A port that was free a moment ago.
    let port = hubbub_cluster::Port::free().unwrap();
    let target = format!("http://{}", port.address());
    let arguments = [
        "--clients",
        "3",
        "--connect-limit",
        "2s",
        "--duration",
        "1s",
    ];
    let all = [&["--target", &target, "--drain", "1s"], &arguments[..]].concat();
    let ran = bench(&all).await;
    assert_eq!(ran.status, Some(1), "{}", ran.said);
    assert!(ran.said.contains("only 0 of 3"), "{}", ran.said);
}
