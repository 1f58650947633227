//! Who is told what, one case at a time. The cases that nobody thinks of are
//! found by `tests/sim`.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value;

use super::*;
use crate::{
    chat::refill::{Greeting, Part, Start},
    protocol::{entry::Fields, server_frame::Text},
};

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Paper {
    frames: Rc<RefCell<Vec<Value>>>,
    /// How many frames it still takes; none for all there are.
    room: Rc<RefCell<Option<usize>>>,
    /// Whether the next offer ends in a panic.
    is_broken: Rc<RefCell<bool>>,
    /// Whose it is.
    user: &'static str,
    /// What the log had when they came.
    since: Position,
}

impl Sink for Paper {
    fn offer_all(&self, frames: &[Text]) -> usize {
        assert!(!self.is_broken.replace(false), "a planted panic");
        let taken = self.room.borrow().unwrap_or(frames.len()).min(frames.len());
        for frame in &frames[..taken] {
            self.push(frame.clone());
        }
        taken
    }

    fn push(&self, frame: Text) {
        let frame = serde_json::from_str(frame.as_str()).unwrap();
        self.frames.borrow_mut().push(frame);
    }

    fn mark_behind(&self) {}

    fn came_after(&self, position: Position) -> bool {
        position <= self.since
    }

    fn departs_by(&self, entry: &Entry) -> bool {
        entry.departed().is_some_and(|user| *user.id == *self.user)
    }

    fn is_addressee(&self, entry: &Entry) -> bool {
        entry.is_addressed_to(self.user)
    }
}

impl Paper {
    fn of(user: &'static str) -> Self {
        Self {
            user,
            ..Self::default()
        }
    }

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

/// Takes an entry and walks over the members.
fn hear(sequencer: &mut Sequencer<Paper>, entry: Entry) -> Outcome<Paper> {
    let mut outcome = sequencer.on_entry(entry, &|_| ());
    sequencer.walk_to_the_end(&mut outcome);
    outcome
}

fn take(sequencer: &mut Sequencer<Paper>, page: Page) -> Outcome<Paper> {
    let mut outcome = sequencer.on_page(page, &|_| ());
    sequencer.walk_to_the_end(&mut outcome);
    outcome
}

fn resume(sequencer: &mut Sequencer<Paper>, id: ConnectionId, part: Part) -> Paper {
    let paper = Paper::default();
    let greeting = Greeting {
        id: None,
        title: "Lobby".into(),
        count: 1,
        read: Position::ZERO,
        people: None,
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
    let outcome = take(&mut sequencer, page(vec![message(5, 2), message(5, 3)]));
    // What came during the repair is remembered, and so looked for.
    assert_eq!(outcome.read, Some(Position::new(5, 3)));
    let outcome = take(&mut sequencer, page(vec![message(5, 4)]));
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
    let _ = take(&mut sequencer, page(entries));
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
    let _ = take(&mut sequencer, log());
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
    assert!(take(&mut sequencer, nothing()).read.is_none());
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
    slow.room.replace(Some(0));
    let _ = hear(&mut sequencer, message(5, 2));
    let outcome = hear(&mut sequencer, entry(5, 3, Kind::RoomClosed));
    assert_eq!(outcome.let_go.len(), 1);
    assert_eq!(quick.told(), ["message 5-2", "room_closed 5-3"]);
    slow.room.replace(None);
    let part = sequencer.recall(Position::new(5, 1)).unwrap();
    let outcome = sequencer.refill(2, &part);
    assert_eq!(outcome.let_go.len(), 1);
    assert_eq!(slow.told(), ["message 5-2", "room_closed 5-3"]);
    assert!(sequencer.is_empty());
}

#[test]
fn who_came_when_the_room_was_open_again_stays_also_if_history_is_missing_before_its_end() {
    let mut sequencer = open_at(Position::new(5, 1));
    let before = Paper::default();
    let after = Paper {
        since: Position::new(5, 7),
        ..Paper::default()
    };
    let _ = sequencer.follow(1, before.clone(), Mode::LIVE);
    let _ = sequencer.follow(2, after.clone(), Mode::LIVE);
    let log = || page(vec![entry(5, 6, Kind::RoomClosed), message(5, 7)]);
    let _ = hear(&mut sequencer, message(5, 7));
    assert_eq!(take(&mut sequencer, log()).let_go.len(), 1);
    assert_eq!(before.told(), ["gap 5-1 5-6", "room_closed 5-6"]);
    let from = Position::new(5, 1);
    let _ = sequencer.refill(2, &Part::after(from, log()));
    assert_eq!(after.told(), ["gap 5-1 5-6", "notice 5-6", "message 5-7"]);
    assert_eq!(
        sequencer.mode(2),
        Some(Mode::Live {
            above: Position::new(5, 7)
        })
    );
}

/// A room of which some members have been told up to different positions.
fn crowd(sequencer: &mut Sequencer<Paper>, count: u64) -> Vec<Paper> {
    (1..=count)
        .map(|id| {
            let paper = Paper::default();
            let _ = sequencer.follow(id, paper.clone(), Mode::LIVE);
            paper
        })
        .collect()
}

fn news(sequencer: &mut Sequencer<Paper>, seq: u64) -> bool {
    sequencer.on_entry(message(5, seq), &|_| ()).walk
}

#[test]
fn a_walk_that_stops_anywhere_tells_everybody_everything_once() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 5);
    assert!(news(&mut sequencer, 2));
    assert!(sequencer.walk(2).walk);
    // What comes meanwhile begins no second walk, and goes along with what the
    // others have yet to get.
    assert!(!news(&mut sequencer, 3));
    let outcome = sequencer.walk(10);
    assert_eq!((outcome.delivered, outcome.walk), (6, true));
    assert!(!sequencer.walk(10).walk);
    for paper in crowd {
        assert_eq!(paper.told(), ["message 5-2", "message 5-3"]);
    }
}

