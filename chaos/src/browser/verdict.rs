//! What of that which a browser showed was false. Pure: sightings and faults go
//! in, counts come out.

use hubbub::bench::check::Expectations;
use serde::{Deserialize, Serialize};

/// Something a page showed that was not there before.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sighting {
    pub(crate) saw: What,
    /// The page's number; see [`SOCKET`].
    pub(crate) page: usize,
    /// By the clock of the machine, in ms.
    pub(crate) at: u64,
    /// The words, or the name of who left or joined.
    pub(crate) text: String,
    /// How the page calls the state of its connection.
    pub(crate) state: String,
    /// For how long it had heard nothing from the server.
    #[serde(default)]
    pub(crate) silent_ms: Option<u64>,
}

/// What kind of thing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Words about the connection.
    Status,
    /// Words of the operator, or of the page about itself.
    Notice,
    /// Somebody is no longer in the list of who is here.
    Left,
    /// Somebody is new in it.
    Joined,
    /// The form to sign in is back.
    SignedOut,
    /// The page failed or was loaded anew.
    Fault,
}

/// The page that has WebSocket. The other one polls.
const SOCKET: usize = 0;
/// A page says nothing about a lost connection for 3 s. If it had heard from
/// the server within this time before it did, a transport worked; what is left
/// of the 3 s is for what the watcher itself hears late.
const HEARD_MS: u64 = 2_000;

/// What two browsers showed in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Notices about the connection.
    pub(crate) notices: u64,
    /// Those that nothing justifies.
    pub(crate) false_notices: u64,
    /// What the others said, and when.
    #[serde(default)]
    pub(crate) true_notices: Vec<String>,
    /// People who were shown leaving although nobody left.
    pub(crate) false_left: u64,
    /// People who were shown joining although nobody joined.
    pub(crate) false_joined: u64,
    /// Pages that do not show the end of the log exactly once and in order.
    pub(crate) wrong_ends: u64,
    /// How many messages stood on the pages in the end.
    pub(crate) shown: u64,
    /// What was false, for people.
    pub(crate) examples: Vec<String>,
}

impl Seen {
    /// Whether a person in front of it would have seen nothing false.
    pub(crate) fn is_clean(&self) -> bool {
        self.false_notices + self.false_left + self.false_joined + self.wrong_ends == 0
            && self.examples.is_empty()
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < 8 {
            self.examples.push(text);
        }
    }

    /// Compares what stands on a page with the end of the log.
    pub(crate) fn compare(&mut self, page: usize, shown: &[String], log: &[String]) {
        self.shown += shown.len() as u64;
        if is_end_of(shown, log) {
            return;
        }
        self.wrong_ends += 1;
        let first = log.len().saturating_sub(shown.len());
        let pairs = shown.iter().zip(&log[first..]);
        let wrong = pairs.filter(|(shown, said)| shown != said).count();
        let text = format!(
            "the {} page shows {} messages, {wrong} of them others than the last of the log; it \
             ends with {:?}, the log with {:?}",
            name(page),
            shown.len(),
            shown.last(),
            log.last()
        );
        self.example(text);
    }
}

/// Whether a page shows the end of the log, and all of what is below its first
/// line.
pub(crate) fn is_end_of(shown: &[String], log: &[String]) -> bool {
    !shown.is_empty() && log.ends_with(shown)
}

/// Judges what was seen in a row that began at `began`, in ms by the clock of
/// the machine.
pub(crate) fn judge(sightings: &[Sighting], began: u64, expect: &Expectations) -> Seen {
    let mut seen = Seen::default();
    for sighting in sightings {
        let at = sighting.at.saturating_sub(began);
        let page = name(sighting.page);
        let text = &sighting.text;
        let seconds = std::time::Duration::from_millis(at).as_secs_f64();
        let mut is_false = true;
        match sighting.saw {
            What::Left => seen.false_left += 1,
            What::Joined => seen.false_joined += 1,
            // Whoever polls is told so for as long as it lasts.
            What::Status if sighting.state == "slow" && sighting.page != SOCKET => is_false = false,
            What::Status | What::Notice | What::SignedOut => {
                seen.notices += 1;
                is_false = !may_say(sighting, at, expect);
                seen.false_notices += u64::from(is_false);
                if !is_false {
                    let said = format!("\"{text}\" on the {page} page at {seconds:.1} s");
                    seen.true_notices.push(said);
                }
            }
            // Counted with the notices, as that is what a broken page is to whoever sits before it.
            What::Fault => seen.false_notices += 1,
        }
        if is_false {
            let kind = sighting.saw;
            seen.example(format!(
                "{kind:?} on the {page} page at {seconds:.1} s: {text}"
            ));
        }
    }
    seen
}

