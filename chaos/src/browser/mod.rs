//! Two real browsers in the room while things break: a program of its own
//! (`chaos/browser/watch.mjs`) that is asked in lines of JSON and reports what
//! somebody in front of the page would have seen.

mod verdict;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

pub(crate) use self::verdict::{Seen, Sighting, is_end_of, judge};

/// Two pages sign in on a busy machine within this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// A browser is closed within this time, or killed.
const END_LIMIT: Duration = Duration::from_secs(15);

/// Why no browser can watch here, if none can.
pub(crate) async fn why_not(script: &Path) -> Option<String> {
    let tried = Command::new("node")
        .arg(script)
        .arg("--check")
        .output()
        .await;
    match tried {
        Err(error) => Some(format!("it needs a real browser, and node: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().find(|line| line.contains("Error"));
            let line = line.unwrap_or("its watcher did not start");
            Some(format!("it needs a real browser: {}", line.trim()))
        }
        Ok(output) if !output.stdout.is_empty() => {
            let lack = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(format!("it needs a real browser: {lack}"))
        }
        Ok(_) => None,
    }
}

/// The browsers of one row. Dropped, they are killed.
pub(crate) struct Watcher {
    child: Child,
    orders: ChildStdin,
    last_id: u64,
    heard: Arc<Mutex<Heard>>,
    reader: JoinHandle<()>,
    /// How many people watch.
    pub(crate) people: usize,
}

#[derive(Default)]
struct Heard {
    sightings: Vec<Sighting>,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
}

impl Watcher {
    /// Starts a browser and lets two people into a room.
    pub(crate) async fn enter(script: &PathBuf, url: &str, room: &str) -> anyhow::Result<Self> {
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the browser's watcher")?;
        let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the browser's watcher has no pipes");
        };
        let heard = Arc::new(Mutex::new(Heard::default()));
        let lines = BufReader::new(output).lines();
        let reader = tokio::spawn(listen(lines, Arc::clone(&heard)));
        let mut watcher = Self {
            child,
            orders,
            last_id: 0,
            heard,
            reader,
            people: 0,
        };
        let order = json!({"do": "open", "url": url, "room": room});
        let answer = watcher.ask(order).await.context("entering by browser")?;
        watcher.people = answer["pages"].as_array().map_or(0, Vec::len);
        Ok(watcher)
    }

    /// Reports from the moment on in which both pages show so many people.
    pub(crate) async fn begin(&mut self, people: usize) -> anyhow::Result<()> {
        let order = json!({"do": "begin", "people": people});
        self.ask(order)
            .await
            .with_context(|| format!("waiting until browsers see {people} people"))?;
        Ok(())
    }

    /// What stands on each page, from the top.
    pub(crate) async fn shown(&mut self) -> anyhow::Result<Vec<Vec<String>>> {
        let answer = self.ask(json!({"do": "shown"})).await?;
        Ok(serde_json::from_value(answer["shown"].clone())?)
    }

    /// What was seen so far.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        locked(&self.heard).sightings.clone()
    }

    /// Closes the browser.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.orders.write_all(b"{\"do\":\"end\"}\n").await?;
        if timeout(END_LIMIT, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        self.reader.abort();
        Ok(())
    }

    async fn ask(&mut self, mut order: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        order["id"] = id.into();
        let (sender, answer) = oneshot::channel();
        locked(&self.heard).waiting.insert(id, sender);
        let line = format!("{order}\n");
        self.orders.write_all(line.as_bytes()).await?;
        let answer = timeout(ANSWER_LIMIT, answer)
            .await
            .context("the browser's watcher does not answer")?
            .context("the browser's watcher ended; what it said is above")?;
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

/// Takes what the watcher says until it ends; then nobody waits any longer.
async fn listen(mut lines: Lines<BufReader<ChildStdout>>, heard: Arc<Mutex<Heard>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(value) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let mut heard = locked(&heard);
        if let Some(waiting) = value["id"]
            .as_u64()
            .and_then(|id| heard.waiting.remove(&id))
        {
            let _ = waiting.send(value);
        } else if let Ok(sighting) = serde_json::from_value(value) {
            heard.sightings.push(sighting);
        }
    }
    locked(&heard).waiting.clear();
}

fn locked(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
