//! What bounds signing in: how long a name is locked by a sign-in that came to
//! nothing, and how many sign-ins one address may make.

use std::time::Duration;

use hubbub_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::{
    cluster,
    http::{Person, unique},
    until::{until, within},
};

fn alone(env: &[(&str, &str)]) -> (Cluster, String) {
    let cluster = cluster::start(1, env);
    let url = cluster.description().instances[0].url.clone();
    (cluster, url)
}

#[tokio::test]
async fn a_name_whose_sign_in_came_to_nothing_is_free_again_soon() {
    let (_cluster, url) = alone(&[("HUBBUB__SESSION__FIRST_HOLD", "2s")]);
    let mut other = Person::stranger(&url);
    let (mut lost, used, goes_on, held) = within(Duration::from_secs(2), async || {
        let used = Person::sign_in(&url, "Used").await;
        let lost = Person::sign_in(&url, "Lost").await;
        // One browser got its answer and goes on; of the other nothing is heard.
        let goes_on = used.get("/api/v1/session").await.0;
        let held = other.try_sign_in(&lost.name).await.0;
        (lost, used, goes_on, held)
    })
    .await;
    assert_eq!((goes_on, held), (200, 409), "held for now");
    until("the name is free again", async || {
        let (status, _) = other.try_sign_in(&lost.name).await;
        (status == 201).then_some(())
    })
    .await;
    assert_eq!(other.try_sign_in(&used.name).await.0, 409);
    // If the answer arrives after all, it is worth nothing any more.
    assert_eq!(lost.get("/api/v1/session").await.0, 401);
    // Whoever takes another name then is still who they were.
    let (status, body) = lost.try_sign_in(&format!("Other {}", unique())).await;
    assert_eq!((status, &body["user"]["id"]), (201, &json!(lost.id)));
    assert_eq!(lost.get("/api/v1/session").await.0, 200);
}

/// Signs in through a trusted proxy that was called from an address. Returns the
/// status, how long to wait in seconds by the header, and the body.
async fn sign_in_from(url: &str, address: &str) -> (u16, Option<u64>, Value) {
    let answer = reqwest::Client::new()
        .post(format!("{url}/api/v1/session"))
        .header("x-forwarded-for", address)
        .json(&json!({"name": format!("Somebody {}", unique())}))
        .send()
        .await
        .unwrap();
    let wait = answer.headers().get("retry-after");
    let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
    let status = answer.status().as_u16();
    (status, wait, answer.json().await.unwrap())
}

#[tokio::test]
async fn one_address_signs_in_only_so_often_and_the_others_do_not_notice() {
    let (cluster, url) = alone(&[("HUBBUB__LIMITS__SIGN_INS", "1")]);
    let refused = until("the address is refused", async || {
        let answer = sign_in_from(&url, "203.0.113.7").await;
        (answer.0 != 201).then_some(answer)
    })
    .await;
    let (status, wait, body) = refused;
    assert_eq!(status, 429, "{body}");
    assert_eq!(body["error"]["code"], "rate_limited");
    let wait_ms = body["error"]["retry_after_ms"].as_u64().unwrap();
    assert!((1..=2_000).contains(&wait_ms), "{body}");
    assert_eq!(wait, Some(wait_ms.div_ceil(1_000)));
    assert_eq!(sign_in_from(&url, "203.0.113.8").await.0, 201);
    // The balancer names the true address, whatever the client claims; and who
    // is on this machine is not counted.
    for _ in 0..10 {
        assert_eq!(sign_in_from(&cluster.url(), "203.0.113.7").await.0, 201);
    }
    until("the address may go on", async || {
        (sign_in_from(&url, "203.0.113.7").await.0 == 201).then_some(())
    })
    .await;
}
