use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use fastrand::Rng;

use super::options::Options;
use super::report::Report;
use crate::client::Shape;
use crate::conclude::conclude;
use crate::limits::raise_descriptors;
use crate::measure::now;
use crate::service::{Child, ServerArgs, serve};
use crate::shutdown::stop_under_load;

/// Everybody at once.
const CROWD: [(Shape, u32); 5] =
    [(Shape::Storm, 64), (Shape::KeepAlive, 100), (Shape::Slow, 30), (Shape::Upload, 20), (Shape::Http2, 8)];

/// After so many stops a line says how far it is.
const LINE: u32 = 10;

/// Stops it as often as asked, prints what was found, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match options.be.serve {
        Some(side) => serve(side, options.be),
        None => conclude(measure(options), options.json.as_deref(), options.check),
    }
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
