//! Holes, repetitions, order, gaps, rollbacks, strangers and views.

use super::{Invariant::*, *};

#[test]
fn a_run_without_a_fault_is_clean() {
    let mut run = Run::new(3);
    run.talk(50);
    let verdict = run.verdict();
    assert!(verdict.is_clean(), "{verdict}");
    let counts = verdict.counts;
    assert_eq!((counts.sent, counts.acknowledged), (50, 50));
    assert_eq!((counts.received, counts.lost), (150, 0));
    for invariant in [I1, I2, I3, I4, I5, I8, I9, I10] {
        assert_eq!(verdict.of(invariant).unwrap().outcome, Outcome::Held);
    }
}

#[test]
fn a_dropped_message_is_a_hole_and_a_loss() {
    let mut run = Run::new(2);
    run.talk(2);
    run.sends(0, 3);
    run.acked(0, 3, at(3));
    run.stored(3, at(3));
    run.hears(0, 3, at(3));
    run.sends(0, 4);
    run.acked(0, 4, at(4));
    run.stored(4, at(4));
    run.hears(0, 4, at(4));
    run.hears(1, 4, at(4));
    assert_eq!(run.broken(), [I1, I5, I10]);
    assert_eq!(run.verdict().counts.lost, 1);
}

#[test]
fn a_lost_last_message_is_found_in_the_log() {
    let mut run = Run::new(2);
    run.talk(2);
    run.sends(0, 3);
    run.acked(0, 3, at(3));
    run.stored(3, at(3));
    run.hears(0, 3, at(3));
    assert_eq!(run.broken(), [I1, I5, I10]);
    // Nobody owes it to a client that is gone.
    run.note(1, &Event::Down { code: 0 });
    assert_eq!(run.broken(), []);
}

#[test]
fn a_message_twice_is_a_repetition() {
    let mut run = Run::new(2);
    run.talk(3);
    run.hears(1, 2, at(2));
    assert_eq!(run.broken(), [I2]);
    assert_eq!(run.verdict().counts.duplicated, 1);
}

#[test]
fn two_messages_swapped_are_out_of_order_and_not_lost() {
    let mut run = Run::new(1);
    for number in 1..=2 {
        run.sends(0, number);
        run.acked(0, number, at(number));
        run.stored(number, at(number));
    }
    run.hears(0, 2, at(2));
    run.hears(0, 1, at(1));
    assert_eq!(run.broken(), [I2]);
    let counts = run.verdict().counts;
    assert_eq!((counts.reordered, counts.lost), (1, 0));
}

#[test]
fn another_text_at_a_position_is_found() {
    let mut run = Run::new(2);
    run.talk(1);
    run.sends(0, 2);
    run.acked(0, 2, at(2));
    run.stored(2, at(2));
    run.hears(0, 2, at(2));
    run.hears(1, 99, at(2));
    assert_eq!(run.broken(), [I2, I10]);
}

#[test]
fn what_the_log_never_held_is_found() {
    let mut run = Run::new(1);
    run.talk(2);
    run.hears(0, 3, at(3));
    assert_eq!(run.broken(), [I3, I10]);
    run.logs.rooms[0].entries.clear();
    run.logs.rooms[0].is_whole = false;
    let verdict = run.verdict();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.counts.unjudged, 5);
}

#[test]
fn a_late_message_is_found_unless_a_fault_excuses_it() {
    let mut run = Run::new(2);
    run.sends(0, 1);
    run.acked(0, 1, at(1));
    run.stored(1, at(1));
    run.hears(0, 1, at(1));
    let from = run.now();
    run.wait(6);
    run.hears(1, 1, at(1));
    assert_eq!(run.broken(), [I5]);
    assert_eq!(run.verdict().counts.late, 1);
    run.expectations.faults.push(Fault {
        name: "frozen".to_owned(),
        from,
        healed: from + 5_000_000,
        may_notice: false,
    });
    assert_eq!(run.broken(), []);
}

#[test]
fn who_was_away_gets_it_after_the_return() {
    let mut run = Run::new(2);
    run.note(1, &Event::Down { code: 0 });
    run.sends(0, 1);
    run.acked(0, 1, at(1));
    run.stored(1, at(1));
    run.hears(0, 1, at(1));
    run.wait(8);
    let resumed = Event::Joined {
        room: ROOM,
        head: at(1),
        resumed: true,
        recovered: true,
    };
    run.note(1, &resumed);
    run.hears(1, 1, at(1));
    run.note(1, &Event::Up(Via::Poll));
    assert_eq!(run.broken(), []);
    // Whoever has caught up is owed everything in time.
    run.sends(0, 2);
    run.acked(0, 2, at(2));
    run.stored(2, at(2));
    run.hears(0, 2, at(2));
    run.wait(3);
    run.hears(1, 2, at(2));
    assert_eq!(run.broken(), [I5]);
}

