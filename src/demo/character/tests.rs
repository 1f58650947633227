//! What a character makes of frames, without a server.

use std::io;

use super::*;
use crate::demo::ledger::State;

struct Scene {
    shared: Arc<Shared>,
    character: Character,
    seen: Seen,
}

/// Ada, who has come into an empty room.
fn ada() -> Scene {
    let shared = Shared::new("lobby", "demo".to_owned(), Box::new(io::sink()));
    let shared = Arc::new(shared);
    let mut scene = Scene {
        character: Character::new(0, "Ada", &shared),
        seen: Seen::default(),
        shared,
    };
    let joined = json!({"type": "joined", "room": "lobby", "head": "1-4", "more": false,
                        "messages": [message("1-4", "demo-1")]});
    assert_eq!(scene.hears(&joined), Wish::Joined("lobby".to_owned()));
    scene.character.up();
    scene.shared.note(|ledger| ledger.comes(0));
    scene
}

fn message(position: &str, key: &str) -> Value {
    json!({"type": "message", "room": "lobby", "position": position, "key": key,
           "from": {"id": "u1", "name": "Zed"}, "text": "hi"})
}

impl Scene {
    fn hears(&mut self, frame: &Value) -> Wish {
        self.character.take(&mut self.seen, frame)
    }

    fn acts(&mut self) -> u64 {
        let number = self.shared.note(super::super::ledger::Ledger::begin);
        let frame = json!({"type": "send", "room": "lobby", "text": "hi"});
        self.character.act(number, frame);
        number
    }

    fn state(&self, number: u64) -> State {
        self.shared.look(|ledger| ledger.state(number))
    }
}

#[test]
fn what_is_said_goes_out_again_on_a_new_connection_until_it_is_acknowledged_and_heard() {
    let mut ada = ada();
    let number = ada.acts();
    let key = ada.shared.key(number);
    let out = ada.character.due(true);
    assert_eq!(out.len(), 1);
    assert_eq!((&out[0]["key"], &out[0]["id"]), (&json!(key), &json!(key)));
    assert!(ada.character.due(true).is_empty());
    ada.character.down(0);
    assert!(ada.character.due(true).is_empty(), "nobody would hear it");
    ada.character.up();
    assert_eq!(ada.character.due(true), out);
    ada.hears(&json!({"type": "ack", "room": "lobby", "key": key, "position": "1-5"}));
    assert_eq!(ada.state(number), State::Underway);
    ada.hears(&message("1-5", &key));
    assert_eq!(ada.state(number), State::Heard(Position::new(1, 5)));
    assert!(ada.character.due(true).is_empty());
    let counts = ada.shared.look(super::super::ledger::Ledger::counts);
    assert_eq!((counts.reconnects, counts.doubled), (1, 0));
}

#[test]
fn whoever_is_new_begins_at_the_head_and_who_comes_back_where_they_were() {
    let shared = Shared::new("lobby", "demo".to_owned(), Box::new(io::sink()));
    let fresh = Character::new(0, "Ada", &Arc::new(shared));
    assert!(fresh.joins()[0].get("after").is_none());
    let mut ada = ada();
    assert_eq!(ada.character.joins()[0]["after"], "1-4");
    // What the other connection of a move brings, too, is no repetition.
    let number = ada.acts();
    let mut other = Seen::default();
    let said = message("1-5", &ada.shared.key(number));
    ada.hears(&said);
    ada.character.take(&mut other, &said);
    let doubled = |ada: &Scene| ada.shared.look(|ledger| ledger.counts().doubled);
    assert_eq!(doubled(&ada), 0);
    assert_eq!(ada.character.joins()[0]["after"], "1-5");
    // The same one again is.
    ada.hears(&said);
    assert_eq!(doubled(&ada), 1);
}

