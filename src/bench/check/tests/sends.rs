//! Acknowledged, refused, unknown, twice, and out of order.

use super::{Invariant::*, *};

#[test]
fn an_ack_for_what_was_never_stored_is_found() {
    let mut run = Run::new(1);
    run.talk(2);
    run.sends(0, 3);
    run.acked(0, 3, at(3));
    assert_eq!(run.broken(), [I4]);
    assert_eq!(run.verdict().counts.lost, 1);
}

#[test]
fn an_ack_that_names_another_place_is_found() {
    let mut run = Run::new(1);
    run.sends(0, 1);
    run.acked(0, 1, at(2));
    run.stored(1, at(1));
    run.hears(0, 1, at(1));
    assert_eq!(run.broken(), [I4]);
}

#[test]
fn one_key_at_two_places_is_found() {
    let mut run = Run::new(1);
    run.talk(1);
    run.stored(1, at(2));
    run.hears(0, 1, at(2));
    assert!(run.broken().contains(&I2));
    assert_eq!(run.verdict().counts.duplicated, 1);
}

#[test]
fn a_refused_send_must_not_be_there() {
    let mut run = Run::new(1);
    run.talk(1);
    run.sends(0, 2);
    run.note(
        0,
        &Event::Refused {
            room: ROOM,
            key: key(2),
        },
    );
    assert_eq!(run.broken(), []);
    assert_eq!(
        run.verdict().of(I6).map(|found| found.outcome),
        Some(Outcome::Held)
    );
    run.stored(2, at(2));
    run.hears(0, 2, at(2));
    assert_eq!(run.broken(), [I6]);
}

#[test]
fn an_unknown_send_may_be_there_once_or_not() {
    let mut run = Run::new(1);
    run.talk(1);
    run.sends(0, 2);
    let unknown = Event::Unknown {
        room: ROOM,
        key: key(2),
    };
    run.note(0, &unknown);
    assert_eq!(run.broken(), []);
    run.stored(2, at(2));
    run.hears(0, 2, at(2));
    assert_eq!(run.broken(), []);
    assert_eq!(run.verdict().counts.unknown, 1);
}

#[test]
fn own_messages_in_another_order_are_found() {
    let mut run = Run::new(1);
    run.sends(0, 1);
    run.sends(0, 2);
    for (number, place) in [(2, at(1)), (1, at(2))] {
        run.acked(0, number, place);
        run.stored(number, place);
        run.hears(0, number, place);
    }
    assert_eq!(run.broken(), [I8]);
    run.expectations.is_ordered = false;
    assert_eq!(run.broken(), []);
}

#[test]
fn a_repeated_ack_counts_once() {
    let mut run = Run::new(1);
    run.talk(1);
    run.acked(0, 1, at(1));
    let verdict = run.verdict();
    assert!(verdict.is_clean());
    assert_eq!(verdict.counts.acknowledged, 1);
}

#[test]
fn only_the_first_violations_are_explained_and_all_are_counted() {
    let mut run = Run::new(1);
    for number in 1..=20 {
        run.sends(0, number);
        run.acked(0, number, at(number));
    }
    let verdict = run.verdict();
    let found = verdict.of(I4).unwrap();
    assert_eq!((found.violations, found.examples.len()), (20, 5));
    assert!(found.examples[0].contains("lost it"), "{verdict}");
    assert!(verdict.to_string().contains("and 15 more"));
}
