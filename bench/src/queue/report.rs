use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Column, Side};
use crate::measure::{Findings, median};

/// One side's measurement in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) column: Column,
    pub(super) side: Side,
    pub(super) jobs: u32,
    pub(super) took: Duration,
}

/// All measurements, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) jobs: u32,
    pub(super) places: usize,
    pub(super) turns: Vec<Turn>,
}

impl Report {
    fn per_second(&self, column: Column, side: Side) -> Vec<f64> {
        let turns = self.turns.iter().filter(|turn| (turn.column, turn.side) == (column, side));
        turns.map(|turn| f64::from(turn.jobs) / turn.took.as_secs_f64()).collect()
    }

    /// Returns the ratio of Ebbtide's throughput to a peer's: the median over the rounds, each of which measures both.
    fn ratio(&self, column: Column, peer: Side) -> Option<f64> {
        let (ours, theirs) = (self.per_second(column, Side::Ebbtide), self.per_second(column, peer));
        let ratios: Vec<_> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    fn columns(&self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(|column| self.turns.iter().any(|turn| turn.column == *column))
    }

    fn peers(column: Column) -> impl Iterator<Item = Side> {
        column.sides().iter().copied().filter(|side| *side != Side::Ebbtide)
    }

    fn is_met(&self, column: Column, peer: Side) -> bool {
        peer.bar().is_none_or(|bar| self.ratio(column, peer).is_some_and(|ratio| ratio >= bar))
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} jobs per round, {} concurrently, empty handler\n", self.jobs, self.places)?;
        for column in self.columns() {
            writeln!(
                out,
                "{:<12} {:>10} {:>10} {:>10}  ratio to peer",
                column.title(),
                "jobs/s",
                "slowest",
                "fastest"
            )?;
            for side in column.sides() {
                let mut rounds = self.per_second(column, *side);
                rounds.sort_by(f64::total_cmp);
                let (slowest, fastest) = (rounds.first().copied(), rounds.last().copied());
                let ratio = self.ratio(column, *side).filter(|_| *side != Side::Ebbtide);
                let verdict = match (ratio, side.bar()) {
                    (Some(ratio), Some(bar)) => {
                        let word = if self.is_met(column, *side) { "met" } else { "MISSED" };
                        format!("  {ratio:.3}, at least {bar:.2}: {word}")
                    }
                    (Some(ratio), None) => format!("  {ratio:.3}"),
                    (None, _) => String::new(),
                };
                writeln!(
                    out,
                    "{:<12} {:>10.0} {:>10.0} {:>10.0}{verdict}",
                    side.name(),
                    median(&rounds),
                    slowest.unwrap_or_default(),
                    fastest.unwrap_or_default(),
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let side = |column: Column, side: Side| {
            json!({
                "queue": column.title(),
                "side": side.name(),
                "per_second": median(&self.per_second(column, side)),
                "rounds_per_second": self.per_second(column, side),
                "ours_of_theirs": self.ratio(column, side),
                "at_least": side.bar(),
            })
        };
        let figures =
            self.columns().flat_map(|column| column.sides().iter().map(move |of| side(column, *of)));
        json!({
            "schema": 1,
            "jobs": self.jobs,
            "side_by_side": self.places,
            "figures": figures.collect::<Vec<_>>(),
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        self.columns().count() > 0
            && self.columns().all(|column| Self::peers(column).all(|peer| self.is_met(column, peer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ours: u64, hand_written: u64, apalis: u64) -> Report {
        let turn = |side, millis| Turn {
            column: Column::Sqlite,
            side,
            jobs: 1000,
            took: Duration::from_millis(millis),
        };
        let turns = vec![
            turn(Side::Ebbtide, ours),
            turn(Side::PlainClient, hand_written),
            turn(Side::Apalis, apalis),
        ];
        Report { jobs: 1000, places: 8, turns }
    }

    #[test]
    fn the_limits_are_95_percent_of_by_hand_and_all_of_apalis() {
        assert!(report(1000, 951, 1000).are_met());
        assert!(!report(1000, 949, 1000).are_met());
        assert!(!report(1000, 1000, 999).are_met());
        assert!(!Report::default().are_met(), "no round is no proof");
    }
}
