use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fastrand::Rng;

use super::report::Report;
use super::stops::{exit, stop_under_load};
use crate::client::Shape;
use crate::conclude::conclude;
use crate::measure::raise_descriptors;
use crate::service::{Child, ServerArgs, Side, serve};

/// Compares what a stop costs under Ebbtide and under its peers, each stopped as its own documentation recommends.
///
/// Lost is a request whose connection was established and which was written, and which got a reset or an end without a
/// byte of a response. Refused is not lost: it is safe to ask elsewhere. SIGTERM comes at a random moment under load. The
/// servers take turns; each is a process of its own. A column ends early for a server whose stops in it have taken a
/// minute, after three at least; the table says so.
///
/// Time is from SIGTERM to the exit: with nothing connected for a quarter of a second, with connections that have sent nothing, and with
/// connections that are kept after one request, each idle for two seconds. Memory is the peak of the resident set
/// (VmHWM) with those connections, just before SIGTERM.
///
/// It takes about fifteen minutes; with --quick about three.
#[derive(Debug, Parser)]
#[command(name = "shutdown")]
pub struct Options {
    /// Stops of each server in each column under load.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub shutdowns: u32,

    /// Stops of each server that is idle; a quarter of them with idle connections.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub exits: u32,

    /// How many idle connections; the system's limit of descriptors has to allow it.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub connections: u32,

    /// Five stops in each column, and eight idle ones.
    #[arg(long, conflicts_with_all = ["shutdowns", "exits"])]
    pub quick: bool,

    /// Measure this column only; may be given again.
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure this server only; may be given again.
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// What the moments of the signals are drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide loses a request, or takes more time or memory than the best of its peers.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub be: ServerArgs,
}

impl Options {
    /// Returns how often each server is stopped in a column.
    fn rounds(&self, column: Column) -> u32 {
        let (loaded, idle) = if self.quick { (5, 8) } else { (self.shutdowns, self.exits) };
        match column {
            Column::Idle => idle,
            Column::Silent | Column::Kept => (idle / 4).max(1),
            _ => loaded,
        }
    }

    /// Tells whether a column is wanted.
    fn wants(&self, column: Column) -> bool {
        self.only.is_empty() || self.only.contains(&column)
    }

    /// Tells whether a server is wanted.
    fn wants_side(&self, side: Side) -> bool {
        self.server.is_empty() || self.server.contains(&side)
    }
}

/// One column of the tables: what a server is stopped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// 64 clients that open a connection for each request.
    Storm64,
    /// 256 of them.
    Storm256,
    /// 200 clients that keep their connection, with 0 to 20 ms between two requests.
    KeepAlive,
    /// 20 HTTP/2 connections with 10 requests in flight each.
    Http2,
    /// Nothing is connected.
    Idle,
    /// Connections that have sent nothing.
    Silent,
    /// Connections that are kept after one request.
    Kept,
}

impl Column {
    /// Those in which requests may be lost.
    pub const LOADED: [Self; 4] = [Self::Storm64, Self::Storm256, Self::KeepAlive, Self::Http2];

    /// Those in which time and memory are measured.
    pub const QUIET: [Self; 3] = [Self::Idle, Self::Silent, Self::Kept];

    /// The head of the column.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Storm64 => "storm of 64",
            Self::Storm256 => "storm of 256",
            Self::KeepAlive => "keep-alive 200",
            Self::Http2 => "HTTP/2 20x10",
            Self::Idle => "idle",
            Self::Silent => "silent",
            Self::Kept => "kept",
        }
    }

    /// What the clients do, and how many there are.
    pub const fn load(self) -> Option<(Shape, u32)> {
        match self {
            Self::Storm64 => Some((Shape::Storm, 64)),
            Self::Storm256 => Some((Shape::Storm, 256)),
            Self::KeepAlive => Some((Shape::KeepAlive, 200)),
            Self::Http2 => Some((Shape::Http2, 20)),
            Self::Idle | Self::Silent | Self::Kept => None,
        }
    }
}

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
