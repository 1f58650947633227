//! Scenarios: what a run does to the server, and the measuring around it.

use std::time::Duration;

use clap::ValueEnum;

use super::{
    check::{Expectations, Micros, Verdict},
    plan::{Pace, Plan},
    process::Usage,
    report::{Point, ProcessReport, Report, Settings, Summaries},
    roll::{Roll, RollOptions},
    run::{Moment, Outcome, Run, RunError, Stages, Tally, is_quiet},
};

/// How long a rolling restart may take, after the time in which it should be
/// over.
const ROLL_LIMIT: Duration = Duration::from_secs(600);

/// What a run does. The names on the command line are those of the variants,
/// and its help is what is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Some rooms, some talk
    Steady,
    /// Everybody in one room
    OneRoom,
    /// Many rooms of twenty
    ManyRooms,
    /// Connected and silent
    Idle,
    /// Talk, and in the middle every client is cut
    Jitter,
    /// Every instance of the cluster is replaced, one after the other
    RollingRestart,
    /// Everybody connects in the same moment
    Avalanche,
    /// Some read slowly
    SlowReaders,
    /// All the time somebody leaves and comes back
    Churn,
}

impl Scenario {
    /// The name in reports and on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Everything about a run that is not about a single client.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it does.
    pub scenario: Scenario,
    /// Who does it.
    pub plan: Plan,
    /// How long to talk before it counts.
    pub warm_up: Duration,
    /// How long to talk while it counts.
    pub duration: Duration,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long the last messages may take.
    pub drain: Duration,
    /// For how long jitter keeps clients away.
    pub away: Duration,
    /// How late a message may be while nothing is broken.
    pub calm: Duration,
    /// How the rolling restart replaces the instances.
    pub roll: Option<RollOptions>,
    /// Server processes to measure: a name and a process id.
    pub processes: Vec<(String, u32)>,
    /// Whether the journals are judged.
    pub checks: bool,
}

/// In which part a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Clients come.
    Connecting,
    /// They talk, but it does not count.
    WarmingUp,
    /// They talk.
    Measuring,
    /// They wait for the last messages.
    Draining,
    /// Their notes are judged.
    Checking,
}

/// Is told about once a second how it goes.
pub type Observer<'a> = dyn FnMut(Part, &Moment) + 'a;

/// Runs a scenario from beginning to end.
pub fn run(options: &Options, observe: &mut Observer<'_>) -> Result<Report, RunError> {
    let before = usages(options);
    let run = Run::start(options.plan.clone())?;
    let mut session = Session {
        options,
        run,
        measured: Measured::default(),
        failures: Vec::new(),
    };
    session.connect(observe)?;
    let connected = usages(options);
    session.talk(observe)?;
    session.drain(observe)?;
    let Session {
        run,
        measured,
        mut failures,
        ..
    } = session;
    let outcome = run.finish()?;
    let verdict = judge(options, &outcome, observe)?;
    find_failures(options, &outcome, &mut failures);
    Ok(report(
        options,
        &measured,
        &outcome,
        verdict,
        failures,
        [&before, &connected],
    ))
}

struct Session<'a> {
    options: &'a Options,
    run: Run,
    measured: Measured,
    failures: Vec<String>,
}

/// What was measured while it counted.
#[derive(Default)]
struct Measured {
    stages: Stages,
    from: Moment,
    to: Moment,
    points: Vec<Point>,
    usages: [Vec<Usage>; 2],
    own: [Usage; 2],
}

impl Measured {
    /// Takes one more second in which it counts.
    fn note(&mut self, moment: &Moment, observe: &mut Observer<'_>) {
        self.stages.add(&moment.stages);
        self.points.push(Point::of(&self.to, moment));
        self.to = moment.clone();
        observe(Part::Measuring, moment);
    }
}

