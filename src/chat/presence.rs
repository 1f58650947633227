//! Who came and went, as the members of a room are told. In a small room each
//! change goes out at once. In a large one, where everybody would be told of
//! everybody all the time, changes are merged and go out once in a while.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::protocol::{LARGE_ROOM, event::PresenceChange, user::User};

/// How long changes of a large room are merged before they go out.
pub(super) const MERGED_FOR: Duration = Duration::from_secs(1);
/// How long a change may be on its way here. A link that is slower is made anew.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// How far this instance has heard of the changes of one room. One that is lost
/// shows in the next one; if none follows, a look at what there is finds it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The latest version there is word of; 0 until there is any.
    version: u64,
    /// A version that there is without word of it, and when it was found.
    missing: Option<(u64, Instant)>,
}

impl Heard {
    /// That version was heard of.
    pub(super) fn note(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    /// Whoever comes first will know of that version.
    pub(super) fn begin(&mut self, version: u64) {
        if self.version == 0 {
            self.version = version;
        }
    }

    /// The latest version there is word of.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Compares it with what there is. Returns a version that is lost: there has
    /// been no word of it for longer than it can be on its way.
    pub(super) fn look(&mut self, there: u64, now: Instant) -> Option<u64> {
        self.begin(there);
        self.missing = self.missing.filter(|(lost, _)| *lost > self.version);
        if there > self.version && self.missing.is_none() {
            self.missing = Some((there, now));
        }
        let (lost, found) = self.missing?;
        if now.saturating_duration_since(found) < ON_ITS_WAY {
            return None;
        }
        self.note(lost);
        Some(lost)
    }
}

/// The changes of one room that have not gone out yet.
#[derive(Debug, Default)]
pub(super) struct Pending(Option<Merged>);

/// Several changes as one.
#[derive(Debug)]
struct Merged {
    prev: u64,
    version: u64,
    count: u64,
    /// Everybody who came or went, and whether they are there after it all.
    users: BTreeMap<Arc<str>, (User, bool)>,
}

/// What the members of a room are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diff {
    /// The version before.
    pub(super) prev: u64,
    /// The version after.
    pub(super) version: u64,
    /// Who is there now and was named by a change.
    pub(super) joined: Vec<User>,
    /// Who is not.
    pub(super) left: Vec<User>,
    /// How many are there.
    pub(super) count: u64,
}

impl Diff {
    /// Says nothing but which version there is: whoever has an older one, and by
    /// that only they, have to ask who is there.
    pub(super) const fn reminder(version: u64, count: u64) -> Self {
        Self {
            prev: version,
            version,
            joined: Vec::new(),
            left: Vec::new(),
            count,
        }
    }
}

/// What to do about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell it now.
    Tell(Diff),
    /// It is the first of some that go out together: take them in a while.
    Begin,
    /// It goes out with those before it.
    Wait,
}

impl Pending {
    /// Notes a change.
    pub(super) fn add(&mut self, change: PresenceChange) -> Step {
        let is_large = change.count > LARGE_ROOM;
        let is_first = self.0.is_none();
        match &mut self.0 {
            Some(merged) if change.version == merged.version + 1 => merged.add(change),
            // Across a hole nothing is merged, or nobody would notice it. Whoever
            // does asks who is there, and needs nothing of what came before.
            pending => *pending = Some(Merged::of(change)),
        }
        if !is_large && let Some(diff) = self.take() {
            return Step::Tell(diff);
        }
        if is_first { Step::Begin } else { Step::Wait }
    }

    /// Whether what waits brings whoever has that version up to date.
    pub(super) fn follows(&self, version: u64) -> bool {
        let merged = self.0.as_ref();
        merged.is_some_and(|merged| merged.prev <= version && version < merged.version)
    }

    /// Takes what has been merged.
    pub(super) fn take(&mut self) -> Option<Diff> {
        let merged = self.0.take()?;
        let (there, gone): (Vec<_>, Vec<_>) = merged
            .users
            .into_values()
            .partition(|(_, is_there)| *is_there);
        let users = |all: Vec<(User, bool)>| all.into_iter().map(|(user, _)| user).collect();
        Some(Diff {
            prev: merged.prev,
            version: merged.version,
            joined: users(there),
            left: users(gone),
            count: merged.count,
        })
    }
}

impl Merged {
    fn of(change: PresenceChange) -> Self {
        let mut merged = Self {
            prev: change.version.saturating_sub(1),
            version: change.version,
            count: change.count,
            users: BTreeMap::new(),
        };
        merged.add(change);
        merged
    }

