//! Shows how a run goes: one line that is written over on a terminal, one line
//! per second elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use hubbub::bench::{
    report::live_line,
    run::Moment,
    scenario::{Options, Part},
};

/// What is shown while a run is on.
pub(super) struct Display<'a> {
    options: &'a Options,
    is_quiet: bool,
    is_terminal: bool,
    part: Part,
    seconds: f64,
    before: Moment,
}

impl<'a> Display<'a> {
    /// Nothing is shown yet.
    pub(super) fn new(options: &'a Options, is_quiet: bool) -> Self {
        Self {
            options,
            is_quiet,
            is_terminal: io::stderr().is_terminal(),
            part: Part::Connecting,
            seconds: 0.0,
            before: Moment::default(),
        }
    }

    /// Shows the last second.
    pub(super) fn show(&mut self, part: Part, moment: &Moment) {
        if self.is_quiet {
            return;
        }
        if part != self.part {
            self.part = part;
            self.seconds = 0.0;
        }
        self.seconds += 1.0;
        let share = match part {
            Part::Connecting => f64::from(moment.up) / f64::from(self.options.plan.clients),
            Part::WarmingUp => self.seconds / self.options.warm_up.as_secs_f64(),
            Part::Measuring => self.seconds / self.options.duration.as_secs_f64(),
            Part::Draining | Part::Checking => 1.0,
        };
        // A rolling restart takes as long as it takes.
        let line = live_line(self.options, part, share.min(1.0), &self.before, moment);
        self.before = moment.clone();
        let mut out = io::stderr().lock();
        // Whoever does not look at it misses nothing.
        let _ = if self.is_terminal {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        if self.is_terminal && !self.is_quiet {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
