//! What the ledger makes of deeds that arrive, come twice, or do not come.

use super::*;

fn at(seq: u64) -> Position {
    Position::new(1, seq)
}

/// A ledger with two who are here.
fn two() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.comes(0);
    ledger.comes(1);
    ledger
}

#[test]
fn a_deed_is_done_once_it_is_acknowledged_and_everybody_heard_of_it() {
    let mut ledger = two();
    let deed = ledger.begin();
    ledger.heard(0, deed, at(1));
    ledger.acknowledged(deed, at(1));
    assert_eq!(ledger.state(deed), State::Underway);
    assert_eq!(ledger.missing(deed), [1]);
    assert_eq!((ledger.counts().lost, ledger.is_settled()), (1, false));
    ledger.heard(1, deed, at(1));
    assert_eq!(ledger.state(deed), State::Heard(at(1)));
    let counts = ledger.counts();
    assert_eq!((counts.sent, counts.heard_by_all), (1, 1));
    assert!(counts.is_clean() && ledger.is_settled());
}

#[test]
fn only_those_who_are_here_need_to_hear_it() {
    let mut ledger = two();
    ledger.goes(1);
    let deed = ledger.begin();
    ledger.comes(1);
    ledger.acknowledged(deed, at(1));
    ledger.heard(0, deed, at(1));
    assert_eq!(ledger.state(deed), State::Heard(at(1)));
}

#[test]
fn what_comes_twice_is_counted() {
    let mut ledger = two();
    let deed = ledger.begin();
    ledger.acknowledged(deed, at(1));
    for who in [0, 1, 1] {
        ledger.heard(who, deed, at(1));
    }
    let counts = ledger.counts();
    assert_eq!((counts.doubled, counts.heard_by_all), (1, 1));
    assert!(!counts.is_clean());
}

#[test]
fn what_was_taken_back_is_expected_again() {
    let mut ledger = two();
    let (kept, gone) = (ledger.begin(), ledger.begin());
    for (deed, seq) in [(kept, 1), (gone, 2)] {
        ledger.acknowledged(deed, at(seq));
        ledger.heard(0, deed, at(seq));
        ledger.heard(1, deed, at(seq));
    }
    ledger.taken_back(0, at(1), Position::new(2, 0));
    assert_eq!(ledger.missing(gone), [0]);
    assert_eq!(ledger.state(kept), State::Heard(at(1)));
    ledger.heard(0, gone, Position::new(2, 1));
    assert_eq!(ledger.counts().doubled, 0);
    assert!(ledger.is_settled());
}

#[test]
fn what_somebody_was_told_is_gone_is_not_lost_in_silence() {
    let mut ledger = two();
    let (before, within) = (ledger.begin(), ledger.begin());
    for (deed, seq) in [(before, 1), (within, 2)] {
        ledger.acknowledged(deed, at(seq));
        ledger.heard(0, deed, at(seq));
    }
    ledger.gap(1, at(1), Position::ZERO);
    assert_eq!(ledger.missing(before), [1]);
    assert_eq!(ledger.state(within), State::Heard(at(2)));
    let counts = ledger.counts();
    assert_eq!((counts.gone, counts.lost), (1, 1));
}

#[test]
fn what_is_refused_is_expected_of_nobody_and_what_is_unanswered_is_said() {
    let mut ledger = two();
    let (refused, _unanswered) = (ledger.begin(), ledger.begin());
    ledger.refused(refused);
    assert_eq!(ledger.state(refused), State::Refused);
    let counts = ledger.counts();
    assert_eq!((counts.refused, counts.unanswered), (1, 1));
    assert_eq!((counts.sent, counts.lost), (0, 0));
}

#[test]
fn old_deeds_are_counted_and_forgotten() {
    let mut ledger = two();
    let lost = ledger.begin();
    ledger.acknowledged(lost, at(1));
    for seq in 0..2 * REMEMBERED as u64 {
        let deed = ledger.begin();
        ledger.acknowledged(deed, at(seq + 2));
        ledger.heard(0, deed, at(seq + 2));
        ledger.heard(1, deed, at(seq + 2));
    }
    assert_eq!(ledger.deeds.len(), REMEMBERED);
    assert_eq!(ledger.missing(lost), [0, 1]);
    let counts = ledger.counts();
    assert_eq!((counts.sent, counts.lost), (2 * REMEMBERED as u64 + 1, 1));
}