#[test]
fn who_goes_in_the_middle_of_a_walk_makes_it_pass_nobody_by() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 5);
    assert!(news(&mut sequencer, 2));
    let _ = sequencer.walk(3);
    let (_, left) = sequencer.remove(1).unwrap();
    assert_eq!((left.position, left.behind), (Position::new(5, 2), false));
    let (_, left) = sequencer.remove(4).unwrap();
    // It goes on from here wherever it comes back.
    assert_eq!((left.position, left.behind), (Position::new(5, 1), true));
    while sequencer.walk(1).walk {}
    let told: Vec<_> = crowd.iter().map(|paper| paper.told().len()).collect();
    assert_eq!(told, [1, 1, 1, 0, 1]);
}

#[test]
fn who_joins_in_the_middle_of_a_walk_gets_only_what_comes_then() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 2);
    assert!(news(&mut sequencer, 2));
    let late = Paper::default();
    let _ = sequencer.follow(9, late.clone(), Mode::LIVE);
    let _ = news(&mut sequencer, 3);
    while sequencer.walk(1).walk {}
    assert_eq!(late.told(), ["message 5-3"]);
    assert_eq!(crowd[1].told(), ["message 5-2", "message 5-3"]);
}

#[test]
fn a_break_comes_after_everything_that_lies_before_it() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 2);
    assert!(news(&mut sequencer, 2));
    let _ = sequencer.walk(1);
    let _ = sequencer.on_entry(marker(9, Position::new(5, 2)), &|_| ());
    for paper in crowd {
        assert_eq!(paper.told(), ["message 5-2", "epoch 9-0"]);
    }
}

#[test]
fn what_is_too_much_for_one_write_comes_in_several() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 1);
    for seq in 2..=200 {
        let _ = news(&mut sequencer, seq);
    }
    assert!(sequencer.walk(1).walk);
    let first = crowd[0].told().len();
    assert!(first < 100);
    while sequencer.walk(1).walk {}
    assert_eq!(first + crowd[0].told().len(), 199);
}

#[test]
fn who_takes_only_some_is_behind_from_there_on() {
    let mut sequencer = open_at(Position::new(5, 1));
    let paper = Paper::default();
    let _ = sequencer.follow(1, paper.clone(), Mode::LIVE);
    for seq in 2..=5 {
        let _ = news(&mut sequencer, seq);
    }
    paper.room.replace(Some(2));
    assert_eq!(sequencer.walk(1).fell_behind, 1);
    assert_eq!(sequencer.mode(1), Some(Mode::Behind(Position::new(5, 3))));
}

#[test]
fn what_is_forgotten_before_everybody_has_it_comes_from_the_log() {
    let mut sequencer = open_at(Position::new(5, 1));
    let paper = Paper::default();
    let _ = sequencer.follow(1, paper.clone(), Mode::LIVE);
    let _ = news(&mut sequencer, 2);
    sequencer.forget_recent();
    assert_eq!(sequencer.walk(1).fell_behind, 1);
    let from = Position::new(5, 1);
    assert!(sequencer.recall(from).is_none());
    let _ = sequencer.refill(1, &Part::after(from, page(vec![message(5, 2)])));
    let _ = hear(&mut sequencer, message(5, 3));
    assert_eq!(paper.told(), ["message 5-2", "message 5-3"]);
}

