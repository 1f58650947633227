//! Tables in Markdown.

use super::{results::Results, server::Peer, workload::Workload};
use crate::generate::Counts;

/// A table whose first column is text and whose others are figures.
pub(crate) fn write(heads: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = line(heads);
    table.push_str("|---|");
    table.push_str(&"--:|".repeat(heads.len().saturating_sub(1)));
    table.push('\n');
    for row in rows {
        table.push_str(&line(row));
    }
    table
}

/// The three counts as people read them.
pub(crate) fn counts(counts: Counts) -> String {
    format!(
        "{} / {} / {}",
        counts.lost, counts.repeated, counts.reordered
    )
}

/// All peers of a workload, each figure beside hubbub's ratio to it.
pub(crate) fn of_workload(results: &Results, workload: &Workload) -> String {
    let mut heads = vec![String::new()];
    for metric in workload.metrics {
        heads.push(metric.title().to_owned());
        if metric.is_compared() {
            heads.push("hubbub / it".to_owned());
        }
    }
    let has_talk = workload.has_talk();
    if has_talk {
        heads.push("lost / repeated / out of order".to_owned());
    }
    heads.push("runs".to_owned());
    let peers = results.taking_part(workload.peers);
    let rows: Vec<_> = peers
        .into_iter()
        .map(|peer| row(results, workload, peer, has_talk))
        .collect();
    write(&heads, &rows)
}

fn row(results: &Results, workload: &Workload, peer: Peer, has_talk: bool) -> Vec<String> {
    let none = || "–".to_owned();
    let mut row = vec![peer.name().to_owned()];
    for metric in workload.metrics {
        let own = results.median(workload.id, Peer::Hubbub, *metric);
        let value = results.median(workload.id, peer, *metric);
        row.push(value.map_or_else(none, |value| metric.show(value)));
        if metric.is_compared() {
            row.push(match (own, value) {
                _ if peer == Peer::Hubbub => String::new(),
                (Some(own), Some(value)) if value > 0.0 => format!("{:.2}x", own / value),
                _ => none(),
            });
        }
    }
    if has_talk {
        row.push(results.counts(workload.id, peer).map_or_else(none, counts));
    }
    row.push(match results.repetitions(workload.id, peer) {
        (good, 0) => good.to_string(),
        (good, failed) => format!("{good}, {failed} failed"),
    });
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let heads = ["", "a", "b"].map(str::to_owned);
        let row = ["x", "1", "2"].map(str::to_owned).to_vec();
        assert_eq!(
            write(&heads, &[row]),
            "|  | a | b |\n|---|--:|--:|\n| x | 1 | 2 |\n"
        );
    }
}
