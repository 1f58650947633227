//! Presence, notices, resources and floods.

use super::{Invariant::*, *};

fn diff(version: u64, joined: &[Mark], left: &[Mark]) -> Event {
    Event::Diff {
        room: ROOM,
        prev: version - 1,
        version,
        joined: joined.into(),
        left: left.into(),
    }
}

fn snapshot(version: u64, members: &[Mark]) -> Event {
    Event::Snapshot {
        room: ROOM,
        version,
        is_whole: true,
        members: members.into(),
    }
}

#[test]
fn versions_of_presence_have_no_hole() {
    let mut run = Run::new(2);
    for version in 4..=6 {
        run.note(0, &diff(version, &[1], &[]));
    }
    assert_eq!(run.broken(), []);
    run.note(0, &diff(8, &[1], &[]));
    assert_eq!(run.broken(), []);
    run.wait(3);
    run.note(0, &diff(9, &[1], &[]));
    assert_eq!(run.broken(), [I11]);
    // After a snapshot counting goes on from there.
    let mut run = Run::new(2);
    run.note(0, &diff(4, &[1], &[]));
    run.note(0, &snapshot(9, &[0, 1]));
    run.note(0, &diff(10, &[1], &[]));
    assert_eq!(run.broken(), []);
    // Several changes in one frame are no hole, wherever they begin.
    for (prev, version, broken) in [
        (10, 14, vec![]),
        (12, 16, vec![]),
        (17, 18, vec![]),
        (18, 19, vec![I11]),
    ] {
        let several = Event::Diff {
            room: ROOM,
            prev,
            version,
            joined: [1].into(),
            left: [].into(),
        };
        run.wait(3);
        run.note(0, &several);
        assert_eq!(run.broken(), broken);
    }
}

#[test]
fn a_list_of_some_members_says_nothing_of_the_others() {
    for is_whole in [true, false] {
        let mut run = Run::new(2);
        run.wait(20);
        let some = Event::Snapshot {
            room: ROOM,
            version: 4,
            is_whole,
            members: [0].into(),
        };
        run.note(0, &some);
        run.wait(20);
        assert_eq!(run.broken().contains(&I11), is_whole);
    }
}

#[test]
fn who_is_back_within_the_grace_has_not_left() {
    let mut run = Run::new(2);
    run.note(1, &Event::Down { code: 0 });
    run.wait(5);
    run.note(1, &Event::Up(Via::WebSocket));
    assert_eq!(run.broken(), []);
    run.note(0, &diff(4, &[], &[1]));
    assert_eq!(run.broken(), [I11]);
    assert_eq!(run.verdict().counts.false_left, 1);
}

#[test]
fn who_was_away_for_longer_has_left() {
    let mut run = Run::new(2);
    run.note(1, &Event::Down { code: 0 });
    run.wait(16);
    run.note(0, &diff(4, &[], &[1]));
    run.note(1, &Event::Up(Via::WebSocket));
    assert_eq!(run.broken(), []);
}

#[test]
fn who_means_to_leave_has_left_at_once() {
    let mut run = Run::new(2);
    run.note(1, &Event::Left { room: ROOM });
    run.note(0, &diff(4, &[], &[1]));
    assert_eq!(run.broken(), []);
}

#[test]
fn who_never_moved_has_not_left() {
    let mut run = Run::new(2);
    run.wait(60);
    run.note(0, &diff(4, &[], &[1]));
    assert_eq!(run.broken(), [I11]);
}

#[test]
fn who_has_a_second_connection_has_not_left() {
    let mut run = Run::new(3);
    // The third client is the second's other tab.
    run.journals[2].set_user(1);
    run.wait(30);
    run.note(1, &Event::Left { room: ROOM });
    run.wait(30);
    assert_eq!(run.broken(), []);
    run.note(0, &diff(4, &[], &[1]));
    assert_eq!(run.broken(), [I11]);
}

#[test]
fn the_list_of_members_is_the_true_one() {
    let mut run = Run::new(3);
    run.note(2, &Event::Left { room: ROOM });
    run.wait(5);
    run.note(0, &snapshot(4, &[0, 1]));
    run.wait(5);
    assert_eq!(run.broken(), []);
    run.note(0, &snapshot(4, &[0, 1, 2]));
    assert_eq!(run.broken(), [I11]);
}

#[test]
fn somebody_missing_from_the_list_is_found() {
    let mut run = Run::new(2);
    run.wait(5);
    run.note(0, &snapshot(4, &[0]));
    run.wait(5);
    assert_eq!(run.broken(), [I11]);
}

#[test]
fn somebody_whose_instance_died_is_gone_after_lease_and_grace() {
    let mut run = Run::new(2);
    run.note(1, &Event::Down { code: 0 });
    run.wait(20);
    run.note(0, &snapshot(4, &[0, 1]));
    assert_eq!(run.broken(), []);
    run.wait(10);
    run.note(0, &snapshot(4, &[0, 1]));
    run.wait(5);
    assert_eq!(run.broken(), [I11]);
}

#[test]
fn a_notice_needs_a_fault_that_may_be_seen() {
    let mut run = Run::new(1);
    run.wait(5);
    let from = run.now();
    run.note(0, &Event::Notice);
    assert_eq!(run.broken(), [I12]);
    assert_eq!(run.verdict().counts.false_notices, 1);
    for (may_notice, broken) in [(false, vec![I12]), (true, vec![])] {
        run.expectations.faults = vec![Fault {
            name: "balancer killed".to_owned(),
            from,
            healed: from + 1_000_000,
            may_notice,
        }];
        assert_eq!(run.broken(), broken);
    }
}

#[test]
fn resources_return_to_within_five_percent() {
    let mut run = Run::new(1);
    assert_eq!(
        run.verdict().of(I13).map(|found| found.outcome),
        Some(Outcome::Undecided)
    );
    for (after, broken) in [(105, vec![]), (106, vec![I13])] {
        run.expectations.resources = vec![Resource {
            name: "app-1 RSS".to_owned(),
            before: 100,
            after,
        }];
        assert_eq!(run.broken(), broken);
    }
}

#[test]
fn a_flood_may_double_the_latency_of_others_and_no_more() {
    let mut run = Run::new(1);
    for (flooded_p99, broken) in [(2_000, vec![]), (2_001, vec![I14])] {
        run.expectations.flood = Some(Flood {
            calm_p99: 1_000,
            flooded_p99,
        });
        assert_eq!(run.broken(), broken);
    }
}