#[test]
fn a_panic_over_one_member_costs_the_others_nothing() {
    let mut sequencer = open_at(Position::new(5, 1));
    let crowd = crowd(&mut sequencer, 3);
    assert!(news(&mut sequencer, 2));
    crowd[1].is_broken.replace(true);
    let walk = std::panic::AssertUnwindSafe(|| sequencer.walk(10));
    assert!(std::panic::catch_unwind(walk).is_err());
    assert!(sequencer.recover_walk());
    while sequencer.walk(1).walk {}
    let told: Vec<_> = crowd.iter().map(|paper| paper.told().len()).collect();
    assert_eq!(told, [1, 0, 1]);
    assert_eq!(sequencer.mode(2), Some(Mode::Behind(Position::new(5, 1))));
    assert!(news(&mut sequencer, 3));
}

#[test]
fn who_left_for_good_is_let_go_before_anything_more_is_told() {
    let mut sequencer = Sequencer::new(RoomName::private(1));
    sequencer.begin_opening();
    let _ = sequencer.opened(Position::new(5, 1));
    let (stays, leaves) = (Paper::default(), Paper::of("u2"));
    let _ = sequencer.follow(1, stays.clone(), Mode::LIVE);
    let _ = sequencer.follow(2, leaves.clone(), Mode::LIVE);
    let gone = Entry {
        kind: Kind::Departed,
        fields: Fields::of(&serde_json::json!({"user": {"id": "u2", "name": "Ben"}})),
        ..message(5, 2)
    };
    let outcome = hear(&mut sequencer, gone);
    assert_eq!(outcome.let_go.len(), 1);
    let _ = hear(&mut sequencer, message(5, 3));
    assert!(leaves.told().is_empty());
    assert_eq!(stays.told(), ["departed 5-2", "message 5-3"]);
    assert!(sequencer.mode(2).is_none() && sequencer.mode(1).is_some());
}

#[test]
fn who_was_let_in_again_stays_when_the_news_of_the_leaving_comes_late() {
    let mut sequencer = Sequencer::new(RoomName::private(1));
    sequencer.begin_opening();
    let _ = sequencer.opened(Position::new(5, 1));
    let at = |seq| Position::new(5, seq);
    // Another instance had told them of more than this one knows; or they came
    // when the log had more than they knew.
    let places = [
        (Mode::Live { above: at(3) }, at(1)),
        (Mode::Behind(at(3)), at(1)),
        (Mode::Live { above: at(1) }, at(3)),
        (Mode::Behind(at(1)), at(1)),
    ];
    for (id, (mode, since)) in (1..).zip(places) {
        let paper = Paper {
            since,
            ..Paper::of("u2")
        };
        let _ = sequencer.follow(id, paper, mode);
    }
    let gone = Entry {
        kind: Kind::Departed,
        fields: Fields::of(&serde_json::json!({"user": {"id": "u2", "name": "Ben"}})),
        ..message(5, 2)
    };
    assert_eq!(hear(&mut sequencer, gone).let_go.len(), 1);
    let stays = [1, 2, 3, 4].map(|id| sequencer.mode(id).is_some());
    assert_eq!(stays, [true, true, true, false]);
}

#[test]
fn what_is_for_one_member_comes_to_it_alone_and_in_its_place() {
    let mut sequencer = Sequencer::new(RoomName::control());
    sequencer.begin_opening();
    let _ = sequencer.opened(Position::new(5, 1));
    let (ada, ben) = (Paper::of("u1"), Paper::of("u2"));
    let _ = sequencer.follow(1, ada.clone(), Mode::LIVE);
    let _ = sequencer.follow(2, ben.clone(), Mode::LIVE);
    let notice = |seq| Entry {
        fields: Fields::of(&serde_json::json!({"text": "hi"})),
        ..entry(5, seq, Kind::Notice)
    };
    let added = Entry {
        fields: Fields::addressed(&serde_json::json!({"position": "none"}), &["u2"]),
        ..entry(5, 3, Kind::RoomAdded)
    };
    let entries = [notice(2), added, notice(4)];
    for entry in &entries {
        let _ = hear(&mut sequencer, entry.clone());
    }
    assert_eq!(ada.told(), ["notice 5-2", "notice 5-4"]);
    // It has to look itself, and is live again when it has.
    assert_eq!(ben.told(), ["notice 5-2"]);
    let from = Position::new(5, 2);
    assert_eq!(sequencer.mode(2), Some(Mode::Behind(from)));
    let _ = sequencer.refill(2, &Part::after(from, page(entries[1..].to_vec())));
    assert_eq!(ben.told(), ["room_added none", "notice 5-4"]);
    assert!(!sequencer.mode(2).unwrap().is_behind());
    // A part of the log that names it not gives it nothing.
    let _ = sequencer.follow(1, ada.clone(), Mode::Behind(Position::new(5, 1)));
    let _ = sequencer.refill(1, &Part::after(Position::new(5, 1), page(entries.to_vec())));
    assert_eq!(ada.told(), ["notice 5-2", "notice 5-4"]);
}
