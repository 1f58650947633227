//! Through the balancer: stickiness, drain, scaling, paths that stay closed.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::{self, shared},
    http::{Person, fresh_room, text},
    until::until,
};

#[tokio::test]
async fn people_on_different_instances_chat_through_the_balancer() {
    let cluster = shared();
    for via in BOTH {
        let room = fresh_room("across");
        let mut clients: Vec<(String, Client)> = Vec::new();
        // Sign-ins are spread, so a few of them reach both instances.
        while clients.len() < 2 {
            let mut client = Client::enter(&cluster.url, "Across", via).await;
            let hello = client.hears(|frame| frame["type"] == "hello").await;
            let instance = text(&hello["instance"]);
            if !clients.iter().any(|(other, _)| *other == instance) {
                client.join(&room).await;
                clients.push((instance, client));
            }
        }
        for (speaks, hears) in [(0, 1), (1, 0)] {
            clients[speaks]
                .1
                .say(&room, &format!("from {speaks}"))
                .await;
            let heard = clients[hears]
                .1
                .hears_up_to(&room, &format!("from {speaks}"))
                .await;
            assert!(!heard.is_empty());
        }
    }
}

#[tokio::test]
async fn a_browser_stays_with_its_instance_while_that_is_well() {
    let ada = Person::sign_in(&shared().url, "Ada").await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect(&ada, Via::WebSocket).await;
        let hello = client.hears(|frame| frame["type"] == "hello").await;
        seen.push(text(&hello["instance"]));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn without_the_sticky_cookie_everything_still_works() {
    let cluster = shared();
    for via in BOTH {
        let room = fresh_room("loose");
        let ada = Person::sign_in(&cluster.url, "Ada")
            .await
            .without_sticky_cookie();
        let ben = Person::sign_in(&cluster.url, "Ben")
            .await
            .without_sticky_cookie();
        let mut ada = Client::connect(&ada, via).await;
        let mut ben = Client::connect(&ben, via).await;
        ada.join(&room).await;
        ben.join(&room).await;
        for count in 0..30 {
            ada.say(&room, &format!("{count}")).await;
            ben.say(&room, &format!("answer {count}")).await;
        }
        for client in [&mut ada, &mut ben] {
            let heard = client.hears_up_to(&room, "answer 29").await;
            assert_eq!(heard.len(), 60);
        }
    }
}

#[tokio::test]
async fn what_is_for_operators_is_not_there_for_the_public() {
    let cluster = shared();
    let client = reqwest::Client::new();
    let key = &cluster.admin_key;
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/readyz"),
        ("GET", "/api/v1/load"),
        ("GET", "/api/v1/instances"),
        ("GET", "/api/v1/connections"),
        ("POST", "/api/v1/notice"),
        ("POST", "/api/v1/accepting"),
        ("POST", "/api/v1/drain"),
        ("POST", "/api/v1/shutdown"),
        ("POST", "/api/v1/users/u1/kick"),
        ("DELETE", "/api/v1/rooms/lobby"),
        ("GET", "/metrics/"),
        ("GET", "//metrics"),
        ("GET", "/%6detrics"),
        ("GET", "/x/../metrics"),
    ] {
        let method = method.parse().unwrap();
        let answer = client
            .request(method, format!("{}{path}", cluster.url))
            .header("x-api-key", key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let answer = client
        .get(format!("{}/livez", cluster.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let about = client
        .get(format!("{}/api/v1/", cluster.url))
        .send()
        .await
        .unwrap();
    let about: serde_json::Value = about.json().await.unwrap();
    assert_eq!(about["data"]["app"], "hubbub");
}

#[tokio::test]
async fn a_new_instance_takes_traffic_and_nothing_else_restarts() {
    let mut cluster = cluster::start(2, &[]);
    let before = cluster.description();
    let mut ada = Client::enter(&before.url, "Ada", Via::WebSocket).await;
    ada.join("lobby").await;
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.scale(3).unwrap();
        cluster
    })
    .await
    .unwrap();
    let after = cluster.description();
    assert_eq!(before.haproxy.pid, after.haproxy.pid);
    for instance in &before.instances {
        let same = after
            .instances
            .iter()
            .find(|other| other.name == instance.name);
        assert_eq!(same.unwrap().pid, instance.pid);
    }
    let newest = after.instances.last().unwrap().name.clone();
    // The balancer sends it little at first.
    until("somebody reaches the new one", async || {
        let mut client = Client::enter(&after.url, "New", Via::WebSocket).await;
        let hello = client.hears(|frame| frame["type"] == "hello").await;
        if hello["instance"] != json!(newest) {
            return None;
        }
        client.join("lobby").await;
        client.say("lobby", "hello from the new one").await;
        Some(())
    })
    .await;
    let heard = ada.hears_up_to("lobby", "hello from the new one").await;
    assert!(!heard.is_empty());
}

#[tokio::test]
async fn a_draining_instance_asks_its_clients_to_move_and_then_ends() {
    let cluster = cluster::start(2, &[("HUBBUB__TIMING__DRAIN_WINDOW", "10s")]);
    let url = cluster.url();
    let mut ada = Client::enter(&url, "Ada", Via::WebSocket).await;
    let hello = ada.hears(|frame| frame["type"] == "hello").await;
    ada.join("lobby").await;
    let name = text(&hello["instance"]);
    let leaving = name.clone();
    let ending = tokio::task::spawn_blocking(move || {
        let process = cluster.instance(&leaving).unwrap().process();
        process.terminate().unwrap();
        process
            .wait_for_exit(Duration::from_secs(30))
            .map(|status| (status, cluster))
    });
    let moved = ada.hears(|frame| frame["type"] == "move").await;
    assert_eq!(moved["within_ms"], 10_000);
    // The sticky cookie still names the old instance: the balancer goes on to
    // the other one all the same.
    let mut second = Client::connect(&ada.person, Via::WebSocket).await;
    let hello = second.hears(|frame| frame["type"] == "hello").await;
    assert_ne!(text(&hello["instance"]), name);
    second.join("lobby").await;
    let ack = ada.say("lobby", "still here").await;
    let heard = second.hears_message("lobby").await;
    assert_eq!(heard["position"], ack["position"]);
    let (code, reason) = ada.is_closed().await;
    assert_eq!(code, Some(1012));
    let reason: serde_json::Value = serde_json::from_str(&reason).unwrap();
    assert!(reason["retry_ms"].is_u64());
    assert!(
        ending
            .await
            .unwrap()
            .is_ok_and(|(status, _)| status.success())
    );
}

#[tokio::test]
async fn an_instance_that_takes_no_new_traffic_keeps_what_it_has() {
    let cluster = cluster::start(2, &[]);
    let description = cluster.description();
    let mut ada = Client::enter(&description.url, "Ada", Via::WebSocket).await;
    let hello = ada.hears(|frame| frame["type"] == "hello").await;
    ada.join("lobby").await;
    let instance = description
        .instances
        .iter()
        .find(|instance| json!(instance.name) == hello["instance"])
        .unwrap();
    let accepting = |on: bool| {
        reqwest::Client::new()
            .post(format!("{}/api/v1/accepting", instance.admin_url))
            .header("x-api-key", &description.admin_key)
            .json(&json!({"on": on}))
            .send()
    };
    assert_eq!(accepting(false).await.unwrap().status(), 200);
    for _ in 0..4 {
        let mut next = Client::connect(&ada.person, Via::WebSocket).await;
        let other = next.hears(|frame| frame["type"] == "hello").await;
        assert_ne!(other["instance"], hello["instance"]);
    }
    ada.say("lobby", "here all the same").await;
    assert_eq!(accepting(true).await.unwrap().status(), 200);
    let ready = format!("{}/readyz", instance.url);
    tokio::task::spawn_blocking(move || {
        let address = ready
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap()
            .parse();
        let address = address.unwrap();
        hubbub_cluster::until(
            "the instance is ready again",
            Duration::from_secs(30),
            || Ok(hubbub_cluster::get(address, "/readyz").is_ok_and(|(status, _)| status == 200)),
        )
        .unwrap();
        drop(cluster);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_sticky_cookie_is_out_of_reach_of_scripts() {
    let answer = Person::stranger(&shared().url)
        .request(reqwest::Method::GET, "/", None)
        .await
        .unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("SRV="), "{cookie}");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
}
