use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::load::{self, Load};
use super::report::{Report, Turn};
use crate::measure::{conclude, cores, now, pin_to_core, thread_on_core};
use crate::service::{Child, ServerArgs, Side};

/// Compares the throughput of `/ping` under Ebbtide with that under its peers, and what one request costs each of them
/// in instructions, as callgrind counts them.
///
/// Each server gets the first core, the load the second. All servers run side by side; they take turns being loaded,
/// and are started anew several times. The ratio is the median over the rounds of one run, in each of which all had
/// their turn. It takes about five minutes.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
pub struct Options {
    /// How often all servers are started anew.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,

    /// Turns of each server per start.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Milliseconds of load in one turn.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub turn: u64,

    /// Clients of each server.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,

    /// Requests of which the instructions are counted, after as many that are not.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub counted: u32,

    /// Measure this column only; may be given again.
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure this server only; may be given again.
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// Count no instructions.
    #[arg(long)]
    pub no_cost: bool,

    /// Count instructions only.
    #[arg(long, conflicts_with = "no_cost")]
    pub cost_only: bool,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's throughput is less than axum's in one of the columns.
    #[arg(long)]
    pub check: bool,
}

impl Options {
    /// Returns the columns that are wanted.
    fn columns(&self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(|column| self.only.is_empty() || self.only.contains(column))
    }

    /// Returns the servers that are wanted.
    fn sides(&self) -> impl Iterator<Item = Side> {
        Side::ALL.into_iter().filter(|side| self.server.is_empty() || self.server.contains(side))
    }
}

/// How a request reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// Connections that are kept, one request at a time on each.
    KeepAlive,
    /// A connection for each request.
    Connect,
    /// HTTP/2, ten requests at a time on each connection.
    Http2,
}

impl Column {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::KeepAlive, Self::Connect, Self::Http2];

    /// The name in the tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::KeepAlive => "HTTP/1 keep-alive",
            Self::Connect => "a connection each",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A server and the load on it.
struct Runner {
    side: Side,
    server: Child,
    load: Load,
}

/// Measures, prints the tables, and returns the exit code that the program documents.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    let mut report = Report::default();
    if !options.no_cost {
        load::is_possible()?;
        for column in options.columns() {
            for side in options.sides() {
                report.costs.push(load::count(column, side, options.counted)?);
            }
            tell(&format!("{}: instructions counted", column.title()));
        }
    }
    if !options.cost_only {
        // Asked for once: whoever is pinned sees only its own.
        let &[server_core, load_core, ..] = cores().as_slice() else {
            return Err(io::Error::other("the servers and the load need a core each"));
        };
        pin_to_core(load_core)?;
        for column in options.columns() {
            measure_column(options, &mut report, column, server_core)?;
        }
    }
    Ok(report)
}

fn measure_column(
    options: &Options,
    report: &mut Report,
    column: Column,
    server_core: usize,
) -> io::Result<()> {
    let turn = Duration::from_millis(options.turn);
    for start in 0..options.starts {
        let mut runners = Vec::new();
        for side in options.sides() {
            let mut runner = Runner::start(column, side, server_core, options.clients)?;
            // The first turn warms up, and does not count.
            runner.turn(column, turn)?;
            runners.push(runner);
        }
        for _ in 0..options.rounds {
            for runner in &mut runners {
                report.turns.push(runner.turn(column, turn)?);
            }
            // Nobody always comes after the same one.
            runners.rotate_left(1);
        }
        tell(&format!("{}: start {} of {}", column.title(), start + 1, options.starts));
    }
    Ok(())
}

impl Runner {
    fn start(column: Column, side: Side, core: usize, clients: u32) -> io::Result<Self> {
        let args = ServerArgs { http2: column == Column::Http2, ..ServerArgs::on_core(core) };
        let server = Child::start(side, args)?;
        let load = Load::connect(column, server.address(), clients)?;
        Ok(Self { side, server, load })
    }

    fn turn(&mut self, column: Column, turn: Duration) -> io::Result<Turn> {
        let (server, load, began) = (self.server.on_core()?, thread_on_core(), now());
        let answered = self.load.turn(turn)?;
        let on_core = self.server.on_core()?.saturating_sub(server);
        let load_on_core = thread_on_core().saturating_sub(load);
        Ok(Turn { column, side: self.side, answered, took: began.elapsed(), on_core, load_on_core })
    }
}

/// Tells how far it is; where standard error is gone, nobody listens.
fn tell(line: &str) {
    let _told = writeln!(io::stderr(), "{line}");
}
