//! Whether every member got every message of every publisher once and in order.

use serde::{Deserialize, Serialize};

/// How many missing messages of a pair are remembered, to tell a late one from a
/// repeated one. Older ones stay lost.
const REMEMBERED: u32 = 64;

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Never came.
    pub(crate) lost: u64,
    /// Came again.
    pub(crate) repeated: u64,
    /// Came after a later one.
    pub(crate) reordered: u64,
}

impl Counts {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
            reordered: self.reordered + other.reordered,
        }
    }

    /// Whether nothing went wrong.
    pub(crate) fn is_clean(self) -> bool {
        self == Self::default()
    }
}

/// One member's view of one publisher.
#[derive(Clone, Copy, Default)]
struct Pair {
    /// The number that comes next.
    next: u32,
    /// Which of the numbers before that are missing; the lowest bit is the latest.
    missing: u64,
}

/// All pairs of a run. A publisher's place in its room and the member are the
/// index, so that a pair is found without searching.
pub(crate) struct Checker {
    pairs: Vec<Pair>,
    publishers_per_room: usize,
    counts: Counts,
}

impl Checker {
    pub(crate) fn new(members: usize, publishers_per_room: usize) -> Self {
        Self {
            pairs: vec![Pair::default(); members * publishers_per_room],
            publishers_per_room,
            counts: Counts::default(),
        }
    }

    /// Notes a delivery. Returns whether it is a new one.
    #[inline]
    pub(crate) fn take(&mut self, member: usize, publisher: usize, number: u32) -> bool {
        let pair = &mut self.pairs[member * self.publishers_per_room + publisher];
        if number == pair.next && pair.missing == 0 {
            pair.next += 1;
            return true;
        }
        let (is_new, counts) = pair.take(number);
        self.counts = self.counts.plus(counts);
        is_new
    }

    /// The counts at the end, given how many messages a publisher has sent to a member.
    pub(crate) fn finish(&self, sent: impl Fn(usize, usize) -> u32) -> Counts {
        let mut counts = self.counts;
        for (index, pair) in self.pairs.iter().enumerate() {
            let member = index / self.publishers_per_room;
            let sent = sent(member, index % self.publishers_per_room);
            counts.lost += u64::from(pair.missing.count_ones());
            counts.lost += u64::from(sent.saturating_sub(pair.next));
        }
        counts
    }
}

impl Pair {
    fn take(&mut self, number: u32) -> (bool, Counts) {
        let mut counts = Counts::default();
        if number >= self.next {
            let skipped = number - self.next;
            // What falls out of memory can no longer come late.
            let gap = skipped.min(REMEMBERED - 1);
            counts.lost += u64::from(skipped - gap);
            let kept = REMEMBERED - (skipped.saturating_add(1)).min(REMEMBERED);
            counts.lost += u64::from(self.missing.unbounded_shr(kept).count_ones());
            self.missing = self.missing.unbounded_shl(skipped.saturating_add(1));
            self.missing |= ((1_u64 << gap) - 1) << 1;
            self.next = number + 1;
            return (true, counts);
        }
        let bit = 1_u64.checked_shl(self.next - 1 - number).unwrap_or(0);
        if self.missing & bit == 0 {
            counts.repeated = 1;
            return (false, counts);
        }
        self.missing &= !bit;
        counts.reordered = 1;
        (true, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One member hears these numbers of one publisher that has sent so many.
    fn judge(heard: &[u32], sent: u32) -> (u64, u64, u64) {
        let mut checker = Checker::new(1, 1);
        for number in heard {
            checker.take(0, 0, *number);
        }
        let counts = checker.finish(|_, _| sent);
        (counts.lost, counts.repeated, counts.reordered)
    }

    #[test]
    fn all_in_order_is_clean() {
        assert_eq!(judge(&[0, 1, 2, 3], 4), (0, 0, 0));
    }

    #[test]
    fn a_gap_is_lost_wherever_it_is() {
        assert_eq!(judge(&[1, 2, 3], 4), (1, 0, 0));
        assert_eq!(judge(&[0, 3], 4), (2, 0, 0));
        assert_eq!(judge(&[0, 1], 4), (2, 0, 0));
        assert_eq!(judge(&[], 4), (4, 0, 0));
    }

    #[test]
    fn a_repeat_is_not_a_delivery() {
        assert_eq!(judge(&[0, 1, 1, 2, 0], 3), (0, 2, 0));
        let mut checker = Checker::new(1, 1);
        assert!(checker.take(0, 0, 0));
        assert!(!checker.take(0, 0, 0));
    }

    #[test]
    fn what_comes_late_is_out_of_order_and_not_lost() {
        assert_eq!(judge(&[0, 2, 1, 3], 4), (0, 0, 1));
        assert_eq!(judge(&[3, 2, 1, 0], 4), (0, 0, 3));
        assert_eq!(judge(&[0, 2, 1, 1, 3], 4), (0, 1, 1));
    }

    #[test]
    fn long_gaps_are_counted_whole() {
        for number in [62, 63, 64, 65, 66, 127, 1_000] {
            assert_eq!(judge(&[number], number + 1).0, u64::from(number));
            let then: Vec<u32> = (number..number + 200).collect();
            assert_eq!(judge(&then, number + 200), (u64::from(number), 0, 0));
        }
    }

    #[test]
    fn members_and_publishers_are_kept_apart() {
        let mut checker = Checker::new(2, 2);
        for (member, publisher) in [(0, 0), (0, 1), (1, 0)] {
            assert!(checker.take(member, publisher, 0));
        }
        let counts = checker.finish(|_, _| 1);
        assert_eq!((counts.lost, counts.repeated), (1, 0));
    }
}
