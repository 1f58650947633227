//! The end of a row: everybody falls silent, catches up and hangs up; then
//! journals and logs are compared.

use std::{collections::BTreeMap, time::Duration};

use hubbub::bench::check::{
    Counts, Expectations, FinalLogs, Journal, Micros, Outcome as Held, Resource, Verdict, Via,
    check,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{Blow, Hits, Stage, logs};
use crate::{
    browser::Seen,
    client::mind::{Heard, Mind},
    wait::until,
};

/// A recovery that takes longer is named.
const SLOW_MS: u64 = 5_000;
/// A transport that breaks within this time after a blow broke because of it.
const CUT_WITHIN: Micros = 10_000_000;

/// What came out of a row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) fault: String,
    pub(crate) how: String,
    pub(crate) seconds: f64,
    pub(crate) clients: usize,
    #[serde(deserialize_with = "counts")]
    pub(crate) counts: Counts,
    /// What two real browsers showed, if they were there.
    #[serde(default)]
    pub(crate) browser: Option<Seen>,
    /// From a blow to the next message, for those who were hit, in ms.
    pub(crate) recovery_ms: Vec<u64>,
    /// Which invariants were decided, and which were broken.
    pub(crate) held: Vec<String>,
    pub(crate) violations: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Why the row was not run, if it was not.
    pub(crate) skipped: Option<String>,
}

impl Outcome {
    /// A row that cannot be run here.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self {
            skipped: Some(why.into()),
            ..Self::empty()
        }
    }

    /// A row that could not be finished.
    pub(crate) fn failed(error: &anyhow::Error) -> Self {
        Self {
            violations: vec![format!("the row did not come to its end: {error:#}")],
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            fault: String::new(),
            how: String::new(),
            seconds: 0.0,
            clients: 0,
            counts: Counts::default(),
            browser: None,
            recovery_ms: Vec::new(),
            held: Vec::new(),
            violations: Vec::new(),
            notes: Vec::new(),
            skipped: None,
        }
    }

    /// Adds what browsers showed.
    fn watched(&mut self, seen: Seen) {
        if !seen.is_clean() {
            let what = "a real browser showed what was not so:".to_owned();
            self.violations.push(what);
            let examples = seen.examples.iter().map(|example| format!("  {example}"));
            self.violations.extend(examples);
        }
        for text in &seen.true_notices {
            self.notes
                .push(format!("a browser said with reason: {text}"));
        }
        self.browser = Some(seen);
    }

    /// A share of the recoveries, in ms.
    pub(crate) fn recovery(&self, share: f64) -> Option<u64> {
        percentile(&self.recovery_ms, share)
    }
}

/// Reads counts back that another process has written.
fn counts<'de, D: Deserializer<'de>>(source: D) -> Result<Counts, D::Error> {
    let found = BTreeMap::<String, u64>::deserialize(source)?;
    let of = |name: &str| found.get(name).copied().unwrap_or_default();
    Ok(Counts {
        sent: of("sent"),
        acknowledged: of("acknowledged"),
        refused: of("refused"),
        unknown: of("unknown"),
        received: of("received"),
        lost: of("lost"),
        duplicated: of("duplicated"),
        reordered: of("reordered"),
        late: of("late"),
        false_left: of("false_left"),
        false_notices: of("false_notices"),
        notices: of("notices"),
        gaps: of("gaps"),
        rollbacks: of("rollbacks"),
        unjudged: of("unjudged"),
    })
}

/// The value below which a share of sorted values lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into a list"
)]
pub(crate) fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let index = ((sorted.len() as f64) * share).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied()
}

