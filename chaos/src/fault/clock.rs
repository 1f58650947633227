//! Another clock for one instance, by libfaketime: the wall clock jumps while
//! it runs, the monotonic one goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// Where distributions put the library.
const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// A clock that can be set, for whichever process is started with its settings.
#[derive(Clone)]
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// A clock that is right until it is set. It is kept in a file of `dir`.
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        let library = PLACES
            .iter()
            .map(PathBuf::from)
            .find(|place| place.is_file())
            .context("libfaketime is not installed: apt-get install libfaketime")?;
        let clock = Self {
            library,
            file: dir.join("clock"),
        };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it so many seconds ahead of the real one.
    pub(crate) fn set(&self, seconds: i32) -> anyhow::Result<()> {
        // A reader must never see half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n"))
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(|| format!("writing {}", self.file.display()))
    }

    /// What a process is started with to live by this clock.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
