//! Reading the log: paging, trimming, looking without a trace.

use hubbub::{
    broker::{BrokerSettings, Change, RoomState, What},
    protocol::{entry::Entry, name::RoomName, position::Position},
};

use crate::support::{
    chat::{bob, brisk, message, room, whole_log},
    pair::Pair,
};

fn short() -> BrokerSettings {
    BrokerSettings {
        history: 100,
        ..brisk()
    }
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.position.seq).collect()
}

async fn looking_at_an_absent_room_shows_nothing_and_creates_nothing(pair: Pair) {
    let names = [room("den"), RoomName::lobby(), RoomName::control()];
    for name in &names {
        let status = pair.one.status(name).await.unwrap();
        let lobby = *name == RoomName::lobby();
        let state = if lobby {
            RoomState::Open
        } else {
            RoomState::Absent
        };
        assert_eq!((status.head, status.state), (Position::ZERO, state));
        assert_eq!(status.title, "");
        let after = pair
            .one
            .read_after(name, Position::new(5, 5), 10)
            .await
            .unwrap();
        let before = pair.one.read_before(name, None, 10).await.unwrap();
        for page in [after, before] {
            assert_eq!(
                (page.entries, page.head, page.more),
                (vec![], Position::ZERO, false)
            );
        }
        pair.one.members(name).await.unwrap();
        assert_eq!(pair.one.count(name).await.unwrap().count, 0);
    }
    assert_eq!(pair.one.heads(&names).await.unwrap(), [Position::ZERO; 3]);
    pair.one.rooms(10).await.unwrap();
    if let Some(server) = &pair.server {
        let mut connection = server.connection().await;
        let keys: Vec<String> = ::redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut connection)
            .await
            .unwrap();
        // Leases tell who is alive, not what was looked at.
        let others: Vec<&String> = keys
            .iter()
            .filter(|key| !key.contains("{!instances}"))
            .collect();
        assert_eq!(others, Vec::<&String>::new());
    }
}

async fn a_log_is_read_in_pages_both_ways(pair: Pair) {
    let den = room("den");
    for n in 1..=9 {
        pair.one
            .append(&den, message(&format!("k{n}"), "a"))
            .await
            .unwrap();
    }
    let head = pair.one.status(&den).await.unwrap().head;
    let at = |seq| Position::new(head.epoch, seq);

    let page = pair.other.read_after(&den, at(4), 3).await.unwrap();
    assert_eq!((seqs(&page.entries), page.more), (vec![5, 6, 7], true));
    let page = pair.other.read_after(&den, at(6), 3).await.unwrap();
    assert_eq!((seqs(&page.entries), page.more), (vec![7, 8, 9], false));
    let page = pair.other.read_before(&den, None, 4).await.unwrap();
    assert_eq!((seqs(&page.entries), page.more), (vec![6, 7, 8, 9], true));
    let page = pair.other.read_before(&den, Some(at(2)), 4).await.unwrap();
    assert_eq!((seqs(&page.entries), page.more), (vec![0, 1], false));
    assert_eq!(page.head, head);

    let end = Position::new(u64::MAX, u64::MAX);
    assert_eq!(
        seqs(&pair.one.read_after(&den, end, 3).await.unwrap().entries),
        [0; 0]
    );
    assert_eq!(
        seqs(
            &pair
                .one
                .read_after(&den, at(u64::MAX), 3)
                .await
                .unwrap()
                .entries
        ),
        [0; 0]
    );
    let before = pair.one.read_before(&den, Some(end), 2).await.unwrap();
    assert_eq!(seqs(&before.entries), [8, 9]);
    let before = pair
        .one
        .read_before(&den, Some(Position::ZERO), 2)
        .await
        .unwrap();
    assert_eq!(seqs(&before.entries), [0; 0]);
    assert_eq!(
        seqs(&pair.one.read_after(&den, at(2), 0).await.unwrap().entries),
        [0; 0]
    );
}

async fn whoever_follows_reads_large_entries_by_their_bytes(pair: Pair) {
    // Where something was changed, and where nothing was.
    for den in [room("den"), room("attic")] {
        let (large, huge) = ("x".repeat(8_000), "x".repeat(300_000));
        for n in 0..80 {
            let text = if n == 40 { &huge } else { &large };
            let said = message(&format!("k{n}"), text);
            let said = pair.one.append(&den, said).await.unwrap();
            if n == 60 && den == room("den") {
                let liked = Change {
                    target: said.position,
                    by: bob(),
                    key: "like".parse().unwrap(),
                    what: What::React {
                        emoji: "+1".parse().unwrap(),
                        on: true,
                    },
                };
                pair.one.change(&den, liked).await.unwrap();
            }
        }
        let (mut read, mut sizes) = (Vec::new(), Vec::new());
        let mut after = Position::ZERO;
        loop {
            let page = pair.other.read_after(&den, after, 1_000).await.unwrap();
            let bytes: usize = page.entries.iter().map(|entry| entry.fields.size()).sum();
            assert!(bytes <= 256 * 1_024 || page.entries.len() == 1, "{bytes}");
            sizes.push(page.entries.len());
            read.extend(seqs(&page.entries));
            after = page.entries.last().unwrap().position;
            assert_eq!(page.more, after < page.head);
            if !page.more {
                break;
            }
        }
        let last = if den == room("den") { 81 } else { 80 };
        assert_eq!(
            read,
            (0..=last).collect::<Vec<u64>>(),
            "no hole, and nothing twice"
        );
        // The marker and 32 messages, the rest before the large one, that alone.
        let rest = sizes[3] + sizes[4];
        assert_eq!(
            (&sizes[..3], rest),
            (&[33, 8, 1][..], 39 + usize::try_from(last).unwrap() - 80)
        );
    }
}

async fn an_old_part_of_the_log_is_let_go_and_the_rest_has_no_hole(pair: Pair) {
    let den = room("den");
    for n in 1..=350 {
        pair.one
            .append(&den, message(&format!("k{n}"), "a"))
            .await
            .unwrap();
    }
    let entries = whole_log(&*pair.one, &den).await;
    assert!(
        (100..300).contains(&entries.len()),
        "{} are kept",
        entries.len()
    );
    let first = entries[0].position.seq;
    assert_eq!(seqs(&entries), (first..=350).collect::<Vec<u64>>());
    let oldest = pair
        .one
        .read_before(&den, Some(entries[1].position), 5)
        .await
        .unwrap();
    assert_eq!((oldest.entries.len(), oldest.more), (1, false));
}

async fn the_heads_of_many_rooms_come_in_the_order_asked(pair: Pair) {
    let names: Vec<RoomName> = (0..450).map(|n| room(&format!("r{n}"))).collect();
    let sent = pair
        .one
        .append(&names[449], message("k", "a"))
        .await
        .unwrap();
    let heads = pair.other.heads(&names).await.unwrap();
    assert_eq!(heads.len(), 450);
    assert_eq!((heads[0], heads[449]), (Position::ZERO, sent.position));
}

for_every_broker! {
    short:
    looking_at_an_absent_room_shows_nothing_and_creates_nothing,
    a_log_is_read_in_pages_both_ways,
    whoever_follows_reads_large_entries_by_their_bytes,
    an_old_part_of_the_log_is_let_go_and_the_rest_has_no_hole,
    the_heads_of_many_rooms_come_in_the_order_asked,
}
