use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use super::load::Load;
use crate::measure::{Findings, conclude, cores, median, now, pin_to_core, thread_on_core};
use crate::service::{Child, ServerArgs, Side};

/// Compares the throughput of `/ping` under Ebbtide with that under plain axum.
///
/// The servers run on the first core, the load on the second. Both servers run at the same time and are loaded in turn. They
/// are restarted several times.
#[derive(Debug, Parser)]
#[command(name = "ping")]
pub struct Options {
    /// Number of starts of both servers.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,

    /// Rounds per start; each server is loaded once in a round.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Duration of the load on one server in a round, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub turn: u64,

    /// Keep-alive connections to each server, one request at a time on each.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's throughput is less than 0.97 of axum's.
    #[arg(long)]
    pub check: bool,
}

/// A server and its load.
struct Runner {
    side: Side,
    server: Child,
    load: Load,
}

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    // Read once: a pinned thread sees only the core that it is pinned to.
    let &[server_core, load_core, ..] = cores().as_slice() else {
        return Err(io::Error::other("not enough cores: the servers and the load need one each"));
    };
    pin_to_core(load_core)?;
    let turn = Duration::from_millis(options.turn);
    let mut report = Report::default();
    for _ in 0..options.starts {
        let mut runners = Vec::new();
        for side in Side::BOTH {
            let mut runner = Runner::start(side, server_core, options.connections)?;
            // The first round is a warm-up and does not count.
            runner.turn(turn)?;
            runners.push(runner);
        }
        for _ in 0..options.rounds {
            for runner in &mut runners {
                report.turns.push(runner.turn(turn)?);
            }
            // Alternate the order, so that neither side always runs second.
            runners.reverse();
        }
    }
    Ok(report)
}

impl Runner {
    fn start(side: Side, core: usize, connections: u32) -> io::Result<Self> {
        let server = Child::start(side, ServerArgs::on_core(core))?;
        let load = Load::connect(server.address(), connections)?;
        Ok(Self { side, server, load })
    }

    fn turn(&mut self, turn: Duration) -> io::Result<Turn> {
        let (server, load, began) = (self.server.on_core()?, thread_on_core(), now());
        let answered = self.load.turn(turn)?;
        let on_core = self.server.on_core()?.saturating_sub(server);
        let load_on_core = thread_on_core().saturating_sub(load);
        Ok(Turn { side: self.side, answered, took: began.elapsed(), on_core, load_on_core })
    }
}

/// The limit: the minimum share of axum's throughput.
const AT_LEAST: f64 = 0.97;

/// One server's load in one round.
#[derive(Debug, Clone, Copy)]
struct Turn {
    side: Side,
    answered: u64,
    took: Duration,
    /// CPU time of the server.
    on_core: Duration,
    /// CPU time of the load.
    load_on_core: Duration,
}

/// All measurements in order: each side once in each round.
#[derive(Debug, Default)]
struct Report {
    turns: Vec<Turn>,
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
    /// Returns the ratio of Ebbtide's throughput to axum's: the median over the rounds, each of which measures both.
    fn ratio(&self) -> f64 {
        let (ebbtide, axum) =
            (self.of(Side::Ebbtide, Turn::per_second), self.of(Side::Axum, Turn::per_second));
        median(&ebbtide.iter().zip(&axum).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }

    /// Returns the ratio of the servers' CPU time per request, in the same way; less is better.
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
        writeln!(out, "throughput / axum's   {:>8.3} at least {AT_LEAST}: {verdict}", self.ratio())?;
        writeln!(out, "core time / axum's    {:>8.3}", self.cost_ratio())
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
    fn the_limit_is_a_share_of_the_peers_throughput() {
        assert!(report(97, 100).are_met());
        assert!(!report(96, 100).are_met());
        assert!(!Report::default().are_met(), "no round is no proof");
    }
}
