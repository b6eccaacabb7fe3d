use std::io;
use std::process::ExitCode;
use std::time::Duration;

use super::load::Load;
use super::options::Options;
use super::report::{Report, Turn};
use crate::conclude::conclude;
use crate::measure::{cores, now, pin_to_core, thread_on_core};
use crate::service::{Child, ServerArgs, Side, serve};

/// A server and the load on it.
struct Runner {
    side: Side,
    server: Child,
    load: Load,
}

/// Measures, prints the table, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match options.server.serve {
        Some(side) => serve(side, options.server),
        None => conclude(measure(options), options.json.as_deref(), options.check),
    }
}

fn measure(options: &Options) -> io::Result<Report> {
    // Asked for once: whoever is pinned sees only its own.
    let &[server_core, load_core, ..] = cores().as_slice() else {
        return Err(io::Error::other("the servers and the load need a core each"));
    };
    pin_to_core(load_core)?;
    let turn = Duration::from_millis(options.turn);
    let mut report = Report::default();
    for _ in 0..options.starts {
        let mut runners = Vec::new();
        for side in Side::BOTH {
            let mut runner = Runner::start(side, server_core, options.connections)?;
            // The first turn warms up, and does not count.
            runner.turn(turn)?;
            runners.push(runner);
        }
        for _ in 0..options.rounds {
            for runner in &mut runners {
                report.turns.push(runner.turn(turn)?);
            }
            // Neither side is always the one that comes after the other.
            runners.reverse();
        }
    }
    Ok(report)
}

impl Runner {
    fn start(side: Side, core: usize, connections: u32) -> io::Result<Self> {
        let server = Child::start(side, ServerArgs::on_core(core))?;
        let load = Load::connect(server.address(), connections)?;
        Ok(Self { side, server, load })
    }

    fn turn(&mut self, turn: Duration) -> io::Result<Turn> {
        let (server, load, began) = (self.server.on_core()?, thread_on_core(), now());
        let answered = self.load.turn(turn)?;
        let on_core = self.server.on_core()?.saturating_sub(server);
        let load_on_core = thread_on_core().saturating_sub(load);
        Ok(Turn { side: self.side, answered, took: began.elapsed(), on_core, load_on_core })
    }
}
