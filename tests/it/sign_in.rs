//! Who is who: sign-in, cookies, tokens, sign-out.

use std::time::Duration;

use hubbub_cluster::Description;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    client::IntoClientRequest,
    http::{HeaderValue, StatusCode},
};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::{cases, mint},
    http::{Person, fresh_room, unique},
    socket::{Heard, Socket},
    until::within,
};

cases! {
    signing_in_makes_a_session_that_every_instance_knows;
    the_cookie_is_out_of_reach_of_scripts_and_other_sites;
    a_planted_session_id_never_becomes_a_session;
    a_name_belongs_to_one_person_until_they_sign_out;
    names_that_nobody_could_read_are_refused;
    signing_out_ends_every_connection_on_every_instance;
    a_stranger_gets_no_socket_and_no_poll;
    pages_of_other_sites_are_refused;
    a_form_of_another_site_cannot_post;
    a_connect_token_opens_a_socket_and_a_poll_without_a_cookie;
    a_socket_by_token_ends_with_it_unless_refreshed;
    only_so_many_connections_per_person;
}

async fn signing_in_makes_a_session_that_every_instance_knows(world: &Description) {
    let cluster = world;
    let ada = Person::sign_in(&cluster.instances[0].url, "Ada").await;
    for instance in &cluster.instances {
        let (status, body) = ada.at(&instance.url).get("/api/v1/session").await;
        assert_eq!(status, 200);
        assert_eq!(body["user"], json!({"id": ada.id, "name": ada.name}));
    }
    let (status, body) = Person::stranger(&cluster.url).get("/api/v1/session").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (401, &json!("no_session"))
    );
}

async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: &Description) {
    let person = Person::stranger(&world.url);
    let name = format!("Ada {}", unique());
    let body = json!({"name": name});
    let answer = person
        .request(Method::POST, "/api/v1/session", Some(&body))
        .await
        .unwrap();
    let cookies: Vec<_> = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let of = |name: &str| {
        let found = cookies.iter().find(|cookie| cookie.starts_with(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {cookies:?}"))
            .clone()
    };
    let session = of("hubbub_session=");
    assert!(
        session.contains("HttpOnly") && session.contains("SameSite=Lax"),
        "{session}"
    );
}

async fn a_planted_session_id_never_becomes_a_session(world: &Description) {
    let base = &world.url;
    let mut ada = Person::stranger(base);
    let planted = "AAAAAAAAAAAAAAAAAAAAAA";
    ada.set_cookie("hubbub_session", planted);
    ada.try_sign_in(&format!("Ada {}", unique())).await;
    assert_ne!(ada.cookie("hubbub_session").as_deref(), Some(planted));
    let before = ada.cookie("hubbub_session").unwrap();
    ada.try_sign_in(&format!("Ida {}", unique())).await;
    assert_ne!(ada.cookie("hubbub_session").unwrap(), before);
    let thief = Person::stranger(base);
    for stale in [planted, &before] {
        thief.set_cookie("hubbub_session", stale);
        assert_eq!(thief.get("/api/v1/session").await.0, 401);
    }
}

async fn a_name_belongs_to_one_person_until_they_sign_out(world: &Description) {
    let base = &world.url;
    let ada = Person::sign_in(base, "Ada").await;
    let mut other = Person::stranger(base);
    let shouted = ada.name.to_uppercase();
    let (status, body) = other.try_sign_in(&shouted).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (409, &json!("name_taken"))
    );
    assert_eq!(ada.delete("/api/v1/session").await.0, 204);
    assert_eq!(ada.get("/api/v1/session").await.0, 401);
    assert_eq!(other.try_sign_in(&shouted).await.0, 201);
}

async fn names_that_nobody_could_read_are_refused(world: &Description) {
    let mut person = Person::stranger(&world.url);
    for name in ["", "   ", "a\u{202e}b", "a\nb", "---", &"x".repeat(33)] {
        let (status, body) = person.try_sign_in(name).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (400, &json!("bad_name")),
            "{name:?}"
        );
    }
}

async fn signing_out_ends_every_connection_on_every_instance(world: &Description) {
    let cluster = world;
    let ada = Person::sign_in(&cluster.url, "Ada").await;
    let mut clients = Vec::new();
    for instance in &cluster.instances {
        for via in BOTH {
            let mut client = Client::connect(&ada.at(&instance.url), via).await;
            client.join("lobby").await;
            clients.push((via, client));
        }
    }
    assert_eq!(ada.delete("/api/v1/session").await.0, 204);
    for (via, mut client) in clients {
        let expected = if via == Via::WebSocket { 4401 } else { 401 };
        assert_eq!(client.is_closed().await.0, Some(expected), "{via:?}");
    }
}

async fn a_stranger_gets_no_socket_and_no_poll(world: &Description) {
    let stranger = Person::stranger(&world.url);
    assert_eq!(
        Socket::open(&stranger).await.err(),
        Some(StatusCode::UNAUTHORIZED)
    );
    let (status, _) = stranger.post("/api/v1/poll", &json!({"rooms": {}})).await;
    assert_eq!(status, 401);
    let (status, _) = stranger.get("/api/v1/rooms").await;
    assert_eq!(status, 401);
}

