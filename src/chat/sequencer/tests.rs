//! Who is told what, one case at a time. The cases that nobody thinks of are
//! found by `tests/sim`.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value;

use super::*;
use crate::{
    chat::refill::{Greeting, Part, Start},
    protocol::entry::Fields,
};

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Paper {
    frames: Rc<RefCell<Vec<Value>>>,
    is_full: Rc<RefCell<bool>>,
}

impl Sink for Paper {
    fn offer(&self, frame: &Text) -> bool {
        if !*self.is_full.borrow() {
            self.push(frame.clone());
        }
        !*self.is_full.borrow()
    }

    fn push(&self, frame: Text) {
        let frame = serde_json::from_str(frame.as_str()).unwrap();
        self.frames.borrow_mut().push(frame);
    }

    fn mark_behind(&self) {}
}

impl Paper {
    /// Each frame in a few words.
    fn told(&self) -> Vec<String> {
        let place = |frame: &Value, name: &str| frame[name].as_str().unwrap().to_owned();
        let frames = std::mem::take(&mut *self.frames.borrow_mut());
        let told = frames.iter().map(|frame| match &*place(frame, "type") {
            "gap" => format!("gap {} {}", place(frame, "from"), place(frame, "to")),
            "rollback" => format!("rollback {}", place(frame, "after")),
            kind @ ("joined" | "page") => {
                let positions = frame["messages"].as_array().unwrap().iter();
                let positions: Vec<_> = positions.map(|m| place(m, "position")).collect();
                format!("{kind} {}", positions.join(" ")).trim().to_owned()
            }
            kind => format!("{kind} {}", place(frame, "position")),
        });
        told.collect()
    }
}

fn entry(epoch: u64, seq: u64, kind: Kind) -> Entry {
    Entry {
        position: Position::new(epoch, seq),
        at: 0,
        kind,
        fields: Fields::default(),
    }
}

fn message(epoch: u64, seq: u64) -> Entry {
    entry(epoch, seq, Kind::Message)
}

fn marker(epoch: u64, prev: Position) -> Entry {
    entry(epoch, 0, Kind::Epoch { prev })
}

fn page(entries: Vec<Entry>) -> Page {
    Page {
        head: entries.last().map_or(Position::ZERO, |e| e.position),
        entries,
        more: false,
    }
}

fn open_at(head: Position) -> Sequencer<Paper> {
    let mut sequencer = Sequencer::new(RoomName::lobby());
    sequencer.begin_opening();
    assert!(sequencer.opened(head).read.is_none());
    sequencer
}

fn hear(sequencer: &mut Sequencer<Paper>, entry: Entry) -> Outcome<Paper> {
    sequencer.on_entry(entry, &|_| ())
}

fn resume(sequencer: &mut Sequencer<Paper>, id: ConnectionId, part: Part) -> Paper {
    let paper = Paper::default();
    let greeting = Greeting {
        id: None,
        title: "Lobby".into(),
        count: 1,
    };
    let start = Start::Resumed(part);
    let greeted = sequencer.greet(id, paper.clone(), greeting, &start);
    assert!(greeted.is_ok());
    paper
}

#[test]
fn a_hole_is_filled_from_the_log_before_anything_else_is_delivered() {
    let mut sequencer = open_at(Position::new(5, 1));
    let paper = Paper::default();
    let _ = sequencer.follow(1, paper.clone(), Mode::LIVE);
    let outcome = hear(&mut sequencer, message(5, 3));
    assert_eq!(outcome.read, Some(Position::new(5, 1)));
    assert!(hear(&mut sequencer, message(5, 4)).read.is_none());
    assert!(paper.told().is_empty());
    let outcome = sequencer.on_page(page(vec![message(5, 2), message(5, 3)]), &|_| ());
    // What came during the repair is remembered, and so looked for.
    assert_eq!(outcome.read, Some(Position::new(5, 3)));
    let outcome = sequencer.on_page(page(vec![message(5, 4)]), &|_| ());
    assert!(outcome.read.is_none());
    assert_eq!(paper.told(), ["message 5-2", "message 5-3", "message 5-4"]);
}

