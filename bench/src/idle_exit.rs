//! Measures the time from SIGTERM to the exit of an idle service, under Ebbtide and under plain axum.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use crate::client::{LAST_PING, ping};
use crate::measure::{Findings, conclude, median, now};
use crate::service::{Child, ServerArgs, Side};

/// Compares the time from SIGTERM to exit of an idle service with plain axum.
///
/// Ebbtide runs without a lame duck.
#[derive(Debug, Parser)]
#[command(name = "idle-exit")]
pub struct Options {
    /// Shutdowns of each service; the services alternate.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's median is 5 ms or more.
    #[arg(long)]
    pub check: bool,
}

/// Wait before the signal, so that the service has finished what it does after its start and after a response.
const SETTLE: Duration = Duration::from_millis(30);

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    let mut report = Report::default();
    for round in 0..options.rounds {
        let mut sides = Side::BOTH;
        // Alternate the order, so that neither side always runs second.
        if round % 2 == 1 {
            sides.reverse();
        }
        for side in sides {
            report.push(side, stop(side)?);
        }
    }
    Ok(report)
}

/// Starts a service, requests `/ping` once, and stops it.
fn stop(side: Side) -> io::Result<Duration> {
    let mut service = Child::start(side, ServerArgs { workers: Some(1), ..ServerArgs::DEFAULT })?;
    ping(&mut TcpStream::connect(service.address())?, LAST_PING)?;
    thread::sleep(SETTLE);
    let began = now();
    service.terminate()?;
    let status = service.wait()?;
    let took = began.elapsed();
    // An exit by the signal's default action would be fast, but it is not a graceful shutdown.
    if status.success() {
        Ok(took)
    } else {
        Err(io::Error::other(format!("{} exited with {status}", side.name())))
    }
}

/// The limit for the median, in milliseconds (exclusive).
const LESS_THAN: f64 = 5.0;

/// Every shutdown of both sides.
#[derive(Debug, Default)]
struct Report {
    stops: Vec<(Side, Duration)>,
}

impl Report {
    fn push(&mut self, side: Side, took: Duration) {
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
        writeln!(out, "ratio to axum's median {:>10.2}", self.ratio())
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
    fn the_limit_is_a_median_below_five_milliseconds() {
        assert!(report(4).are_met());
        assert!(!report(5).are_met());
        assert!(!Report::default().are_met(), "no stop is no proof");
    }
}