/// Whether a page may say that the connection is lost: not unless a fault
/// permits it, and not while a transport works.
fn may_say(sighting: &Sighting, at: u64, expect: &Expectations) -> bool {
    let at = at * 1_000;
    let permits = expect.faults.iter().any(|fault| {
        fault.may_notice && (fault.from..=fault.healed.saturating_add(expect.heal)).contains(&at)
    });
    let works = sighting.silent_ms.is_none_or(|silent| silent < HEARD_MS);
    // "Slow network mode" says itself that a transport works.
    permits && (!works || sighting.state == "slow") && sighting.saw == What::Status
}

fn name(page: usize) -> &'static str {
    if page == SOCKET {
        "WebSocket"
    } else {
        "polling"
    }
}

#[cfg(test)]
mod tests {
    use hubbub::bench::check::Fault;

    use super::*;

    const BEGAN: u64 = 1_000_000;

    fn sighting(line: &str) -> Sighting {
        serde_json::from_str(line).unwrap()
    }

    fn lost(at_ms: u64, silent_ms: u64) -> Sighting {
        sighting(&format!(
            r#"{{"saw":"status","page":0,"at":{},"text":"Connecting…","state":"connecting","silent_ms":{silent_ms}}}"#,
            BEGAN + at_ms
        ))
    }

    fn expect(may_notice: bool) -> Expectations {
        Expectations {
            heal: 1_000_000,
            faults: vec![Fault {
                name: "a fault".to_owned(),
                from: 5_000_000,
                healed: 9_000_000,
                may_notice,
            }],
            ..Expectations::default()
        }
    }

    #[test]
    fn a_notice_is_false_in_a_row_that_permits_none() {
        let seen = judge(&[lost(8_500, 3_400)], BEGAN, &expect(false));
        assert_eq!((seen.notices, seen.false_notices), (1, 1));
        assert!(seen.examples[0].contains("Connecting"), "{seen:?}");
        assert!(!seen.is_clean());
    }

    #[test]
    fn a_notice_is_true_while_a_fault_lasts_that_permits_it_and_nothing_is_heard() {
        let seen = judge(&[lost(8_500, 3_400)], BEGAN, &expect(true));
        assert_eq!((seen.notices, seen.false_notices), (1, 0));
        assert!(seen.is_clean(), "{seen:?}");
    }

    #[test]
    fn a_notice_is_false_before_the_fault_and_after_it_is_healed() {
        let both = [lost(4_900, 4_000), lost(10_100, 4_000)];
        assert_eq!(judge(&both, BEGAN, &expect(true)).false_notices, 2);
    }

    #[test]
    fn a_notice_is_false_while_a_transport_works() {
        let seen = judge(&[lost(8_500, 300)], BEGAN, &expect(true));
        assert_eq!(seen.false_notices, 1);
    }

    #[test]
    fn slow_network_mode_is_a_notice_only_where_websocket_works() {
        let slow = |page| {
            sighting(&format!(
                r#"{{"saw":"status","page":{page},"at":1004000,"text":"Connected (slow network mode)","state":"slow"}}"#
            ))
        };
        let seen = judge(&[slow(0), slow(1)], BEGAN, &expect(false));
        assert_eq!((seen.notices, seen.false_notices), (1, 1), "{seen:?}");
    }

    #[test]
    fn leaving_joining_signing_out_and_faults_are_counted() {
        let all = ["left", "joined", "signed_out", "fault"].map(|kind| {
            sighting(&format!(
                r#"{{"saw":"{kind}","page":1,"at":1004000,"text":"Ada","state":""}}"#
            ))
        });
        let seen = judge(&all, BEGAN, &expect(true));
        assert_eq!((seen.false_left, seen.false_joined), (1, 1));
        assert_eq!(seen.false_notices, 2, "the form and the fault: {seen:?}");
        assert_eq!(seen.examples.len(), 4);
    }

    #[test]
    fn a_page_must_show_the_end_of_the_log_once_and_in_order() {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let log = texts(&["a", "b", "c", "d"]);
        let mut seen = Seen::default();
        seen.compare(0, &texts(&["b", "c", "d"]), &log);
        assert!(seen.is_clean() && seen.shown == 3);
        let wrong: [&[&str]; 6] = [
            &["b", "c"],
            &["c", "d", "d"],
            &["b", "d", "c"],
            &["b", "d"],
            &[],
            &["z", "a", "b", "c", "d"],
        ];
        for shown in wrong {
            let mut seen = Seen::default();
            seen.compare(1, &texts(shown), &log);
            assert_eq!(seen.wrong_ends, 1, "{shown:?}");
        }
    }
}