    /// The last word about somebody counts. Who came and went is still named, as
    /// gone: a list of members that was read in between shows them.
    fn add(&mut self, change: PresenceChange) {
        self.version = change.version;
        self.count = change.count;
        for (users, is_there) in [(change.left, false), (change.joined, true)] {
            for user in users {
                self.users.insert(Arc::clone(&user.id), (user, is_there));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> User {
        User::new(id, id)
    }

    fn change(version: u64, joined: &[&str], left: &[&str], count: u64) -> PresenceChange {
        let users = |ids: &[&str]| ids.iter().map(|id| user(id)).collect();
        PresenceChange {
            version,
            joined: users(joined),
            left: users(left),
            count,
        }
    }

    fn diff(prev: u64, change: PresenceChange) -> Diff {
        Diff {
            prev,
            version: change.version,
            joined: change.joined,
            left: change.left,
            count: change.count,
        }
    }

    #[test]
    fn a_change_is_lost_if_there_is_no_word_of_it_for_long() {
        let mut heard = Heard::default();
        let start = Instant::now();
        let mut look = |there, at| heard.look(there, start + at);
        assert_eq!(look(5, ON_ITS_WAY), None, "where it begins");
        let (soon, then) = (ON_ITS_WAY * 2, ON_ITS_WAY * 3);
        assert_eq!(look(6, soon), None);
        assert_eq!(look(7, soon + ON_ITS_WAY / 2), None);
        // What came after it has its own time.
        assert_eq!(look(7, then), Some(6));
        assert_eq!(look(7, then), None);
        assert_eq!(look(8, then + ON_ITS_WAY), Some(7));
        assert_eq!(look(8, then + ON_ITS_WAY), None);
        assert_eq!(look(8, then + 2 * ON_ITS_WAY), Some(8));
        assert_eq!(look(8, then + 3 * ON_ITS_WAY), None);
        assert_eq!(heard.version(), 8);
    }

    #[test]
    fn a_change_that_is_heard_of_late_is_not_lost() {
        let mut heard = Heard::default();
        let mut now = Instant::now();
        heard.begin(5);
        heard.begin(9);
        for there in 6..20 {
            assert_eq!(heard.look(there, now), None);
            heard.note(there);
            // A look may be older than what was heard meanwhile.
            now += ON_ITS_WAY;
            assert_eq!(heard.look(there - 1, now), None);
        }
    }

    #[test]
    fn in_a_small_room_each_change_goes_out_at_once() {
        let mut pending = Pending::default();
        for version in 5..8 {
            let change = change(version, &["a"], &[], LARGE_ROOM);
            let told = Step::Tell(diff(version - 1, change.clone()));
            assert_eq!(pending.add(change), told);
            assert_eq!(pending.take(), None);
        }
    }

    #[test]
    fn in_a_large_room_changes_go_out_together_and_the_last_word_counts() {
        let mut pending = Pending::default();
        let steps = [
            change(5, &["a", "b"], &[], 300),
            change(6, &["c"], &["old"], 300),
            change(7, &[], &["a"], 299),
            change(8, &["old"], &[], 300),
        ];
        let steps = steps.map(|change| pending.add(change));
        assert_eq!(steps, [Step::Begin, Step::Wait, Step::Wait, Step::Wait]);
        for (version, follows) in [(3, false), (4, true), (7, true), (8, false)] {
            assert_eq!(pending.follows(version), follows, "{version}");
        }
        let all = change(8, &["b", "c", "old"], &["a"], 300);
        assert_eq!(pending.take(), Some(diff(4, all)));
        assert_eq!(pending.take(), None);
        assert_eq!(pending.add(change(9, &["d"], &[], 301)), Step::Begin);
    }

    #[test]
    fn a_room_that_becomes_small_tells_all_at_once() {
        let mut pending = Pending::default();
        assert_eq!(
            pending.add(change(5, &["a"], &[], LARGE_ROOM + 1)),
            Step::Begin
        );
        let last = pending.add(change(6, &[], &["b"], LARGE_ROOM));
        let both = change(6, &["a"], &["b"], LARGE_ROOM);
        assert_eq!(last, Step::Tell(diff(4, both)));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn a_hole_stays_to_be_seen() {
        let mut pending = Pending::default();
        assert_eq!(pending.add(change(5, &["a"], &[], 300)), Step::Begin);
        assert_eq!(pending.add(change(7, &["c"], &[], 302)), Step::Wait);
        let shown = change(7, &["c"], &[], 302);
        assert_eq!(pending.take(), Some(diff(6, shown)));
    }
}
