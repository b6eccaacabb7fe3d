use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::load::Load;
use super::options::Options;
use super::report::{Report, Turn};
use super::{Column, cost};
use crate::conclude::conclude;
use crate::measure::{cores, now, pin_to_core, thread_on_core};
use crate::service::{Child, ServerArgs, Side, serve};

/// A server and the load on it.
struct Runner {
    side: Side,
    server: Child,
    load: Load,
}

/// Measures, prints the tables, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match options.be.serve {
        Some(side) => serve(side, options.be),
        None => conclude(measure(options), options.json.as_deref(), options.check),
    }
}

fn measure(options: &Options) -> io::Result<Report> {
    let mut report = Report::default();
    if !options.no_cost {
        cost::is_possible()?;
        for column in options.columns() {
            for side in options.sides() {
                report.costs.push(cost::count(column, side, options.counted)?);
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
