use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::Column;
use super::load::Cost;
use crate::measure::{Findings, median};
use crate::service::Side;

/// The limit: the minimum share of axum's throughput.
const AT_LEAST: f64 = 1.0;

/// One server's load in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) column: Column,
    pub(super) side: Side,
    pub(super) answered: u64,
    pub(super) took: Duration,
    /// CPU time of the server.
    pub(super) on_core: Duration,
    /// CPU time of the load.
    pub(super) load_on_core: Duration,
}

/// All measurements in order: each side once in each round.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) turns: Vec<Turn>,
    pub(super) costs: Vec<Cost>,
}

impl Turn {
    fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    fn micros_each(&self) -> f64 {
        self.on_core.as_secs_f64() * 1e6 / self.answered as f64
    }

    fn busy(&self) -> f64 {
        self.on_core.as_secs_f64() / self.took.as_secs_f64()
    }

    fn load_busy(&self) -> f64 {
        self.load_on_core.as_secs_f64() / self.took.as_secs_f64()
    }
}

impl Report {
    fn of(&self, column: Column, side: Side, figure: impl Fn(&Turn) -> f64) -> Vec<f64> {
        let turns = self.turns.iter().filter(|turn| (turn.column, turn.side) == (column, side));
        turns.map(figure).collect()
    }

    fn median_of(&self, column: Column, side: Side, figure: impl Fn(&Turn) -> f64) -> f64 {
        median(&self.of(column, side, figure))
    }

    /// Returns the ratio of a side's figure to axum's: the median over the rounds, each of which measures both.
    fn ratio(&self, column: Column, side: Side, figure: impl Fn(&Turn) -> f64) -> Option<f64> {
        let (theirs, axum) = (self.of(column, side, &figure), self.of(column, Side::Axum, &figure));
        let ratios: Vec<_> = theirs.iter().zip(&axum).map(|(theirs, axum)| theirs / axum).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    fn cost(&self, column: Column, side: Side) -> Option<f64> {
        let cost = self.costs.iter().find(|cost| (cost.column, cost.side) == (column, side));
        cost.map(|cost| cost.instructions)
    }

    fn cost_ratio(&self, column: Column, side: Side) -> Option<f64> {
        Some(self.cost(column, side)? / self.cost(column, Side::Axum)?)
    }

    fn print_column(&self, column: Column, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<18} {:>11} {:>9} {:>11} {:>9} {:>11} {:>12} {:>13} {:>9}",
            column.title(),
            "requests/s",
            "to axum's",
            "core us each",
            "to axum's",
            "core busy",
            "load's core",
            "instructions",
            "to axum's"
        )?;
        for side in Side::ALL {
            let median = |figure: fn(&Turn) -> f64| self.median_of(column, side, figure);
            let (cost, cost_ratio) = (self.cost(column, side), self.cost_ratio(column, side));
            if cost.is_none() && self.of(column, side, Turn::per_second).is_empty() {
                continue;
            }
            writeln!(
                out,
                "{:<18} {:>11.0} {:>9} {:>12.2} {:>9} {:>10.0}% {:>11.0}% {:>13} {:>9}",
                side.name(),
                median(Turn::per_second),
                or_dash(self.ratio(column, side, Turn::per_second), 3),
                median(Turn::micros_each),
                or_dash(self.ratio(column, side, Turn::micros_each), 3),
                median(Turn::busy) * 100.0,
                median(Turn::load_busy) * 100.0,
                or_dash(cost, 0),
                or_dash(cost_ratio, 3),
            )?;
        }
        if let Some(ratio) = self.ratio(column, Side::Ebbtide, Turn::per_second) {
            let verdict = if ratio >= AT_LEAST { "met" } else { "MISSED" };
            writeln!(out, "ratio to axum's throughput: {ratio:.3}, at least {AT_LEAST:.2}: {verdict}\n")?;
        }
        Ok(())
    }
}

impl Findings for Report {
    fn are_met(&self) -> bool {
        let ratios = Column::ALL.map(|column| self.ratio(column, Side::Ebbtide, Turn::per_second));
        ratios.iter().any(Option::is_some) && ratios.iter().flatten().all(|ratio| *ratio >= AT_LEAST)
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let is_there = |column: &Column| {
            self.turns.iter().any(|turn| turn.column == *column)
                || self.costs.iter().any(|cost| cost.column == *column)
        };
        Column::ALL
            .iter()
            .filter(|column| is_there(column))
            .try_for_each(|column| self.print_column(*column, out))
    }

    fn to_json(&self) -> Value {
        let side = |column, side: Side| {
            json!({
                "column": Column::title(column),
                "side": side.name(),
                "per_second": self.median_of(column, side, Turn::per_second),
                "of_axum": self.ratio(column, side, Turn::per_second),
                "core_us_each": self.median_of(column, side, Turn::micros_each),
                "core_of_axum": self.ratio(column, side, Turn::micros_each),
                "core_busy": self.median_of(column, side, Turn::busy),
                "load_core_busy": self.median_of(column, side, Turn::load_busy),
                "instructions": self.cost(column, side),
                "instructions_of_axum": self.cost_ratio(column, side),
                "rounds_per_second": self.of(column, side, Turn::per_second),
            })
        };
        let all = Column::ALL.into_iter().flat_map(|column| Side::ALL.map(|of| side(column, of)));
        json!({ "schema": 1, "figures": all.collect::<Vec<_>>(), "at_least": AT_LEAST, "met": self.are_met() })
    }
}

fn or_dash(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ebbtide: u64, axum: u64) -> Report {
        let turn = |side, answered| Turn {
            column: Column::Http2,
            side,
            answered,
            took: Duration::from_secs(1),
            on_core: Duration::from_millis(900),
            load_on_core: Duration::from_millis(800),
        };
        Report { turns: vec![turn(Side::Ebbtide, ebbtide), turn(Side::Axum, axum)], costs: Vec::new() }
    }

    #[test]
    fn the_limit_is_the_peers_throughput() {
        assert!(report(100, 100).are_met());
        assert!(!report(99, 100).are_met());
        assert!(!Report::default().are_met(), "no round is no proof");
    }
}