impl Stage {
    /// Ends the row and judges it.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Outcome> {
        self.judge().await
    }

    /// Lets everybody fall silent, catch up and hang up, and judges what they
    /// saw. The cluster goes on.
    pub(crate) async fn judge(&mut self) -> anyhow::Result<Outcome> {
        let seconds = self.epoch.elapsed().as_secs_f64();
        let hushed = self.hush().await;
        if let Err(error) = hushed {
            self.violations.push(format!("{error:#}"));
        }
        self.catch_up().await;
        let seen = self.look_at_pages().await.unwrap_or_else(|error| {
            let what = format!("the browsers did not come to their end: {error:#}");
            self.violations.push(what);
            None
        });
        self.look_who_is_there().await;
        self.expect.ended = Some(self.now());
        self.hang_up().await;
        let logs = logs::read(self.store, &self.rooms).await?;
        let journals: Vec<Journal> = self
            .clients
            .iter()
            .map(|c| c.mind().journal.clone())
            .collect();
        let expect = self.expect.clone();
        let verdict = tokio::task::spawn_blocking(move || check(&journals, &logs, &expect)).await?;
        let mut outcome = self.outcome(&verdict, seconds);
        if let Some(seen) = seen {
            outcome.watched(seen);
        }
        Ok(outcome)
    }

    /// Judges what there was before and after, into an outcome.
    pub(crate) fn judge_resources(outcome: &mut Outcome, resources: Vec<Resource>) {
        let expect = Expectations {
            resources,
            ..Expectations::default()
        };
        let verdict = check(&[], &FinalLogs::default(), &expect);
        outcome.violations.extend(explain(&verdict));
    }

    fn outcome(&mut self, verdict: &Verdict, seconds: f64) -> Outcome {
        let mut violations = std::mem::take(&mut self.violations);
        violations.extend(explain(verdict));
        let held = verdict.findings.iter().filter(|f| f.outcome == Held::Held);
        let recoveries = self.recoveries();
        if let Some(slowest) = recoveries.last().filter(|last| last.ms > SLOW_MS) {
            self.notes.push(format!(
                "the slowest was client {} ({}), {:.1} s after \"{}\"",
                slowest.client,
                match slowest.via {
                    Via::Poll => "polling",
                    Via::WebSocket => "WebSocket",
                },
                Duration::from_millis(slowest.ms).as_secs_f64(),
                slowest.fault
            ));
        }
        Outcome {
            seconds,
            clients: self.clients.len(),
            counts: verdict.counts,
            recovery_ms: recoveries.iter().map(|one| one.ms).collect(),
            held: held.map(|found| found.invariant.to_string()).collect(),
            violations,
            notes: std::mem::take(&mut self.notes),
            ..Outcome::empty()
        }
    }

    /// Waits until everybody is at the end of every log. If somebody never is,
    /// the verdict says so.
    pub(crate) async fn catch_up(&self) {
        let _ = until("everybody has everything", self.patience, async || {
            let Ok(heads) = logs::heads(self.store, &self.rooms).await else {
                return false;
            };
            self.clients.iter().all(|client| {
                let mind = client.mind();
                mind.is_up()
                    && self.rooms.iter().zip(&heads).all(|(room, head)| {
                        mind.position(room).is_none_or(|position| position >= *head)
                    })
            })
        })
        .await;
    }

    /// Lets some who poll ask who is there: it has to be everybody.
    async fn look_who_is_there(&self) {
        for client in self.clients.iter().filter(|c| c.via == Via::Poll).take(4) {
            let rooms = client.mind().room_names();
            for room in rooms {
                let ask = json!({"frames": [{"type": "members", "room": room}]});
                if let Ok((200, answer)) = client.person.post("/api/v1/frames", &ask).await {
                    client.mind().hear_reply(&answer["frames"][0]);
                }
            }
        }
    }

    /// From each blow to the next message, for those whom it hit; sorted.
    fn recoveries(&self) -> Vec<Recovery> {
        let mut all = Vec::new();
        for (fault, blow) in self.expect.faults.iter().zip(&self.blows) {
            for client in &self.clients {
                let mind = client.mind();
                for strike in &blow.strikes {
                    if is_hit(&mind, *strike, blow)
                        && let Some(heard) = first_heard(&mind.heard, *strike)
                    {
                        all.push(Recovery {
                            ms: (heard.at - strike) / 1_000,
                            client: mind.journal.client(),
                            via: client.via,
                            fault: fault.name.clone(),
                        });
                    }
                }
            }
        }
        all.sort_unstable_by_key(|one| one.ms);
        all
    }
}

/// How long one client was without news after one blow.
struct Recovery {
    ms: u64,
    client: u32,
    via: Via,
    fault: String,
}

fn explain(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    for found in verdict.findings.iter().filter(|f| f.violations > 0) {
        let times = found.violations;
        let (name, text) = (found.invariant, found.text);
        lines.push(format!("{name} ({text}) broken {times} times:"));
        lines.extend(found.examples.iter().map(|example| format!("  {example}")));
    }
    lines
}

fn is_hit(mind: &Mind, from: Micros, blow: &Blow) -> bool {
    blow.hits == Hits::Everybody
        || mind
            .downs
            .iter()
            .any(|down| (from..from + CUT_WITHIN).contains(down))
}

/// The first message to arrive that was said after a moment.
fn first_heard(heard: &[Heard], moment: Micros) -> Option<Heard> {
    let later = heard.iter().filter(|heard| heard.said >= moment);
    later.min_by_key(|heard| heard.at).copied()
}
