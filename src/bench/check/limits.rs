//! What is measured beside the conversation: resources and isolation.

use super::{Expectations, Invariant, Judge, follow::seconds};

/// How much more of a resource may be left, in percent.
const MORE: u64 = 5;
/// How much slower the quiet rooms may be beside a flooded one.
const SLOWER: u64 = 2;

/// Looks at resources and at latency beside a flood.
pub(super) fn check(expectations: &Expectations, judge: &mut Judge) {
    for resource in &expectations.resources {
        judge.can_tell(Invariant::I13);
        if resource.after * 100 > resource.before * (100 + MORE) {
            judge.broken(Invariant::I13, || {
                format!(
                    "{}: {} before, {} after",
                    resource.name, resource.before, resource.after
                )
            });
        }
    }
    if let Some(flood) = expectations.flood {
        judge.can_tell(Invariant::I14);
        if flood.flooded_p99 > flood.calm_p99 * SLOWER {
            judge.broken(Invariant::I14, || {
                let (calm, flooded) = (seconds(flood.calm_p99), seconds(flood.flooded_p99));
                format!("p99 of the quiet rooms: {calm} calm, {flooded} beside the flood")
            });
        }
    }
}
