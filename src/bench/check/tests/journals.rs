//! A journal gives back what was noted, in few bytes.

use super::*;

fn all_kinds() -> Vec<Event> {
    let (room, key, position) = (3, 77, at(9));
    vec![
        Event::Up(Via::Poll),
        Event::Up(Via::WebSocket),
        Event::Joined {
            room,
            head: position,
            resumed: true,
            recovered: false,
        },
        Event::Sent {
            room,
            key,
            again: true,
        },
        Event::Acked {
            room,
            key,
            position: at(10),
            duplicate: true,
        },
        Event::Refused { room, key },
        Event::Unknown { room, key },
        Event::Received {
            room,
            position: at(11),
            digest: 5,
            how: How::Replay,
            via: Via::Poll,
        },
        Event::Received {
            room: 400,
            position: Position::new(1_732_060_800_000, 1),
            digest: u32::MAX,
            how: How::Backlog,
            via: Via::WebSocket,
        },
        Event::Stepped {
            room,
            position: Position::new(1_732_060_800_000, 2),
        },
        Event::Epoch {
            room,
            position: Position::new(2, 0),
            prev: at(11),
        },
        Event::Gap {
            room,
            from: at(1),
            to: at(5),
        },
        Event::Rollback { room, after: at(2) },
        Event::Snapshot {
            room,
            version: 300,
            is_whole: true,
            members: [1, u64::MAX].into(),
        },
        Event::Diff {
            room,
            prev: 300,
            version: 301,
            joined: [7].into(),
            left: [].into(),
        },
        Event::Left { room },
        Event::Notice,
        Event::Down { code: 4409 },
    ]
}

#[test]
fn every_kind_of_note_reads_back() {
    let mut journal = Journal::new(1);
    let events = all_kinds();
    for (number, event) in events.iter().enumerate() {
        journal.push(1_000 * number as u64, event);
    }
    let read: Vec<_> = journal.iter().collect();
    assert_eq!(read.len(), events.len());
    for (number, (at, event)) in read.iter().enumerate() {
        assert_eq!((*at, event), (1_000 * number as u64, &events[number]));
    }
}

#[test]
fn a_message_that_follows_takes_nine_bytes_at_most() {
    let mut journal = Journal::new(1);
    for seq in 1..=1_000 {
        let received = Event::Received {
            room: 5,
            position: Position::new(1_732_060_800_000, seq),
            digest: 0x1234_5678,
            how: How::Live,
            via: Via::WebSocket,
        };
        journal.push(seq * 700, &received);
    }
    assert!(journal.bytes() < 9 * 1_000, "{}", journal.bytes());
}
