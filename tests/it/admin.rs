//! The operator's listener: what is done on one instance is seen on all.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    client::{BOTH, Client, Via},
    cluster::shared,
    http::{Person, fresh_room},
};

async fn admin(method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    admin_with(&shared().admin_key, method, path, body).await
}

async fn admin_with(key: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}{path}", shared().instances[0].admin_url);
    let mut request = reqwest::Client::new()
        .request(method, url)
        .header("x-api-key", key);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

#[tokio::test]
async fn closing_a_room_reaches_the_clients_of_every_instance() {
    let cluster = shared();
    let room = fresh_room("closing");
    let mut clients = Vec::new();
    for instance in &cluster.instances {
        for via in BOTH {
            let mut client = Client::enter(&instance.url, "Guest", via).await;
            client.join(&room).await;
            clients.push(client);
        }
    }
    clients[0].say(&room, "before").await;
    let path = format!("/api/v1/rooms/{room}");
    assert_eq!(admin(Method::DELETE, &path, None).await.0, 204);
    for client in &mut clients {
        client
            .hears(|frame| frame["type"] == "room_closed" && frame["room"] == json!(room))
            .await;
        let refused = client
            .ask(&json!({"type": "send", "room": room, "key": "late", "text": "late"}))
            .await;
        assert!(
            refused["code"] == "no_such_room" || refused["code"] == "not_member",
            "{refused}"
        );
    }
    let refused = clients[0].ask(&json!({"type": "join", "room": room})).await;
    assert_eq!(refused["code"], "no_such_room");
    assert_eq!(admin(Method::DELETE, &path, None).await.0, 404);
    assert_eq!(
        admin(Method::DELETE, "/api/v1/rooms/lobby", None).await.0,
        403
    );
}

