//! Private rooms in the tests' words, and the operator who looks at them.

use hubbub_cluster::Description;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Client,
    http::{text, unique},
};

/// Makes a private room with these people in it, and returns its name.
pub(crate) async fn create(client: &mut Client, title: &str, invite: &[&str]) -> String {
    let created = client
        .ask(&json!({"type": "create", "title": title, "invite": invite, "key": unique()}))
        .await;
    assert_eq!(created["type"], "created", "{created}");
    assert_eq!(created["title"], title);
    text(&created["room"])
}

/// Asks for the room with somebody, and returns its name.
pub(crate) async fn direct(client: &mut Client, name: &str) -> String {
    let created = client.ask(&json!({"type": "direct", "name": name})).await;
    assert_eq!(created["type"], "created", "{created}");
    assert_eq!(created["direct"], true);
    text(&created["room"])
}

/// What the operator's listener of the first instance answers.
pub(crate) async fn admin(world: &Description, method: Method, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", world.instances[0].admin_url);
    let request = reqwest::Client::new().request(method, url);
    let answer = request.header("x-api-key", &world.admin_key).send().await;
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}
