//! What happens most often, alone: `cargo bench`.
//!
//! These find out whether a change made a step slower. What a server can do is
//! told by `hubbub bench`; that a delivery allocates nothing, by
//! `tests/allocations.rs`.

mod crowd;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hubbub::{
    chat::sequencer::{Sequencer, Sink},
    protocol::{
        entry::{Entry, Kind},
        name::RoomName,
        position::Position,
        server_frame::Text,
    },
    transport::codec::Decoder,
};

use crowd::{Crowd, message_fields};

const MEMBERS: u64 = 1_000;

/// A member that is never there.
struct Nobody;

impl Sink for Nobody {
    fn offer_all(&self, frames: &[Text]) -> usize {
        frames.len()
    }

    fn push(&self, _: Text) {}

    fn mark_behind(&self) {}
}

fn entry(seq: u64) -> Entry {
    Entry {
        position: Position::new(1_732_060_800_000, seq),
        at: 1_732_060_812_345,
        kind: Kind::Message,
        fields: message_fields(),
    }
}

/// A text frame as a browser masks it.
fn client_frame() -> Vec<u8> {
    let text = br#"{"type":"send","id":17,"room":"lobby","key":"3f2504e04f8911d3","text":"Good morning! Has anybody?"}"#;
    let mask = [0x12, 0x34, 0x56, 0x78];
    let length = u8::try_from(text.len()).expect("a short text");
    assert!(length < 126);
    let mut frame = vec![0x81, 0x80 | length];
    frame.extend(mask);
    frame.extend(text.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

fn decode(criterion: &mut Criterion) {
    let frame = client_frame();
    let mut decoder = Decoder::new(32_768);
    criterion.bench_function("decode a client's frame", |bencher| {
        bencher.iter(|| {
            decoder.feed(black_box(&frame));
            decoder.next_message().expect("a frame").expect("a message")
        });
    });
}

fn encode(criterion: &mut Criterion) {
    let (entry, room) = (entry(1), RoomName::lobby());
    criterion.bench_function("encode a message's frame", |bencher| {
        bencher.iter(|| black_box(&entry).frame(&room));
    });
}

fn sequence(criterion: &mut Criterion) {
    let mut sequencer = Sequencer::<Nobody>::new(RoomName::lobby());
    sequencer.begin_opening();
    let _ = sequencer.opened(entry(1).position);
    let mut seq = 1;
    criterion.bench_function("sequence an entry", |bencher| {
        bencher.iter_batched(
            || {
                seq += 1;
                entry(seq)
            },
            |entry| {
                let position = entry.position;
                let outcome = sequencer.on_entry(entry, &|_| {});
                assert!(outcome.read.is_none());
                assert_eq!(sequencer.settled_head(), Some(position));
            },
            // In order, and each of them once.
            BatchSize::PerIteration,
        );
    });
}

fn fan_out(criterion: &mut Criterion) {
    let mut crowd = Crowd::of(MEMBERS);
    let mut group = criterion.benchmark_group("fan-out");
    group.throughput(Throughput::Elements(MEMBERS));
    group.bench_function("one message to 1,000 members", |bencher| {
        bencher.iter(|| crowd.say());
    });
    group.finish();
}

criterion_group!(hot_path, decode, encode, sequence, fan_out);
criterion_main!(hot_path);
