//! The checker of the chaos run finds every planted bug and a planted notice in a
//! real browser, and finds nothing under the same faults without one.

use std::{path::Path, process::Command};

#[test]
fn every_planted_bug_is_found_and_nothing_else_is() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_hubbub-chaos"))
        .args(["selftest", "--haproxy-cfg"])
        .arg(here.join("../haproxy.cfg"))
        .arg("--watcher")
        .arg(here.join("browser/watch.mjs"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    let found = said.lines().filter(|line| line.ends_with(" found"));
    let found = found.filter(|line| !line.ends_with("nothing found"));
    let (notices, bugs): (Vec<_>, Vec<_>) = found.partition(|line| line.starts_with("Notice"));
    assert_eq!(bugs.len(), 5, "{said}");
    // Where there is no browser, it says so and nothing else is missing.
    assert!(notices.len() == 1 || said.contains("NOT RUN"), "{said}");
}