#[test]
fn a_gap_is_true_only_where_history_is_gone() {
    let mut run = Run::new(1);
    run.talk(2);
    let gap = Event::Gap {
        room: ROOM,
        from: at(2),
        to: at(9),
    };
    run.note(0, &gap);
    run.hears(0, 9, at(9));
    run.stored(9, at(9));
    assert_eq!(run.broken(), [I7]);
    run.expectations.may_trim = true;
    assert_eq!(run.broken(), []);
    run.stored(5, at(5));
    assert_eq!(run.broken(), [I7]);
    assert_eq!(run.verdict().counts.gaps, 1);
}

#[test]
fn a_gap_from_somewhere_else_is_wrong() {
    let mut run = Run::new(1);
    run.expectations.may_trim = true;
    run.talk(2);
    let gap = Event::Gap {
        room: ROOM,
        from: at(1),
        to: at(9),
    };
    run.note(0, &gap);
    run.hears(0, 9, at(9));
    run.stored(9, at(9));
    assert_eq!(run.broken(), [I7]);
}

/// Messages 1 to 3 were acknowledged; a failover lost the third.
fn rolled_back(is_told: bool, is_sent_again: bool) -> Run {
    let mut run = Run::new(1);
    run.expectations.may_roll_back = true;
    run.talk(3);
    run.logs.rooms[0].entries.pop();
    if is_told {
        run.note(
            0,
            &Event::Rollback {
                room: ROOM,
                after: at(2),
            },
        );
    }
    let marker = Event::Epoch {
        room: ROOM,
        position: Position::new(2, 0),
        prev: at(2),
    };
    run.note(0, &marker);
    if is_sent_again {
        run.acked(0, 3, Position::new(2, 1));
        run.stored(3, Position::new(2, 1));
        run.hears(0, 3, Position::new(2, 1));
    }
    run
}

#[test]
fn a_rollback_that_is_told_and_repaired_is_clean() {
    let run = rolled_back(true, true);
    let verdict = run.verdict();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.counts.rollbacks, 1);
}

#[test]
fn a_rollback_that_is_not_told_is_found() {
    assert_eq!(rolled_back(false, true).broken(), [I7]);
}

#[test]
fn what_was_taken_back_and_never_sent_again_is_lost() {
    let run = rolled_back(true, false);
    assert_eq!(run.broken(), [I4]);
    assert_eq!(run.verdict().counts.lost, 1);
}

#[test]
fn a_rollback_of_what_the_log_still_holds_is_false() {
    let mut run = rolled_back(true, true);
    run.logs.rooms[0].entries.insert(
        2,
        FinalEntry {
            position: at(3),
            key: 4,
            digest: 4,
        },
    );
    assert!(run.broken().contains(&I7));
    let mut run = rolled_back(true, true);
    run.expectations.may_roll_back = false;
    assert_eq!(run.broken(), [I7]);
}

#[test]
fn a_new_epoch_that_loses_nothing_goes_on() {
    let mut run = Run::new(1);
    run.talk(2);
    let marker = Event::Epoch {
        room: ROOM,
        position: Position::new(2, 0),
        prev: at(2),
    };
    run.note(0, &marker);
    run.sends(0, 3);
    run.acked(0, 3, Position::new(2, 1));
    run.stored(3, Position::new(2, 1));
    run.hears(0, 3, Position::new(2, 1));
    assert_eq!(run.broken(), []);
}

#[test]
fn a_message_for_somebody_outside_the_room_is_found() {
    let mut run = Run::new(2);
    run.talk(1);
    run.note(1, &Event::Left { room: ROOM });
    assert_eq!(run.broken(), []);
    run.hears(1, 1, at(1));
    assert_eq!(run.broken(), [I9]);
}

#[test]
fn who_joins_late_is_owed_what_comes_from_then_on() {
    let mut run = Run::new(1);
    run.talk(3);
    let mut late = Journal::new(1);
    let joined = Event::Joined {
        room: ROOM,
        head: at(2),
        resumed: false,
        recovered: false,
    };
    late.push(run.now(), &joined);
    let shown = Event::Received {
        room: ROOM,
        position: at(1),
        digest: text(1),
        how: How::Backlog,
        via: Via::WebSocket,
    };
    late.push(run.now(), &shown);
    late.push(run.now(), &Event::Up(Via::WebSocket));
    run.journals.push(late);
    assert_eq!(run.broken(), [I1, I5, I10]);
    run.hears(1, 3, at(3));
    assert_eq!(run.broken(), []);
}

#[test]
fn who_begins_anew_without_having_left_lost_its_place() {
    let mut run = Run::new(1);
    run.talk(2);
    run.joins(0, at(2));
    assert_eq!(run.broken(), []);
    run.joins(0, at(1));
    assert!(run.broken().contains(&I1));
}
