//! The results as people read them: Markdown for docs/reliability.md, and one
//! line per row for the terminal.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::stage::Outcome;

const BEGIN: &str = "<!-- chaos: begin (written by `make chaos`) -->";
/// How many browsers take part in a row that has any.
const BROWSERS: u64 = 2;
const END: &str = "<!-- chaos: end -->";

/// All rows of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Outcome>,
}

impl Report {
    /// How many messages were acknowledged in all rows together.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.rows.iter().map(|row| row.counts.acknowledged).sum()
    }

    /// Whether every row held.
    pub(crate) fn is_clean(&self) -> bool {
        self.rows.iter().all(|row| row.violations.is_empty())
    }

    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| fault | sent | acknowledged | lost | duplicated | reordered | false \"left\" | \
             false notices | in browsers: false notices | in browsers: false left or joined | \
             browsers that show the end | recovery p50 / p99 |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|:-:|:-:|:-:|--:|\n",
        );
        for row in &self.rows {
            write_row(&mut text, row);
        }
        let minutes = self.seconds / 60.0;
        let _ = writeln!(
            text,
            "\n{} acknowledged messages in {minutes:.0} min on {}.",
            grouped(self.acknowledged()),
            self.machine
        );
        text.push_str(
            "\nEvery count is over all simulated clients, half of which poll. *Lost*: acknowledged, \
             and not in the log in the end or not delivered to a member who was entitled to it. \
             *False notices*: how often a page by its own rule (3 s without a transport) would have \
             told a simulated client so although the row does not permit it. *In browsers*: beside the \
             simulated clients two people sit in one of the rooms with the real page in Chromium, one \
             over WebSocket and one whose network lets none through, so that the page polls. A notice \
             about the connection is false if it shows in a row that permits none (a planned roll, a \
             reload, a fault of Redis alone) or while the page still hears from the server; nobody \
             leaves or joins, so nobody may be shown doing so; in the end the messages on screen must \
             be exactly the last ones of the log. – where no browser takes part. *Recovery*: from a \
             blow to the first message that was said after it, for clients that were hit; – where \
             nobody was. Where links are cut again and again, every cut is a blow; where a tail is \
             lost, the blow is the death of the master. `make chaos` checks the fourteen invariants in \
             every row, and fails if one is broken.\n\
             \nWhat was done, and what else was seen:\n\n",
        );
        for row in &self.rows {
            let notes = match &row.skipped {
                Some(why) => format!("not run: {why}"),
                None if row.notes.is_empty() => format!("{} clients", row.clients),
                None => format!("{} clients; {}", row.clients, row.notes.join("; ")),
            };
            let _ = writeln!(text, "- **{}**: {} ({notes})", row.fault, row.how);
        }
        let broken = self.rows.iter().filter(|row| !row.violations.is_empty());
        for (number, row) in broken.enumerate() {
            if number == 0 {
                text.push_str("\nWhat did not hold:\n");
            }
            let lines = row.violations.join("\n");
            let _ = writeln!(text, "\n**{}**\n\n```\n{lines}\n```", row.fault);
        }
        text
    }

    /// Puts the table between the marks of a file, or at its end.
    pub(crate) fn write_into(&self, file: &Path) -> anyhow::Result<()> {
        let doing = || format!("writing the table into {}", file.display());
        let before = fs::read_to_string(file).unwrap_or_else(|_| {
            "# Reliability\n\nWhat holds while things break, and how we know.\n".to_owned()
        });
        let block = format!("{BEGIN}\n\n{}\n{END}", self.markdown());
        let after = match (before.find(BEGIN), before.find(END)) {
            (Some(begin), Some(end)) if begin < end => {
                format!("{}{block}{}", &before[..begin], &before[end + END.len()..])
            }
            _ => format!("{}\n\n{block}\n", before.trim_end()),
        };
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(doing)?;
        }
        fs::write(file, after).with_context(doing)
    }
}

fn write_row(text: &mut String, row: &Outcome) {
    if row.skipped.is_some() {
        let _ = writeln!(text, "| {} | not run | | | | | | | | | | |", row.fault);
        return;
    }
    let counts = &row.counts;
    let _ = writeln!(
        text,
        "| {}{} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.fault,
        if row.violations.is_empty() {
            ""
        } else {
            " **(broken)**"
        },
        grouped(counts.sent),
        grouped(counts.acknowledged),
        counts.lost,
        counts.duplicated,
        counts.reordered,
        counts.false_left,
        counts.false_notices,
        browsers(row),
        recovery(row)
    );
}

/// The three cells about browsers.
fn browsers(row: &Outcome) -> String {
    let Some(seen) = &row.browser else {
        return "– | – | –".to_owned();
    };
    let moved = seen.false_left + seen.false_joined;
    let whole = BROWSERS.saturating_sub(seen.wrong_ends);
    format!("{} | {moved} | {whole} of {BROWSERS}", seen.false_notices)
}

fn recovery(row: &Outcome) -> String {
    match (row.recovery(0.5), row.recovery(0.99)) {
        (Some(half), Some(most)) => format!("{} / {} ms", grouped(half), grouped(most)),
        _ => "–".to_owned(),
    }
}

/// One line for the terminal.
pub(crate) fn line(row: &Outcome) -> String {
    if let Some(why) = &row.skipped {
        return format!("not run: {why}");
    }
    let counts = &row.counts;
    format!(
        "{:>7} acknowledged, {} lost, {} duplicated, {} reordered, {} false left, {} false \
         notices, in browsers {}, recovery {}, {:.0} s",
        grouped(counts.acknowledged),
        counts.lost,
        counts.duplicated,
        counts.reordered,
        counts.false_left,
        counts.false_notices,
        browsers(row),
        recovery(row),
        row.seconds
    )
}

/// 12,345
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut row = Outcome::skipped("no");
        row.skipped = None;
        row.fault = "kill".to_owned();
        row.counts.acknowledged = 12_345;
        row.recovery_ms = vec![1, 2, 3_000];
        Report {
            machine: "a machine".to_owned(),
            seconds: 60.0,
            rows: vec![row],
        }
    }

    #[test]
    fn the_table_replaces_the_one_before_and_nothing_else() {
        let dir = hubbub_cluster::RunDir::temporary().unwrap();
        let file = dir.path().join("reliability.md");
        fs::write(
            &file,
            format!("# Top\n\n{BEGIN}\nthe former table\n{END}\n\nBottom\n"),
        )
        .unwrap();
        report().write_into(&file).unwrap();
        let once = fs::read_to_string(&file).unwrap();
        report().write_into(&file).unwrap();
        let twice = fs::read_to_string(&file).unwrap();
        assert_eq!(once, twice);
        assert!(once.starts_with("# Top\n") && once.ends_with("\nBottom\n"));
        assert!(
            once.contains("12,345") && !once.contains("the former table"),
            "{once}"
        );
    }

    #[test]
    fn recovery_is_the_middle_and_the_worst() {
        assert_eq!(recovery(&report().rows[0]), "2 / 3,000 ms");
    }
}
