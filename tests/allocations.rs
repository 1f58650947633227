//! Giving a message to one more member allocates nothing: what a message costs
//! in allocations does not depend on how many hear it.

#[path = "../benches/crowd/mod.rs"]
mod crowd;

use allocation_counter::measure;

use crowd::Crowd;

const MESSAGES: u64 = 200;

/// How many allocations these messages make in a room of so many members.
fn allocations(members: u64) -> u64 {
    let mut crowd = Crowd::of(members);
    // What grows once has grown by then.
    (0..MESSAGES).for_each(|_| crowd.say());
    let counted = measure(|| (0..MESSAGES).for_each(|_| crowd.say()));
    counted.count_total
}

#[test]
fn a_delivery_allocates_nothing() {
    let (few, many) = (10, 1_000);
    let (with_few, with_many) = (allocations(few), allocations(many));
    // A message itself is written once, which takes memory: the count works.
    assert!(with_few >= MESSAGES, "{with_few}");
    let deliveries = MESSAGES * (many - few);
    let more = with_many.saturating_sub(with_few);
    // Now and then something between the messages may allocate; a delivery that
    // did would make it one for each.
    assert!(
        more * 100 < deliveries,
        "{more} allocations for {deliveries} further deliveries ({with_few} and {with_many})"
    );
    println!(
        "{MESSAGES} messages: {with_few} allocations with {few} members, {with_many} with {many}"
    );
}
