//! How `scale` and `roll` reach the cluster that is running: a unix socket beside its description, one JSON document per
//! line. The running program stays the parent of every process.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// [`Cluster::scale`](crate::Cluster::scale).
    Scale {
        /// How many shall run.
        instances: usize,
    },
    /// [`Cluster::roll`](crate::Cluster::roll).
    Roll {
        /// The program to change to; without one, the same file again.
        binary: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    Progress { line: String },
    Done,
    Failed { why: String },
}

/// The socket that belongs to a description file: `cluster.sock` beside `cluster.json`.
pub fn socket_beside(description: &Path) -> PathBuf {
    description.with_extension("sock")
}

/// Sends a request to the cluster behind `socket`, passes on each line of its progress, and returns when it is done.
pub fn ask(socket: &Path, request: &Request, mut progress: impl FnMut(&str)) -> Result<()> {
    let mut stream = UnixStream::connect(socket).map_err(|_| {
        Error::Refused(format!(
            "no cluster answers on {}: start one first (make cluster)",
            socket.display()
        ))
    })?;
    let doing = || Error::io("talking to the running cluster");
    send(&mut stream, request).map_err(doing())?;
    for line in BufReader::new(stream).lines() {
        let reply =
            serde_json::from_str(&line.map_err(doing())?).map_err(|error| doing()(error.into()))?;
        match reply {
            Reply::Progress { line } => progress(&line),
            Reply::Done => return Ok(()),
            Reply::Failed { why } => return Err(Error::Refused(why)),
        }
    }
    Err(Error::Refused(
        "the cluster ended before it was done".into(),
    ))
}

/// The listening end; the socket's file is removed on drop.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
}

impl Listener {
    /// Listens and passes on every request together with its [`Caller`]. Fails if another cluster listens there.
    pub fn start(
        path: PathBuf,
        on_request: impl Fn(Request, Caller) + Send + 'static,
    ) -> Result<Self> {
        if UnixStream::connect(&path).is_ok() {
            return Err(Error::AlreadyRunning(path));
        }
        // What a killed cluster has left.
        let _ = fs::remove_file(&path);
        let doing = || Error::io(format!("listening on {}", path.display()));
        let listener = UnixListener::bind(&path).map_err(doing())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(doing())?;
        thread::spawn(move || {
            // A caller that breaks off, or sends something else, has gone by itself; the next one is served.
            for (request, caller) in listener
                .incoming()
                .flatten()
                .filter_map(|stream| receive(stream).ok())
            {
                on_request(request, caller);
            }
        });
        Ok(Self { path })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whoever sent a request. That it has gone away meanwhile stops nothing, so nothing here fails.
#[derive(Debug)]
pub struct Caller {
    stream: UnixStream,
}

impl Caller {
    /// Tells a line of progress.
    pub fn progress(&mut self, line: &str) {
        let _ = send(
            &mut self.stream,
            &Reply::Progress {
                line: line.to_owned(),
            },
        );
    }

    /// Tells how it ended.
    pub fn finish(mut self, result: &Result<()>) {
        let reply = match result {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed {
                why: error.to_string(),
            },
        };
        let _ = send(&mut self.stream, &reply);
    }
}

fn receive(stream: UnixStream) -> io::Result<(Request, Caller)> {
    // One that connects and says nothing must not keep others out for long.
    stream.set_read_timeout(Some(std::time::Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(std::time::Duration::from_secs(2)))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    Ok((serde_json::from_str(&line)?, Caller { stream }))
}

fn send(stream: &mut UnixStream, document: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    stream.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunDir;

    #[test]
    fn a_request_gets_its_progress_and_its_end() {
        let dir = RunDir::temporary().unwrap();
        let path = dir.path().join("cluster.sock");
        let _listener = Listener::start(path.clone(), |request, mut caller| {
            caller.progress("begun");
            let result = match request {
                Request::Scale { instances: 17 } => Err(Error::Refused("too many".into())),
                Request::Scale { .. } | Request::Roll { .. } => Ok(()),
            };
            caller.finish(&result);
        })
        .unwrap();
        let mut lines = Vec::new();
        ask(&path, &Request::Roll { binary: None }, |line| {
            lines.push(line.to_owned());
        })
        .unwrap();
        assert_eq!(lines, ["begun"]);
        let error = ask(&path, &Request::Scale { instances: 17 }, |_| ()).unwrap_err();
        assert_eq!(error.to_string(), "too many");
    }

    #[test]
    fn a_second_cluster_at_the_same_place_is_refused_but_a_left_over_socket_is_not() {
        let dir = RunDir::temporary().unwrap();
        let path = dir.path().join("cluster.sock");
        drop(UnixListener::bind(&path).unwrap());
        let _first = Listener::start(path.clone(), |_, _| ()).unwrap();
        assert!(matches!(
            Listener::start(path, |_, _| ()),
            Err(Error::AlreadyRunning(_))
        ));
    }

    #[test]
    fn without_a_cluster_it_says_how_to_start_one() {
        let error = ask(
            Path::new("/nowhere/cluster.sock"),
            &Request::Roll { binary: None },
            |_| (),
        )
        .unwrap_err();
        assert!(error.to_string().contains("make cluster"), "{error}");
    }
}