#[tokio::test]
async fn a_room_that_was_closed_can_be_opened_again() {
    let cluster = shared();
    let room = fresh_room("reopened");
    let path = format!("/api/v1/rooms/{room}");
    let create = async || {
        reqwest::Client::new()
            .post(format!("{}{path}", cluster.url))
            .header("x-api-key", &cluster.api_key)
            .json(&json!({"title": "Second try"}))
            .send()
            .await
            .unwrap()
    };
    let answer = create().await;
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["data"]["name"], json!(room));
    assert_eq!(admin(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(create().await.status(), 201);
    let mut ada = Client::enter(&cluster.url, "Ada", Via::WebSocket).await;
    assert_eq!(ada.join(&room).await["title"], "Second try");
    ada.say(&room, "open again").await;
    assert_eq!(ada.hears_message(&room).await["text"], "open again");
}

#[tokio::test]
async fn creating_a_room_needs_the_key() {
    let cluster = shared();
    let url = format!("{}/api/v1/rooms/{}", cluster.url, fresh_room("nokey"));
    for key in ["", "wrong", &cluster.admin_key] {
        let answer = reqwest::Client::new()
            .post(&url)
            .header("x-api-key", key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{key:?}");
    }
}

#[tokio::test]
async fn a_notice_reaches_a_room_or_everybody() {
    let cluster = shared();
    let room = fresh_room("notice");
    let mut inside = Vec::new();
    for (instance, via) in cluster.instances.iter().zip(BOTH) {
        let mut client = Client::enter(&instance.url, "Inside", via).await;
        client.join(&room).await;
        inside.push(client);
    }
    let mut outside = Client::enter(&cluster.url, "Outside", Via::WebSocket).await;
    outside.hears(|frame| frame["type"] == "hello").await;
    let words = format!("to {room}");
    let body = json!({"text": words, "room": room});
    assert_eq!(
        admin(Method::POST, "/api/v1/notice", Some(body)).await.0,
        204
    );
    for client in &mut inside {
        let notice = client.hears(|frame| frame["text"] == json!(words)).await;
        assert_eq!(
            (&notice["type"], &notice["room"]),
            (&json!("notice"), &json!(room))
        );
    }
    outside
        .hears_no(|frame| frame["text"] == json!(words))
        .await;
    let everybody = format!("to everybody, not only {room}");
    let body = json!({"text": everybody});
    assert_eq!(
        admin(Method::POST, "/api/v1/notice", Some(body)).await.0,
        204
    );
    inside.push(outside);
    for client in &mut inside {
        let notice = client
            .hears(|frame| frame["text"] == json!(everybody))
            .await;
        assert_eq!(
            (&notice["type"], &notice["room"]),
            (&json!("notice"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn the_wrong_key_opens_nothing() {
    for key in ["", "wrong", &shared().api_key] {
        for (method, path) in [
            (Method::GET, "/api/v1/"),
            (Method::GET, "/api/v1/load"),
            (Method::GET, "/metrics"),
            (Method::DELETE, "/api/v1/rooms/any"),
            (Method::POST, "/api/v1/shutdown"),
            (Method::GET, "/nothing"),
        ] {
            let (status, _) = admin_with(key, method, path, None).await;
            assert_eq!(status, 401, "{path} with {key:?}");
        }
    }
}

#[tokio::test]
async fn load_and_metrics_tell_how_the_instance_is() {
    let mut ada = Client::enter(&shared().instances[0].url, "Ada", Via::WebSocket).await;
    ada.join("lobby").await;
    let (status, load) = admin(Method::GET, "/api/v1/load", None).await;
    assert_eq!(status, 200);
    let data = &load["data"];
    assert!(data["connections"].as_u64().unwrap() >= 1, "{load}");
    assert!(data["rooms"].as_u64().unwrap() >= 1, "{load}");
    assert!(data["memory_bytes"].as_u64().unwrap() > 1_000_000, "{load}");
    assert_eq!(data["load_average"].as_array().unwrap().len(), 3);
    assert_eq!(data["accepting"], true);
    let (status, about) = admin(Method::GET, "/api/v1/", None).await;
    assert_eq!(
        (status, &about["data"]["app"]),
        (200, &json!("Admin hubbub"))
    );
    let (status, metrics) = admin(Method::GET, "/metrics", None).await;
    assert_eq!(status, 200);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("hubbub_connections "), "{metrics}");
    assert!(!metrics.contains(&ada.person.id), "no label per user");
}

#[tokio::test]
async fn bad_notices_get_a_clear_error() {
    let (status, _) = admin(Method::POST, "/api/v1/notice", Some(json!({"text": " "}))).await;
    assert_eq!(status, 400);
    let absent = json!({"text": "hello", "room": fresh_room("absent")});
    let (status, body) = admin(Method::POST, "/api/v1/notice", Some(absent)).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (404, &json!("no_such_room"))
    );
    let person = Person::stranger(&shared().instances[0].url);
    assert_eq!(
        person.get("/metrics").await.0,
        404,
        "not on the public port either"
    );
}

#[tokio::test]
async fn who_polls_a_closed_room_is_told_and_takes_no_seat() {
    let cluster = shared();
    let room = fresh_room("polled");
    let mut ada = Client::enter(&cluster.url, "Ada", Via::WebSocket).await;
    ada.join(&room).await;
    let ack = ada.say(&room, "before").await;
    let path = format!("/api/v1/rooms/{room}");
    assert_eq!(admin(Method::DELETE, &path, None).await.0, 204);
    let ben = Person::sign_in(&cluster.url, "Ben").await;
    let poll = async |from: Value| {
        let body = json!({"rooms": {&room: from}, "hold_ms": 0});
        let (status, answer) = ben.post("/api/v1/poll", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["frames"].as_array().unwrap()[1].clone()
    };
    // Who was away when it was closed learns of it, and sees nothing else.
    for from in [ack["position"].clone(), json!("0-0")] {
        let told = poll(from).await;
        assert_eq!(
            (&told["type"], &told["room"]),
            (&json!("room_closed"), &json!(room))
        );
    }
    let refused = poll(Value::Null).await;
    assert_eq!(
        (&refused["code"], &refused["room"]),
        (&json!("no_such_room"), &json!(room))
    );
    let members = ada.ask(&json!({"type": "members", "room": room})).await;
    assert_eq!(members["code"], "no_such_room", "{members}");
}
