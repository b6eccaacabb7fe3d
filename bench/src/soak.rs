//! Stops one service many times under every kind of load at once and counts lost requests.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::client::{Counts, Shape};
use crate::measure::{Findings, conclude, median, now, raise_descriptors};
use crate::service::{Child, ServerArgs, Side};
use crate::shutdown::{Stop, stop_under_load};

/// Stops a server many times under mixed load and reports lost requests.
///
/// The load is new connections, kept connections, slow requests, uploads in pieces and HTTP/2, all at once. Prints the
/// outcome of the requests, and every anomaly.
///
/// The defaults (200 shutdowns and at least a million answered requests) take five to fifteen minutes.
#[derive(Debug, Parser)]
#[command(name = "soak")]
pub struct Options {
    /// Number of shutdowns; the server is restarted for each.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub shutdowns: u32,

    /// Minimum number of answered requests, over all shutdowns.
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,

    /// Start no further shutdown after this time; the limit then counts as missed.
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    pub limit: u64,

    /// Server to test; axum and axum-server lose requests, which verifies the test.
    #[arg(long, value_name = "SERVER", default_value = "ebbtide")]
    pub server: Side,

    /// Seed for the times of the signals and for what the clients do.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 on any lost, truncated or unexpected answer, unclean exit or short run.
    #[arg(long)]
    pub check: bool,
}

/// The clients of one run, all at once.
const CROWD: [(Shape, u32); 5] =
    [(Shape::Storm, 64), (Shape::KeepAlive, 100), (Shape::Slow, 30), (Shape::Upload, 20), (Shape::Http2, 8)];

/// Shutdowns per progress line.
const LINE: u32 = 10;

/// Runs the soak test, prints the figures, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    raise_descriptors()?;
    let began = now();
    let wanted = (options.shutdowns, options.requests);
    let mut report = Report {
        server: options.server,
        seed: options.seed,
        wanted,
        stops: Vec::new(),
        took: Duration::ZERO,
    };
    let mut seeds = Rng::with_seed(options.seed);
    let share = options.requests.div_ceil(options.shutdowns.into());
    for stop in 1..=options.shutdowns {
        if began.elapsed() > Duration::from_secs(options.limit * 60) {
            break;
        }
        let server = Child::start(options.server, ServerArgs::DEFAULT)?;
        report.stops.push(stop_under_load(server, &CROWD, share, seeds.u64(..))?);
        report.took = began.elapsed();
        if stop % LINE == 0 {
            let totals = report.totals();
            let line = format!(
                "{stop}/{}: {} answered, {} lost, truncated or unexpected, {:.0} s",
                options.shutdowns,
                totals.answered,
                totals.noticed(),
                report.took.as_secs_f64()
            );
            // Progress lines are optional: a closed standard error is ignored.
            let _told = writeln!(io::stderr(), "{line}");
        }
    }
    Ok(report)
}

const SHAPES: [Shape; 5] = [Shape::Storm, Shape::KeepAlive, Shape::Slow, Shape::Upload, Shape::Http2];

/// The figures of every shutdown.
#[derive(Debug)]
struct Report {
    server: Side,
    seed: u64,
    /// The requested numbers of shutdowns and of answered requests.
    wanted: (u32, u64),
    stops: Vec<Stop>,
    took: Duration,
}

impl Report {
    fn totals(&self) -> Counts {
        self.stops.iter().fold(Counts::default(), |totals, stop| totals.and(stop.counts))
    }

    fn totals_of(&self, shape: Shape) -> Counts {
        let all = self.stops.iter().flat_map(|stop| &stop.by_shape);
        all.filter(|(of, _)| *of == shape).fold(Counts::default(), |totals, (_, counts)| totals.and(*counts))
    }

    /// Returns the anomalies, each with the number of its shutdown.
    fn anomalies(&self) -> Vec<String> {
        let of = |(index, stop): (usize, &Stop)| {
            let exit = (!stop.ended_well).then(|| "the server did not exit cleanly".to_owned());
            let stranded = (stop.stranded > 0)
                .then(|| format!("{} clients still waited for an answer after the exit", stop.stranded));
            let words = stop.oddities.iter().cloned().chain(exit).chain(stranded);
            words.map(|word| format!("shutdown {}: {word}", index + 1)).collect::<Vec<_>>()
        };
        self.stops.iter().enumerate().flat_map(of).collect()
    }

    fn millis(&self) -> Vec<f64> {
        self.stops.iter().map(|stop| stop.took.as_secs_f64() * 1e3).collect()
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let heads = ["answered", "lost", "truncated", "unexpected", "refused", "unsent"];
        write!(out, "{:<28}", format!("{} shutdowns of {}", self.stops.len(), self.server.name()))?;
        heads.iter().try_for_each(|head| write!(out, " {head:>10}"))?;
        writeln!(out)?;
        let rows = SHAPES.map(|shape| (shape.title(), self.totals_of(shape)));
        for (title, counts) in rows.into_iter().chain([("all", self.totals())]) {
            let Counts { answered, lost, cut, odd, refused, unsent } = counts;
            write!(out, "{title:<28}")?;
            [answered, lost, cut, odd, refused, unsent]
                .iter()
                .try_for_each(|count| write!(out, " {count:>10}"))?;
            writeln!(out)?;
        }
        let millis = self.millis();
        let worst = millis.iter().copied().fold(0.0, f64::max);
        let (median, all) = (median(&millis), self.took.as_secs_f64());
        writeln!(out, "from SIGTERM to exit: {median:.0} ms, {worst:.0} ms maximum; {all:.0} s in total")?;
        for anomaly in self.anomalies() {
            writeln!(out, "{anomaly}")?;
        }
        let verdict = if self.are_met() { "met" } else { "MISSED" };
        let (shutdowns, requests) = self.wanted;
        writeln!(
            out,
            "nothing lost in {shutdowns} shutdowns and {requests} requests (seed {}): {verdict}",
            self.seed
        )
    }

    fn to_json(&self) -> Value {
        let totals = self.totals();
        let by_shape =
            SHAPES.map(|shape| json!({ "shape": shape.title(), "answered": self.totals_of(shape).answered }));
        json!({
            "schema": 1,
            "server": self.server.name(),
            "seed": self.seed,
            "shapes": by_shape,
            "shutdowns": self.stops.len(),
            "answered": totals.answered,
            "lost": totals.lost,
            "cut": totals.cut,
            "odd": totals.odd,
            "refused": totals.refused,
            "unsent": totals.unsent,
            "exits_ms": self.millis(),
            "seconds": self.took.as_secs_f64(),
            "anomalies": self.anomalies(),
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        let (shutdowns, requests) = self.wanted;
        self.stops.len() >= shutdowns as usize
            && self.totals().answered >= requests
            && self.totals().noticed() == 0
            && self.anomalies().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(counts: Counts, ended_well: bool) -> Report {
        let took = Duration::from_millis(1);
        let stop = Stop { counts, by_shape: Vec::new(), oddities: Vec::new(), took, ended_well, stranded: 0 };
        Report { server: Side::Ebbtide, seed: 1, wanted: (1, 10), stops: vec![stop], took }
    }

    #[test]
    fn one_lost_request_or_one_unclean_exit_misses_the_limit() {
        let well = Counts { answered: 10, refused: 3, ..Counts::default() };
        assert!(report(well, true).are_met());
        assert!(!report(well, false).are_met());
        assert!(!report(Counts { lost: 1, ..well }, true).are_met());
        assert!(!report(Counts { cut: 1, ..well }, true).are_met());
        assert!(!report(Counts { answered: 9, ..well }, true).are_met());
    }
}
