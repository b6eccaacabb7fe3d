use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::conclude::Findings;
use crate::measure::median;
use crate::service::Side;

/// The least share of axum's throughput that is good enough.
const AT_LEAST: f64 = 0.97;

/// One turn of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) side: Side,
    pub(super) answered: u64,
    pub(super) took: Duration,
    /// The time the server was on its core meanwhile.
    pub(super) on_core: Duration,
    /// The time the load was on its own.
    pub(super) load_on_core: Duration,
}

/// All turns, in the order in which they were taken: each side once in each round.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) turns: Vec<Turn>,
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
    /// Ebbtide's throughput as a share of axum's: the median over the rounds, in each of which both had their turn.
    fn ratio(&self) -> f64 {
        let (ebbtide, axum) =
            (self.of(Side::Ebbtide, Turn::per_second), self.of(Side::Axum, Turn::per_second));
        median(&ebbtide.iter().zip(&axum).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }

    /// The same for the server's time on its core for each request; less is better.
    fn cost_ratio(&self) -> f64 {
        self.median_of(Side::Ebbtide, Turn::micros_each) / self.median_of(Side::Axum, Turn::micros_each)
    }

    fn of(&self, side: Side, figure: impl Fn(&Turn) -> f64) -> Vec<f64> {
        self.turns.iter().filter(|turn| turn.side == side).map(figure).collect()
    }

    fn median_of(&self, side: Side, figure: impl Fn(&Turn) -> f64) -> f64 {
        median(&self.of(side, figure))
    }
}

impl Findings for Report {
    fn are_met(&self) -> bool {
        self.ratio() >= AT_LEAST
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<10} {:>12} {:>17} {:>11} {:>11}",
            "/ping", "requests/s", "core us/request", "core busy", "load's core"
        )?;
        for side in Side::BOTH {
            let (speed, cost) =
                (self.median_of(side, Turn::per_second), self.median_of(side, Turn::micros_each));
            let busy = self.median_of(side, Turn::busy) * 100.0;
            let load = self.median_of(side, Turn::load_busy) * 100.0;
            writeln!(out, "{:<10} {speed:>12.0} {cost:>17.2} {busy:>10.0}% {load:>10.0}%", side.name())?;
        }
        let verdict = if self.are_met() { "met" } else { "MISSED" };
        writeln!(out, "throughput, of axum's {:>8.3} at least {AT_LEAST}: {verdict}", self.ratio())?;
        writeln!(out, "core time, of axum's  {:>8.3}", self.cost_ratio())
    }

    fn to_json(&self) -> Value {
        let side = |side: Side| {
            json!({
                "side": side.name(),
                "per_second": self.median_of(side, Turn::per_second),
                "core_us_each": self.median_of(side, Turn::micros_each),
                "core_busy": self.median_of(side, Turn::busy),
                "load_core_busy": self.median_of(side, Turn::load_busy),
                "rounds_per_second": self.of(side, Turn::per_second),
            })
        };
        json!({
            "schema": 1,
            "sides": Side::BOTH.map(side),
            "ratio": self.ratio(),
            "at_least": AT_LEAST,
            "met": self.are_met(),
            "core_ratio": self.cost_ratio(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ebbtide: u64, axum: u64) -> Report {
        let turn = |side, answered| Turn {
            side,
            answered,
            took: Duration::from_secs(1),
            on_core: Duration::from_millis(900),
            load_on_core: Duration::from_millis(800),
        };
        Report { turns: vec![turn(Side::Ebbtide, ebbtide), turn(Side::Axum, axum)] }
    }

    #[test]
    fn the_bar_is_a_share_of_the_peers_throughput() {
        assert!(report(97, 100).are_met());
        assert!(!report(96, 100).are_met());
        assert!(!Report::default().are_met(), "no round is no proof");
    }
}