#[test]
fn who_comes_from_beyond_a_lost_tail_is_told_of_no_rollback() {
    // This instance does not know yet that the tail above 5-4 is gone; whoever
    // stands in the new epoch has been told by another one.
    let mut sequencer = open_at(Position::new(5, 5));
    let news = Position::new(9, 3);
    let log = Page {
        head: news,
        ..page(vec![])
    };
    let ahead = resume(&mut sequencer, 1, Part::after(news, log));
    let paper = Paper::default();
    let _ = sequencer.follow(2, paper.clone(), Mode::LIVE);
    assert_eq!(ahead.told(), ["joined"]);
    let lost = marker(9, Position::new(5, 4));
    assert!(hear(&mut sequencer, lost.clone()).read.is_some());
    let entries = (1..=4).map(|seq| message(9, seq));
    let entries = std::iter::once(lost).chain(entries).collect();
    let _ = sequencer.on_page(page(entries), &|_| ());
    assert_eq!(ahead.told(), ["message 9-4"]);
    assert_eq!(paper.told()[..2], ["rollback 5-4", "epoch 9-0"]);
}

#[test]
fn who_stood_in_a_lost_tail_is_told_once_also_by_an_instance_that_lags() {
    let mut sequencer = open_at(Position::new(5, 5));
    let from = Position::new(5, 9);
    let log = || page(vec![marker(9, Position::new(5, 4)), message(9, 1)]);
    let paper = resume(&mut sequencer, 1, Part::after(from, log()));
    assert_eq!(paper.told(), ["joined"]);
    let _ = sequencer.refill(1, &Part::after(from, log()));
    assert_eq!(paper.told(), ["rollback 5-4", "epoch 9-0", "page 9-1"]);
    assert!(hear(&mut sequencer, message(9, 1)).read.is_some());
    let _ = sequencer.on_page(log(), &|_| ());
    assert!(paper.told().is_empty());
}

#[test]
fn a_log_that_is_gone_is_a_gap_for_everybody() {
    let mut sequencer = open_at(Position::new(5, 5));
    let live = Paper::default();
    let _ = sequencer.follow(1, live.clone(), Mode::LIVE);
    let from = Position::new(5, 2);
    let nothing = || page(vec![]);
    let behind = resume(&mut sequencer, 2, Part::after(from, nothing()));
    let outcome = sequencer.refill(2, &Part::after(from, nothing()));
    assert_eq!(outcome.read, Some(Position::new(5, 5)));
    assert_eq!(behind.told(), ["joined", "gap 5-2 0-0"]);
    assert!(sequencer.on_page(nothing(), &|_| ()).read.is_none());
    assert_eq!(live.told(), ["gap 5-5 0-0"]);
    assert_eq!(sequencer.settled_head(), Some(Position::ZERO));
    let _ = sequencer.refill(2, &Part::after(Position::ZERO, nothing()));
    assert!(!sequencer.mode(2).unwrap().is_behind());
    let _ = hear(&mut sequencer, marker(9, Position::ZERO));
    assert_eq!(live.told(), ["epoch 9-0"]);
}

#[test]
fn who_is_behind_when_the_room_is_closed_hears_of_it_when_it_gets_there() {
    let mut sequencer = open_at(Position::new(5, 1));
    let (quick, slow) = (Paper::default(), Paper::default());
    let _ = sequencer.follow(1, quick.clone(), Mode::LIVE);
    let _ = sequencer.follow(2, slow.clone(), Mode::LIVE);
    slow.is_full.replace(true);
    let _ = hear(&mut sequencer, message(5, 2));
    let outcome = hear(&mut sequencer, entry(5, 3, Kind::RoomClosed));
    assert_eq!(outcome.let_go.len(), 1);
    assert_eq!(quick.told(), ["message 5-2", "room_closed 5-3"]);
    slow.is_full.replace(false);
    let part = sequencer.recall(Position::new(5, 1)).unwrap();
    let outcome = sequencer.refill(2, &part);
    assert_eq!(outcome.let_go.len(), 1);
    assert_eq!(slow.told(), ["message 5-2", "room_closed 5-3"]);
    assert!(sequencer.is_empty());
}
