//! `run`: a cluster in the foreground, from its start to Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hubbub_cluster::control::{self, Caller, Listener, Request};
use hubbub_cluster::{Cluster, ClusterOptions, Error, Result, RunDir, stop_waiting};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{RunArgs, complain, say};

/// How often the runner looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(250);
/// How long the instances may take to end after Ctrl-C.
const END_LIMIT: Duration = Duration::from_secs(10);

enum Event {
    /// Ctrl-C or SIGTERM.
    End,
    Asked(Request, Caller),
}

/// Whoever asked for what is being done now; progress goes to them and to the terminal.
type Asking = Arc<Mutex<Option<Caller>>>;

/// Starts a cluster, serves `scale` and `roll`, and ends it on the first signal.
pub(crate) fn run(args: RunArgs) -> Result<()> {
    let file = args.place.file.clone();
    let beside = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(beside).map_err(|source| Error::Io {
        doing: format!("creating {}", beside.display()),
        source,
    })?;

    let (events, inbox) = channel();
    let hurry = watch_signals(events.clone())?;
    let listener = Listener::start(control::socket_beside(&file), move |request, caller| {
        // The other end is gone only while everything ends; the caller notices by itself.
        let _ = events.send(Event::Asked(request, caller));
    })?;
    // One that a killed cluster has left would tell its readers about processes that are gone.
    let description = DescriptionFile { path: file.clone() };
    description.remove();

    let asking = Asking::default();
    let mut cluster = match Cluster::start(options(args, beside, &asking)?) {
        Err(Error::Stopped) => return Ok(()),
        result => result?,
    };
    cluster.description().write(&description.path)?;
    say("");
    say(&format!("hubbub is at {}", cluster.url()));
    say(&format!(
        "described in {}, logs in {}",
        description.path.display(),
        cluster.dir().path().display()
    ));
    say("Ctrl-C ends all");

    serve(&mut cluster, &inbox, &asking, &description);

    say("ending all (Ctrl-C again to hurry)");
    drop(listener);
    description.remove();
    cluster.end(END_LIMIT, || hurry.load(Ordering::Relaxed));
    say("ended");
    Ok(())
}

fn options(args: RunArgs, beside: &Path, asking: &Asking) -> Result<ClusterOptions> {
    let binary = args.binary.unwrap_or_else(server_beside_this_program);
    let asking = Arc::clone(asking);
    let mut options = ClusterOptions::new(absolute(binary), absolute(args.haproxy_cfg));
    options.instances = args.instances;
    options.port = args.port;
    options.dir = Some(RunDir::of_this_process(&absolute(beside.to_owned()))?);
    options.report = Some(Box::new(move |line| {
        say(line);
        if let Some(caller) = asking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            caller.progress(line);
        }
    }));
    Ok(options)
}

/// Serves requests, and tells about processes that end, until a signal comes.
fn serve(
    cluster: &mut Cluster,
    inbox: &Receiver<Event>,
    asking: &Asking,
    description: &DescriptionFile,
) {
    loop {
        match inbox.recv_timeout(LOOK) {
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Event::Asked(request, caller)) => {
                *asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller);
                let result = obey(cluster, request);
                // What has changed before it failed has changed all the same.
                description.write(cluster);
                if let Err(error) = &result {
                    complain(&error.to_string());
                }
                if let Some(caller) = asking.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    caller.finish(&result);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let ended = cluster.newly_ended();
                for line in &ended {
                    say(&format!("{line} (nothing is restarted by itself)"));
                }
                if !ended.is_empty() {
                    description.write(cluster);
                }
            }
        }
    }
}

fn obey(cluster: &mut Cluster, request: Request) -> Result<()> {
    match request {
        Request::Scale { instances } => cluster.scale(instances),
        Request::Roll { binary } => cluster.roll(binary.as_deref()),
    }
}

/// The first signal ends the cluster, whatever it is waiting for; from the second on the returned flag is set.
fn watch_signals(events: Sender<Event>) -> Result<Arc<AtomicBool>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|source| Error::Io {
        doing: "watching for signals".into(),
        source,
    })?;
    let hurry = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&hurry);
    thread::spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            stop_waiting();
            // Nobody listens any more only when the program is at its end.
            let _ = events.send(Event::End);
            flag.store(count > 0, Ordering::Relaxed);
        }
    });
    Ok(hurry)
}

/// `cluster.json`, removed when the runner ends for whatever reason.
struct DescriptionFile {
    path: PathBuf,
}

impl DescriptionFile {
    /// A cluster that runs is worth more than its description: a failure is told, and it goes on.
    fn write(&self, cluster: &Cluster) {
        if let Err(error) = cluster.description().write(&self.path) {
            complain(&error.to_string());
        }
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for DescriptionFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn server_beside_this_program() -> PathBuf {
    std::env::current_exe()
        .unwrap_or_default()
        .with_file_name("hubbub")
}

/// Redis changes its directory, so what it is told must not be relative.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
