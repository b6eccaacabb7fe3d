use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::operations::{
    BARE_REQUEST, CANCELLED_POLLED, CHILD_TOKEN, COUNTED_REQUEST, Cost, IS_CANCELLED, IS_STOPPING, NOTIFY,
    PLAIN_LOAD, REGISTER, STOP_CLONE, STOPPING_POLLED, TASK_TRACKER_TOKEN, TRACKER_GUARD, Waking, measure,
    measure_waking,
};

/// Compares the drain primitives with their peers.
#[derive(Debug, Parser)]
#[command(name = "primitives")]
pub struct Options {
    /// Rounds of each measurement; the median over the rounds counts.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Operations in one measurement.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1000..=100_000_000))]
    pub operations: u32,

    /// Number of tasks to wake; 0 skips this measurement.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(0..=4_000_000))]
    pub wake: u32,

    /// Rounds of the measurement of waking tasks.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub wake_rounds: u32,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when a limit is missed.
    #[arg(long)]
    pub check: bool,
}

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    match measure_and_print(options) {
        Ok(report) if options.check && !report.bars.iter().all(Bar::is_met) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed, only the exit code reports the failure.
            let _told = writeln!(io::stderr(), "error: cannot measure or write the figures: {error}");
            ExitCode::from(3)
        }
    }
}

fn measure_and_print(options: &Options) -> io::Result<Report> {
    let costs = measure(options);
    let waking = if options.wake == 0 { Vec::new() } else { measure_waking(options)? };
    let report = Report { bars: bars(&costs), costs, waking, woken: options.wake };
    report.print(&mut io::stdout().lock())?;
    if let Some(file) = &options.json {
        fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    Ok(report)
}

/// The figures of one run.
#[derive(Debug)]
struct Report {
    costs: Vec<Cost>,
    waking: Vec<Waking>,
    woken: u32,
    bars: Vec<Bar>,
}

impl Report {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<42} {:>10} {:>11} {:>17}",
            "ns per operation", "one thread", "two threads", "ratio to peer"
        )?;
        for cost in &self.costs {
            let ratio = self.peer_of(cost.what).map_or_else(String::new, |peer| {
                let (one, two) = (cost.one_thread / peer.one_thread, cost.two_threads / peer.two_threads);
                format!("{one:>8.2} {two:>8.2}")
            });
            writeln!(
                out,
                "{:<42} {:>10.1} {:>11.1} {ratio:>17}",
                cost.what, cost.one_thread, cost.two_threads
            )?;
        }
        if !self.waking.is_empty() {
            let head = format!("ms to wake {} tasks", self.woken);
            writeln!(out, "\n{head:<42} {:>10} {:>11} {:>17}", "trigger", "last ended", "ratio to Notify")?;
        }
        for waking in &self.waking {
            let ratio = waking.last / self.notify();
            writeln!(
                out,
                "{:<42} {:>10.1} {:>11.1} {ratio:>17.2}",
                waking.what, waking.triggered, waking.last
            )?;
        }
        writeln!(out)?;
        for bar in &self.bars {
            let verdict = if bar.is_met() { "met" } else { "MISSED" };
            writeln!(out, "{:<42} {:>10.2} at most {:.2}: {verdict}", bar.what, bar.ratio, bar.at_most)?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let cost = |cost: &Cost| json!({ "what": cost.what, "one_thread_ns": cost.one_thread, "two_threads_ns": cost.two_threads });
        let waking = |waking: &Waking| json!({ "what": waking.what, "trigger_ms": waking.triggered, "last_ms": waking.last });
        let bar = |bar: &Bar| json!({ "what": bar.what, "ratio": bar.ratio, "at_most": bar.at_most, "met": bar.is_met() });
        json!({
            "schema": 1,
            "costs": self.costs.iter().map(cost).collect::<Vec<_>>(),
            "woken": self.woken,
            "waking": self.waking.iter().map(waking).collect::<Vec<_>>(),
            "bars": self.bars.iter().map(bar).collect::<Vec<_>>(),
        })
    }

    fn peer_of(&self, what: &str) -> Option<&Cost> {
        let peer = match what {
            TRACKER_GUARD | REGISTER => TASK_TRACKER_TOKEN,
            COUNTED_REQUEST => BARE_REQUEST,
            IS_STOPPING => IS_CANCELLED,
            STOPPING_POLLED => CANCELLED_POLLED,
            STOP_CLONE => CHILD_TOKEN,
            _ => return None,
        };
        self.costs.iter().find(|cost| cost.what == peer)
    }

    fn notify(&self) -> f64 {
        self.waking.iter().find(|waking| waking.what == NOTIFY).map_or(f64::NAN, |waking| waking.last)
    }
}

/// A ratio of two figures of one run, and its limit.
#[derive(Clone, Debug)]
struct Bar {
    what: &'static str,
    ratio: f64,
    at_most: f64,
}

impl Bar {
    fn is_met(&self) -> bool {
        self.ratio <= self.at_most
    }
}

/// Returns the limits of `--check`. They are ratios only, since times differ between machines.
fn bars(costs: &[Cost]) -> Vec<Bar> {
    let find = |what| costs.iter().find(|cost| cost.what == what);
    let (Some(guard), Some(token)) = (find(TRACKER_GUARD), find(TASK_TRACKER_TOKEN)) else {
        return Vec::new();
    };
    let (Some(asked), Some(load)) = (find(IS_STOPPING), find(PLAIN_LOAD)) else { return Vec::new() };
    vec![
        Bar {
            what: "a guard next to a TaskTracker token",
            ratio: guard.one_thread / token.one_thread,
            at_most: 0.99,
        },
        Bar {
            what: "a guard on two threads next to one",
            ratio: guard.two_threads / guard.one_thread,
            at_most: 2.0,
        },
        Bar {
            what: "is_stopping next to a plain load",
            ratio: asked.one_thread / load.one_thread,
            at_most: 2.0,
        },
    ]
}