#[test]
fn what_was_missed_comes_in_pages_and_in_frames_between_them() {
    let mut ada = ada();
    let (first, second) = (ada.acts(), ada.acts());
    let one = message("1-5", &ada.shared.key(first));
    let joined = json!({"type": "joined", "room": "lobby", "head": "1-7", "more": true,
                        "messages": [one]});
    let mut seen = Seen::default();
    ada.character.take(&mut seen, &joined);
    assert_eq!(ada.character.joins()[0]["after"], "1-5");
    let edited = json!({"type": "edited", "room": "lobby", "position": "1-6",
                        "key": ada.shared.key(second), "target": "1-5", "text": "ho"});
    ada.character.take(&mut seen, &edited);
    let page = json!({"type": "page", "room": "lobby", "more": false,
                      "messages": [message("1-7", "of somebody else")]});
    ada.character.take(&mut seen, &page);
    assert_eq!(ada.character.joins()[0]["after"], "1-7");
    for number in [first, second] {
        assert_eq!(
            ada.shared.look(|ledger| ledger.missing(number)),
            [0_usize; 0]
        );
    }
}

#[test]
fn what_a_failover_took_is_said_again_under_the_same_key() {
    let mut ada = ada();
    let number = ada.acts();
    let key = ada.shared.key(number);
    let out = ada.character.due(true);
    ada.hears(&json!({"type": "ack", "room": "lobby", "key": key, "position": "1-5"}));
    ada.hears(&message("1-5", &key));
    ada.hears(&json!({"type": "rollback", "room": "lobby", "after": "1-4"}));
    assert_eq!(ada.state(number), State::Underway);
    ada.hears(&json!({"type": "epoch", "room": "lobby", "position": "2-0", "prev": "1-4"}));
    assert_eq!(ada.character.due(true), out);
    ada.hears(&json!({"type": "ack", "room": "lobby", "key": key, "position": "2-1"}));
    ada.hears(&message("2-1", &key));
    assert_eq!(ada.state(number), State::Heard(Position::new(2, 1)));
    assert_eq!(ada.shared.look(|ledger| ledger.counts().doubled), 0);
}

#[test]
fn who_is_asked_to_slow_down_does_and_who_is_refused_gives_it_up() {
    let mut ada = ada();
    let number = ada.acts();
    let key = ada.shared.key(number);
    ada.character.due(true);
    let error = |code: &str, wait: u64| json!({"type": "error", "id": key, "code": code, "message": "so", "retry_after_ms": wait});
    ada.hears(&error("rate_limited", 60_000));
    assert!(ada.character.due(true).is_empty(), "not yet");
    ada.hears(&error("unavailable", 0));
    assert_eq!(ada.character.due(true).len(), 1);
    ada.hears(&error("bad_position", 0));
    assert_eq!(ada.state(number), State::Refused);
    assert!(ada.character.due(true).is_empty());
}

#[test]
fn a_room_that_cannot_be_joined_now_is_waited_for_and_one_that_never_can_is_a_failure() {
    let mut ada = ada();
    let refusal = |code: &str| json!({"type": "error", "id": "join", "code": code, "message": "no", "retry_after_ms": 40});
    let wish = ada.hears(&refusal("unavailable"));
    assert_eq!(wish, Wish::Wait(Duration::from_millis(40)));
    assert_eq!(ada.shared.failure(), None);
    assert_eq!(ada.hears(&refusal("no_such_room")), Wish::Nothing);
    assert!(
        ada.shared
            .failure()
            .unwrap()
            .contains("Ada cannot come into lobby")
    );
}

#[test]
fn strangers_are_noticed_once_and_characters_are_none() {
    let mut ada = ada();
    ada.hears(&message("1-5", &ada.shared.key(1)));
    assert_eq!(ada.shared.next_stranger(), None);
    ada.hears(&message("1-6", "k1"));
    ada.hears(&message("1-7", "k2"));
    assert_eq!(ada.shared.next_stranger().unwrap().name, "Zed");
    assert_eq!(ada.shared.next_stranger(), None);
}

#[test]
fn a_move_is_counted_and_the_first_instance_is_none() {
    let mut ada = ada();
    ada.character.lives_on("app-1");
    let moves = |ada: &Scene| ada.shared.look(|ledger| ledger.counts().moves);
    ada.character.lives_on("app-1");
    let before = moves(&ada);
    ada.character.lives_on("app-2");
    assert_eq!(moves(&ada), before + 1);
}