async fn pages_of_other_sites_are_refused(world: &Description) {
    let cluster = world;
    let ada = Person::sign_in(&cluster.url, "Ada").await;
    let own = cluster.url.trim_start_matches("http://").to_owned();
    let https = format!("https://{own}");
    let longer = format!("http://{own}.evil.example");
    let prefixed = format!("http://evil{own}");
    let port = format!("{}1", cluster.url);
    for origin in [
        "null",
        "http://evil.example",
        &https,
        &longer,
        &prefixed,
        &port,
        "",
        "http://",
    ] {
        let url = format!("ws://{own}/ws");
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", HeaderValue::from_str(origin).unwrap());
        headers.insert("cookie", HeaderValue::from_str(&ada.cookies()).unwrap());
        let refused = Socket::open_request(request).await.err();
        assert_eq!(refused, Some(StatusCode::FORBIDDEN), "{origin:?}");
    }
}

async fn a_form_of_another_site_cannot_post(world: &Description) {
    let ada = Person::sign_in(&world.url, "Ada").await;
    let client = reqwest::Client::new();
    let send = async |content_type: &str, origin: &str| {
        let request = client
            .post(format!("{}/api/v1/frames", ada.base))
            .header("cookie", ada.cookies())
            .header("content-type", content_type)
            .header("origin", origin)
            .body(r#"{"frames":[]}"#);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("text/plain", &ada.base).await, 415);
    assert_eq!(
        send("application/x-www-form-urlencoded", &ada.base).await,
        415
    );
    assert_eq!(send("application/json", "http://evil.example").await, 403);
    assert_eq!(send("application/json", &ada.base).await, 200);
}

async fn a_connect_token_opens_a_socket_and_a_poll_without_a_cookie(world: &Description) {
    let cluster = world;
    let token = mint(world, &["--name", "Robot", "--ttl", "1h"]);
    let host = cluster.url.trim_start_matches("http://").to_owned();
    for path in ["ws", "primus/"] {
        let url = format!("ws://{host}/{path}?token={token}");
        let mut socket = Socket::open_request(url.into_client_request().unwrap())
            .await
            .unwrap();
        let Some(Heard::Frame(hello)) = socket.heard.recv().await else {
            panic!("no hello");
        };
        assert_eq!(hello["type"], "hello");
        assert_eq!(hello["user"]["name"], "Robot");
    }
    let answer = reqwest::Client::new()
        .post(format!("{}/api/v1/poll", cluster.url))
        .bearer_auth(&token)
        .json(&json!({"rooms": {}, "hold_ms": 0}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let forged = format!("{}x", &token[..token.len() - 1]);
    let url = format!("ws://{host}/ws?token={forged}");
    let refused = Socket::open_request(url.into_client_request().unwrap())
        .await
        .err();
    assert_eq!(refused, Some(StatusCode::UNAUTHORIZED));
}

async fn a_socket_by_token_ends_with_it_unless_refreshed(world: &Description) {
    // One instance, which looks at both sockets at the same moment.
    let host = world.instances[0].url.trim_start_matches("http://");
    let open = async |token: &str| {
        let url = format!("ws://{host}/ws?token={token}");
        Socket::open_request(url.into_client_request().unwrap()).await
    };
    let longer = mint(world, &["--name", "Brief", "--ttl", "1h"]);
    // Its second is rounded down: what took two has happened while it was valid.
    let (ends, stays, reply) = within(Duration::from_secs(2), async || {
        let brief = mint(world, &["--name", "Brief", "--ttl", "3s"]);
        let (ends, mut stays) = (open(&brief).await, open(&brief).await);
        let mut reply = None;
        if let Ok(stays) = &mut stays {
            stays.say(&json!({"type": "refresh", "token": longer, "id": "longer"}));
            reply = kind_of_reply(stays, "longer").await;
        }
        (ends, stays, reply)
    })
    .await;
    let (mut ends, mut stays) = (ends.unwrap(), stays.unwrap());
    assert_eq!(reply, Some(json!("refreshed")));
    let code = loop {
        match ends.heard.recv().await {
            Some(Heard::Closed(code, _)) => break code,
            Some(Heard::Frame(_)) => {}
            None => panic!("it ends with a code"),
        }
    };
    assert_eq!(code, Some(4401));
    stays.say(&json!({"type": "ping", "id": "still"}));
    let still = kind_of_reply(&mut stays, "still").await;
    assert_eq!(still, Some(json!("pong")), "it stays open");
}

/// Of which kind the reply to a frame is; none if the socket ends before it.
async fn kind_of_reply(socket: &mut Socket, id: &str) -> Option<Value> {
    loop {
        match socket.heard.recv().await {
            Some(Heard::Frame(mut frame)) if frame["id"] == id => {
                return Some(frame["type"].take());
            }
            Some(Heard::Frame(_)) => {}
            _ => return None,
        }
    }
}

async fn only_so_many_connections_per_person(world: &Description) {
    let ada = Person::sign_in(&world.instances[0].url, "Ada").await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Socket::open(&ada).await.unwrap());
    }
    let refused = Socket::open(&ada).await.err();
    assert_eq!(refused, Some(StatusCode::TOO_MANY_REQUESTS));
    let mut other = Client::enter(&world.instances[0].url, "Ben", Via::WebSocket).await;
    other.join(&fresh_room("others")).await;
}
