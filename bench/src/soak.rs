//! Many stops of one service under every kind of load at once: nothing may be lost.

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

/// Stops a server again and again while every kind of client is at it: new connections, kept ones, slow
/// requests, uploads in pieces, HTTP/2. Prints what became of the requests, and everything that was odd.
///
/// With its defaults it stops it 200 times, answers at least a million requests, and takes five to fifteen minutes.
#[derive(Debug, Parser)]
#[command(name = "soak")]
pub struct Options {
    /// How often the server is started and stopped.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub shutdowns: u32,

    /// How many requests are answered at least, all shutdowns together; each gets its share.
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,

    /// No further stop is begun after so many minutes. The bar is missed then.
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    pub limit: u64,

    /// Which server; with axum or axum-server requests are lost, which shows that they would be seen.
    #[arg(long, value_name = "SERVER", default_value = "ebbtide")]
    pub server: Side,

    /// What the moments of the signals, and what the clients do, are drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when a request was lost, cut or answered oddly, an exit was not clean, or there were too few.
    #[arg(long)]
    pub check: bool,
}

/// Everybody at once.
const CROWD: [(Shape, u32); 5] =
    [(Shape::Storm, 64), (Shape::KeepAlive, 100), (Shape::Slow, 30), (Shape::Upload, 20), (Shape::Http2, 8)];

/// After so many stops a line says how far it is.
const LINE: u32 = 10;

/// Stops it as often as asked, prints what was found, and returns the exit code that the program documents.
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
                "{stop}/{}: {} answered, {} lost, cut or odd, {:.0} s",
                options.shutdowns,
                totals.answered,
                totals.noticed(),
                report.took.as_secs_f64()
            );
            // Where standard error is gone, nobody listens.
            let _told = writeln!(io::stderr(), "{line}");
        }
    }
    Ok(report)
}

const SHAPES: [Shape; 5] = [Shape::Storm, Shape::KeepAlive, Shape::Slow, Shape::Upload, Shape::Http2];

/// Every stop.
#[derive(Debug)]
struct Report {
    server: Side,
    seed: u64,
    /// How many were asked for, and how many requests.
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

    /// Returns what is odd, each with the number of its stop.
    fn anomalies(&self) -> Vec<String> {
        let of = |(index, stop): (usize, &Stop)| {
            let exit = (!stop.ended_well).then(|| "the server did not end well".to_owned());
            let stranded = (stop.stranded > 0).then(|| format!("{} clients were stranded", stop.stranded));
            let words = stop.oddities.iter().cloned().chain(exit).chain(stranded);
            words.map(|word| format!("stop {}: {word}", index + 1)).collect::<Vec<_>>()
        };
        self.stops.iter().enumerate().flat_map(of).collect()
    }

    fn millis(&self) -> Vec<f64> {
        self.stops.iter().map(|stop| stop.took.as_secs_f64() * 1e3).collect()
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let heads = ["answered", "lost", "cut", "odd", "refused", "unsent"];
        write!(out, "{:<20}", format!("{} stops of {}", self.stops.len(), self.server.name()))?;
        heads.iter().try_for_each(|head| write!(out, " {head:>10}"))?;
        writeln!(out)?;
        let rows = SHAPES.map(|shape| (shape.title(), self.totals_of(shape)));
        for (title, counts) in rows.into_iter().chain([("all", self.totals())]) {
            let Counts { answered, lost, cut, odd, refused, unsent } = counts;
            write!(out, "{title:<20}")?;
            [answered, lost, cut, odd, refused, unsent]
                .iter()
                .try_for_each(|count| write!(out, " {count:>10}"))?;
            writeln!(out)?;
        }
        let millis = self.millis();
        let worst = millis.iter().copied().fold(0.0, f64::max);
        let (median, all) = (median(&millis), self.took.as_secs_f64());
        writeln!(out, "from SIGTERM to exit: {median:.0} ms, {worst:.0} at worst; {all:.0} s in all")?;
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
    fn one_lost_request_and_one_bad_exit_are_too_many() {
        let well = Counts { answered: 10, refused: 3, ..Counts::default() };
        assert!(report(well, true).are_met());
        assert!(!report(well, false).are_met());
        assert!(!report(Counts { lost: 1, ..well }, true).are_met());
        assert!(!report(Counts { cut: 1, ..well }, true).are_met());
        assert!(!report(Counts { answered: 9, ..well }, true).are_met());
    }
}
