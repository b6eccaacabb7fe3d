//! The verdict in one line.

use std::fmt;

use super::{Finding, RehearsalVerdict, Verdict};
use crate::scenario::StopAt;
use crate::words;

/// The word of a verdict, and the rest of its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Headline {
    /// `PASS`, `FAIL` or `INCONCLUSIVE`.
    pub word: &'static str,
    /// What follows the word immediately.
    pub rest: String,
}

impl Headline {
    /// Returns the line of `rehearsal`.
    pub fn of(rehearsal: &RehearsalVerdict) -> Self {
        let accepted = words::count(rehearsal.requests.accepted());
        let early = rehearsal.requests.refused_early;
        let lost = words::count(rehearsal.lost_by_shutdown.saturating_sub(early));
        let power = power(rehearsal);
        let sunk = rehearsal.sinking().unwrap_or_default();
        match rehearsal.verdict {
            Verdict::Pass if rehearsal.requests.sent == 0 => {
                Self { word: "PASS", rest: format!(": the process ended as expected; {power}") }
            }
            Verdict::Pass => {
                Self { word: "PASS", rest: format!(": 0 of {accepted} accepted requests lost; {power}") }
            }
            Verdict::Inconclusive => Self {
                word: "INCONCLUSIVE",
                rest: format!(": {sunk} ({lost} of {accepted} accepted requests lost; {power})"),
            },
            Verdict::Fail => {
                let failed = rehearsal.runs.iter().filter(|run| run.verdict.verdict == Verdict::Fail).count();
                let of = match rehearsal.runs.len() {
                    1 => String::new(),
                    all => format!(" in {failed} of {all} runs"),
                };
                let refused = words::plural(early, "connection", "connections") + " refused too early";
                let lost = match (rehearsal.lost_by_shutdown.saturating_sub(early), early) {
                    (0, 0) => String::new(),
                    (0, _) => format!(" ({refused})"),
                    (_, 0) => format!(" ({lost} of {accepted} accepted requests lost or answered wrongly)"),
                    (_, _) => {
                        format!(
                            " ({lost} of {accepted} accepted requests lost or answered wrongly; {refused})"
                        )
                    }
                };
                Self { word: "FAIL", rest: format!("{of}: {sunk}{lost}") }
            }
        }
    }
}

impl fmt::Display for Headline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.word, self.rest)
    }
}

impl RehearsalVerdict {
    /// Returns the names of the checks that keep the verdict from being `pass`, if there are any: those that failed, and after them those
    /// that are inconclusive, which are marked if others failed.
    pub fn sinking(&self) -> Option<String> {
        let names = |verdict| -> Vec<&str> {
            let sunk = self.checks.iter().filter(|check| check.sinks() && check.verdict == verdict);
            sunk.map(|check| check.id.name()).collect()
        };
        let (failed, unclear) = (names(Finding::Fail).join(", "), names(Finding::Inconclusive).join(", "));
        match (failed.is_empty(), unclear.is_empty()) {
            (true, true) => None,
            (true, false) => Some(unclear),
            (false, true) => Some(failed),
            (false, false) => Some(format!("{failed}; inconclusive: {unclear}")),
        }
    }
}

/// Returns the basis of the verdict: `in flight at the signal: storm 12, slow 8, in 5 runs`.
fn power(rehearsal: &RehearsalVerdict) -> String {
    let mut states: Vec<&str> = rehearsal.runs.iter().map(|run| run.verdict.stop_at.name()).collect();
    states.sort_unstable();
    states.dedup();
    let runs = words::plural(rehearsal.runs.len() as u64, "run", "runs");
    let usual = states.iter().all(|state| *state == StopAt::Load.name());
    let runs = if usual { runs } else { format!("{runs}, stopped at {}", states.join(", ")) };
    let named = rehearsal.in_flight_at_signal.iter();
    let named: Vec<String> =
        named.map(|(shape, count)| format!("{shape} {}", words::count(*count))).collect();
    match named.as_slice() {
        [] => format!("no load, in {runs}"),
        named => format!("in flight at the signal: {}, in {runs}", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, Record};
    use crate::verdict::samples::{good, request, terms};
    use crate::verdict::{conclude, judge};

    fn headline(statuses: &[(u64, u16)]) -> String {
        let mut record: Record = good();
        record.traffic.requests.extend(statuses.iter().map(|(begun, status)| {
            let mut request = request(*begun, Outcome::Answered { status: *status });
            request.route = if *status == 404 { "GET /gone".into() } else { request.route };
            request
        }));
        let rehearsal = conclude(vec![(judge(&record, &terms()), crate::verdict::Facts::default())]);
        Headline::of(&rehearsal).to_string()
    }

    #[test]
    fn failed_checks_come_before_inconclusive_ones_which_are_marked() {
        let gone = (900_000, 404);
        let both = headline(&[gone, (1_200_000, 500)]);
        assert!(both.starts_with("FAIL: requests-answered; inconclusive: routes-served (1 of "), "{both}");
        let failed = headline(&[(1_200_000, 500)]);
        assert!(failed.starts_with("FAIL: requests-answered (1 of "), "{failed}");
        let unclear = headline(&[gone]);
        assert!(unclear.starts_with("INCONCLUSIVE: routes-served (0 of "), "{unclear}");
    }
}