impl Session<'_> {
    fn connect(&mut self, observe: &mut Observer<'_>) -> Result<(), RunError> {
        let clients = self.options.plan.clients;
        let measured = &mut self.measured;
        let mut up = 0;
        let all = self.run.watch(self.options.connect, |moment| {
            measured.stages.add(&moment.stages);
            measured.to = moment.clone();
            up = moment.up;
            observe(Part::Connecting, moment);
            moment.up + moment.ended >= clients
        })?;
        if !all || up < clients {
            self.failures
                .push(format!("only {up} of {clients} clients could connect"));
        }
        Ok(())
    }

    fn talk(&mut self, observe: &mut Observer<'_>) -> Result<(), RunError> {
        let hand = self.run.hand();
        hand.talk(self.options.plan.pace);
        let measured = &mut self.measured;
        if !self.options.warm_up.is_zero() {
            self.run.watch(self.options.warm_up, |moment| {
                measured.stages.connect.add(&moment.stages.connect).ok();
                measured.to = moment.clone();
                observe(Part::WarmingUp, moment);
                false
            })?;
        }
        measured.from = measured.to.clone();
        let processes = &self.options.processes;
        measured.usages[0] = processes.iter().map(|(_, pid)| Usage::of(*pid)).collect();
        measured.own[0] = Usage::of(std::process::id());
        let roll = self.options.roll.as_ref().map(Roll::start);
        let halves = match self.options.scenario {
            Scenario::Jitter => vec![self.options.duration / 2; 2],
            _ => vec![self.options.duration],
        };
        for (index, half) in halves.into_iter().enumerate() {
            if index == 1 {
                self.run.hand().cut(self.options.away);
            }
            self.run.watch(half, |moment| {
                measured.note(moment, observe);
                false
            })?;
        }
        match roll {
            Some(Ok(mut roll)) => {
                self.run.watch(ROLL_LIMIT, |moment| {
                    measured.note(moment, observe);
                    roll.is_over()
                })?;
                self.failures.extend(roll.failure());
            }
            Some(Err(error)) => self
                .failures
                .push(format!("instances cannot be replaced: {error}")),
            None => {}
        }
        measured.usages[1] = processes.iter().map(|(_, pid)| Usage::of(*pid)).collect();
        measured.own[1] = Usage::of(std::process::id());
        self.run.hand().hush();
        Ok(())
    }

    fn drain(&mut self, observe: &mut Observer<'_>) -> Result<(), RunError> {
        let clients = self.options.plan.clients;
        let mut last = Moment::default();
        let measured = &mut self.measured;
        let mut seconds = 0;
        let quiet = self.run.watch(self.options.drain, |moment| {
            // Waits of the churn may reach beyond the first quiet second.
            measured.stages.catch_up.add(&moment.stages.catch_up).ok();
            observe(Part::Draining, moment);
            last = moment.clone();
            seconds += 1;
            seconds > 1 && is_quiet(moment, clients)
        })?;
        if !quiet {
            self.failures.push(format!(
                "{} s after the last send, {} sends have no answer, {} clients miss something and {} are not back",
                self.options.drain.as_secs(),
                last.unanswered,
                last.behind,
                clients.saturating_sub(last.up)
            ));
        }
        if self.options.checks {
            self.run.hand().ask_members();
            let mut seconds = 0;
            self.run.watch(Duration::from_secs(5), |_| {
                seconds += 1;
                seconds > 1
            })?;
        }
        Ok(())
    }
}

fn usages(options: &Options) -> Vec<Usage> {
    let processes = options.processes.iter();
    processes.map(|(_, pid)| Usage::of(*pid)).collect()
}

fn judge(
    options: &Options,
    outcome: &Outcome,
    observe: &mut Observer<'_>,
) -> Result<Option<Verdict>, RunError> {
    if !options.checks {
        return Ok(None);
    }
    observe(Part::Checking, &Moment::default());
    let logs = outcome.read_logs()?;
    let calm = u64::try_from(options.calm.as_micros()).unwrap_or(Micros::MAX / 2);
    let mut expectations = Expectations {
        calm,
        settle: calm,
        ..Expectations::default()
    };
    if options.scenario == Scenario::SlowReaders {
        // A slow reader has the time that its own slowness takes.
        expectations.calm = calm.max(60_000_000);
        expectations.settle = expectations.calm;
    }
    Ok(Some(outcome.check(&logs, expectations)))
}

fn find_failures(options: &Options, outcome: &Outcome, failures: &mut Vec<String>) {
    let tally = &outcome.tally;
    for (count, what) in [
        (tally.holes + outcome.short, "deliveries were lost"),
        (tally.duplicated, "deliveries came twice"),
        (tally.reordered, "deliveries came out of order"),
        (tally.refused, "sends were refused"),
    ] {
        if count > 0 {
            failures.push(format!("{count} {what}"));
        }
    }
    let gone = options.plan.clients.saturating_sub(outcome.up);
    if gone > 0 {
        failures.push(format!("{gone} clients had no connection in the end"));
    }
    let speaks = options.plan.pace != Pace::Silent && options.plan.publishers > 0;
    if speaks && tally.delivered == 0 {
        failures.push("nothing was delivered at all".to_owned());
    }
}

fn report(
    options: &Options,
    measured: &Measured,
    outcome: &Outcome,
    verdict: Option<Verdict>,
    failures: Vec<String>,
    [before, connected]: [&[Usage]; 2],
) -> Report {
    let span = measured.to.at.saturating_sub(measured.from.at);
    let delivered = measured.to.tally.delivered - measured.from.tally.delivered;
    let sent = measured.to.tally.acknowledged - measured.from.tally.acknowledged;
    let connections = options.plan.clients;
    let processes = options.processes.iter().enumerate();
    let processes = processes.map(|(index, (name, pid))| ProcessReport {
        name: name.clone(),
        pid: *pid,
        ..ProcessReport::of(
            [
                before[index],
                connected[index],
                measured.usages[0][index],
                measured.usages[1][index],
            ],
            delivered,
            connections,
        )
    });
    let [own_from, own_to] = measured.own;
    let generator = ProcessReport {
        name: "hubbub bench".to_owned(),
        pid: std::process::id(),
        ..ProcessReport::of(
            [own_from, own_from, own_from, own_to],
            delivered,
            connections,
        )
    };
    let found = verdict.as_ref().map_or(0, Verdict::violations);
    Report {
        scenario: options.scenario.name(),
        version: env!("CARGO_PKG_VERSION"),
        settings: Settings::of(&options.plan),
        seconds: span.as_secs_f64(),
        acknowledged_per_second: per_second(sent, span),
        delivered_per_second: per_second(delivered, span),
        delivered,
        counts: Tally::clone(&outcome.tally),
        short: outcome.short,
        latency: Summaries::of(&measured.stages),
        points: measured.points.clone(),
        processes: processes.collect(),
        generator,
        is_clean: failures.is_empty() && found == 0,
        violations: found,
        verdict,
        failures,
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn per_second(count: u64, span: Duration) -> f64 {
    if span.is_zero() {
        0.0
    } else {
        count as f64 / span.as_secs_f64()
    }
}
