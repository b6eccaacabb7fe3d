//! The verdict in one line.

use std::fmt;

use super::{RehearsalVerdict, Verdict};
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
        let lost = words::count(rehearsal.lost_by_shutdown);
        let power = power(rehearsal);
        let sunk = rehearsal.sinking();
        match rehearsal.verdict {
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
                let lost = match rehearsal.lost_by_shutdown {
                    0 => String::new(),
                    _ => format!(" ({lost} of {accepted} accepted requests lost or answered wrongly)"),
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
    /// Returns the names of the checks that keep the verdict from being `pass`.
    pub fn sinking(&self) -> String {
        let sunk = self.checks.iter().filter(|check| check.sinks()).map(|check| check.id.name());
        sunk.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the basis of the verdict: `in flight at the signal: storm 12, slow 8, in 5 runs`.
fn power(rehearsal: &RehearsalVerdict) -> String {
    let named = rehearsal.in_flight_at_signal.iter();
    let named: Vec<String> =
        named.map(|(shape, count)| format!("{shape} {}", words::count(*count))).collect();
    let runs = words::plural(rehearsal.runs.len() as u64, "run", "runs");
    format!("in flight at the signal: {}, in {runs}", named.join(", "))
}
