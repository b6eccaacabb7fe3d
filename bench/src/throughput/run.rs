use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::load::{self, Load};
use super::report::{Report, Turn};
use crate::measure::{conclude, cores, now, pin_to_core, thread_on_core};
use crate::service::{Child, ServerArgs, Side};

/// Compares the throughput of `/ping` under Ebbtide with that under its peers.
///
/// Also compares the cost of one request in instructions, counted by callgrind. The servers run on the first core, the load
/// on the second. All servers run at the same time and are loaded in turn. They are restarted several times. The ratio is
/// the median over the rounds of one run, each of which measures all servers. Takes about five minutes.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
pub struct Options {
    /// Number of starts of all servers.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,

    /// Rounds per start; each server is loaded once in a round.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Duration of the load on one server in a round, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub turn: u64,

    /// Clients of each server.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,

    /// Number of requests whose instructions are counted, after as many uncounted ones.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub counted: u32,

    /// Measure only this column (can be repeated).
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure only this server (can be repeated).
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// Do not count instructions.
    #[arg(long)]
    pub no_cost: bool,

    /// Only count instructions.
    #[arg(long, conflicts_with = "no_cost")]
    pub cost_only: bool,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's throughput is below axum's in any column.
    #[arg(long)]
    pub check: bool,
}

impl Options {
    /// Returns the selected columns.
    fn columns(&self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(|column| self.only.is_empty() || self.only.contains(column))
    }

    /// Returns the selected servers.
    fn sides(&self) -> impl Iterator<Item = Side> {
        Side::ALL.into_iter().filter(|side| self.server.is_empty() || self.server.contains(side))
    }
}

/// How the requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// Keep-alive connections, one request at a time on each.
    KeepAlive,
    /// A new connection for each request.
    Connect,
    /// HTTP/2, ten requests at a time on each connection.
    Http2,
}

impl Column {
    /// All columns, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::KeepAlive, Self::Connect, Self::Http2];

    /// Returns the name in the tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::KeepAlive => "HTTP/1 keep-alive",
            Self::Connect => "a connection each",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A server and its load.
struct Runner {
    side: Side,
    server: Child,
    load: Load,
}

/// Measures, prints the tables, and returns the documented exit code.
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
        // Read once: a pinned thread sees only the core that it is pinned to.
        let &[server_core, load_core, ..] = cores().as_slice() else {
            return Err(io::Error::other("not enough cores: the servers and the load need one each"));
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
            // The first round is a warm-up and does not count.
            runner.turn(column, turn)?;
            runners.push(runner);
        }
        for _ in 0..options.rounds {
            for runner in &mut runners {
                report.turns.push(runner.turn(column, turn)?);
            }
            // The order rotates, so that no side always follows the same one.
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

/// Prints a progress line. A closed standard error is ignored.
fn tell(line: &str) {
    let _told = writeln!(io::stderr(), "{line}");
}
