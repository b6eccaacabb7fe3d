use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::conclude::Findings;
use crate::measure::median;
use crate::service::Side;

/// Milliseconds that are too many.
const LESS_THAN: f64 = 5.0;

/// Every stop of both sides.
#[derive(Debug, Default)]
pub(super) struct Report {
    stops: Vec<(Side, Duration)>,
}

impl Report {
    pub(super) fn push(&mut self, side: Side, took: Duration) {
        self.stops.push((side, took));
    }

    fn millis(&self, side: Side) -> Vec<f64> {
        let of_side = self.stops.iter().filter(|(whose, _)| *whose == side);
        of_side.map(|(_, took)| took.as_secs_f64() * 1e3).collect()
    }

    fn median(&self, side: Side) -> f64 {
        median(&self.millis(side))
    }

    fn worst(&self, side: Side) -> f64 {
        self.millis(side).into_iter().fold(0.0, f64::max)
    }

    fn ratio(&self) -> f64 {
        self.median(Side::Ebbtide) / self.median(Side::Axum)
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{:<22} {:>10} {:>10}", "ms, SIGTERM to exit", "median", "worst")?;
        for side in Side::BOTH {
            writeln!(out, "{:<22} {:>10.2} {:>10.2}", side.name(), self.median(side), self.worst(side))?;
        }
        let verdict = if self.are_met() { "met" } else { "MISSED" };
        let median = self.median(Side::Ebbtide);
        writeln!(out, "ebbtide's median       {median:>10.2} less than {LESS_THAN}: {verdict}")?;
        writeln!(out, "of axum's              {:>10.2}", self.ratio())
    }

    fn to_json(&self) -> Value {
        let side = |side: Side| {
            json!({
                "side": side.name(),
                "median_ms": self.median(side),
                "worst_ms": self.worst(side),
                "stops_ms": self.millis(side),
            })
        };
        json!({
            "schema": 1,
            "sides": Side::BOTH.map(side),
            "ratio": self.ratio(),
            "less_than_ms": LESS_THAN,
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        !self.stops.is_empty() && self.median(Side::Ebbtide) < LESS_THAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ebbtide: u64) -> Report {
        let mut report = Report::default();
        report.push(Side::Ebbtide, Duration::from_millis(ebbtide));
        report.push(Side::Axum, Duration::from_millis(1));
        report
    }

    #[test]
    fn the_bar_is_a_median_below_five_milliseconds() {
        assert!(report(4).are_met());
        assert!(!report(5).are_met());
        assert!(!Report::default().are_met(), "no stop is no proof");
    }
}
