//! The checker of the chaos run finds every planted bug, and finds nothing under
//! the same faults without one.

use std::{path::Path, process::Command};

#[test]
fn every_planted_bug_is_found_and_nothing_else_is() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../haproxy.cfg");
    let output = Command::new(env!("CARGO_BIN_EXE_hubbub-chaos"))
        .args(["selftest", "--haproxy-cfg"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    let found = said.lines().filter(|line| line.ends_with(" found"));
    let found = found.filter(|line| !line.ends_with("nothing found"));
    assert_eq!(found.count(), 5, "{said}");
}
