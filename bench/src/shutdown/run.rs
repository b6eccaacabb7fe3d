use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use fastrand::Rng;

use super::exits::exit;
use super::options::Options;
use super::report::Report;
use super::{Column, stop_under_load};
use crate::conclude::conclude;
use crate::limits::raise_descriptors;
use crate::service::{Child, ServerArgs, Side, serve};

/// What the stops of one server in one column may take, so that one with a long limit of its own doesn't take the day.
const MOST: Duration = Duration::from_secs(60);

/// Stops that are made all the same.
const LEAST: usize = 3;

/// Measures, prints the tables, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match options.be.serve {
        Some(side) => serve(side, options.be),
        None => conclude(measure(options), options.json.as_deref(), options.check),
    }
}

fn measure(options: &Options) -> io::Result<Report> {
    raise_descriptors()?;
    let mut report = Report::new(options.connections);
    let mut seeds = Rng::with_seed(options.seed);
    let columns = Column::LOADED.into_iter().chain(Column::QUIET);
    for column in columns.filter(|column| options.wants(*column)) {
        let rounds = options.rounds(column);
        for round in 0..rounds {
            let seed = seeds.u64(..);
            for side in Side::in_round(round).into_iter().filter(|side| options.wants_side(*side)) {
                measure_one(options, &mut report, column, side, seed)?;
            }
            tell(&format!("{} {}/{rounds}: {}", column.title(), round + 1, report.latest(column)));
        }
    }
    Ok(report)
}

fn measure_one(
    options: &Options,
    report: &mut Report,
    column: Column,
    side: Side,
    seed: u64,
) -> io::Result<()> {
    let Some((shape, clients)) = column.load() else {
        report.exits.push((column, side, exit(side, column, options.connections)?));
        return Ok(());
    };
    let before = report.stops_of(column, side);
    if before.len() >= LEAST && before.iter().map(|stop| stop.took).sum::<Duration>() > MOST {
        return Ok(());
    }
    let server = Child::start(side, ServerArgs { http2: column == Column::Http2, ..ServerArgs::DEFAULT })?;
    let stop = stop_under_load(server, &[(shape, clients)], u64::from(clients) * 5, seed)?;
    report.stops.push((column, side, stop));
    Ok(())
}

/// Tells how far it is; where standard error is gone, nobody listens.
fn tell(line: &str) {
    let _told = writeln!(io::stderr(), "{line}");
}
