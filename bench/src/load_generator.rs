//! Measures what a request costs the client: the load of a rehearsal beside load generators.

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
#[cfg(feature = "peers")]
use std::time::Duration;

use clap::Parser;
#[cfg(feature = "peers")]
use ebbtide_rehearse::{Fitted, Program, Protocol, Rehearsal, Shape, ShapePlan, Span};
use serde_json::{Value, json};

use crate::measure::{Findings, children_on_core, conclude, median, raise_descriptors};
use crate::service::{Child, ServerArgs, Side};

/// Compares the CPU time per request of the load of a rehearsal with that of wrk and oha.
///
/// Each client sends `GET /ping` without think time: over HTTP/1 on 64 kept connections, and over HTTP/2 on 8 connections with 8 streams
/// each, which wrk cannot send. The server is hyper's. The CPU time is that of the whole process, start-up,
/// classification and verdict included. `wrk` and `oha` must be installed: `apt-get install wrk`, `cargo install oha`.
#[derive(Debug, Parser)]
#[command(name = "load-generator")]
pub struct Options {
    /// Seconds of each load.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,

    /// Rounds, each with all clients. The figures are medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when a request costs the rehearsal more than it costs oha.
    #[arg(long)]
    pub check: bool,
}

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    raise_descriptors()?;
    let mut report = Report::default();
    for round in 1..=options.rounds {
        // A closed standard error is ignored.
        let _told = writeln!(io::stderr(), "round {round} of {}", options.rounds);
        for (client, load) in Client::PAIRS {
            report.costs.push((client, load, cost(client, load, options.seconds)?));
        }
    }
    Ok(report)
}

/// Runs one client with a server of its own, and returns its CPU time per request, in microseconds.
fn cost(client: Client, load: Load, seconds: u64) -> io::Result<f64> {
    // Its CPU time counts as that of a child when it is waited for, which is after the measurement.
    let server = Child::start(Side::Hyper, ServerArgs { http2: true, ..ServerArgs::DEFAULT })?;
    let before = children_on_core()?;
    let mut command = client.command(load, &server, seconds)?;
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        io::Error::new(error.kind(), format!("cannot run {}: {error}", command.get_program().display()))
    })?;
    let spent = children_on_core()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    let requests = client.requests(&text).filter(|requests| *requests > 0);
    let requests = requests.ok_or_else(|| io::Error::other(format!("no requests in: {text}")))?;
    Ok(spent.as_secs_f64() * 1e6 / requests as f64)
}

/// Loads the running process `pid`, which serves `url`, as a rehearsal does, and prints the number of requests. The CPU time of a server
/// that this process started would count as its own.
///
/// # Errors
///
/// When the server cannot be reached, or the number cannot be written.
#[cfg(feature = "peers")]
pub fn load(url: &str, load: Load, seconds: u64, pid: i32) -> io::Result<()> {
    let no_think = Span { least: Duration::ZERO, most: Duration::ZERO };
    let rehearsal = Rehearsal::new([""; 0])
        .ready(url)
        .and_then(|rehearsal| rehearsal.route(Shape::Keepalive, url))
        .map_err(io::Error::other)?
        .with(|scenario| {
            scenario.program = Program::Running(pid);
            scenario.load.shapes.retain(|shape| shape.shape() == Shape::Keepalive);
            for shape in &mut scenario.load.shapes {
                if let ShapePlan::Keepalive { clients, think, .. } = shape {
                    (*clients, *think) = (64, no_think);
                }
            }
            scenario.load.fitted = Fitted::default();
            scenario.load.bound = u64::MAX;
            scenario.load.phases = false;
            scenario.stop.warmup = Duration::from_secs(seconds);
            scenario.stop.window = Duration::ZERO;
            if load == Load::Http2 {
                scenario.template.protocol = Protocol::Http2 { streams: 8 };
            }
        });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let verdict = runtime.block_on(rehearsal.run()).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{}", verdict.requests.answered)
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Rehearsal,
    Oha,
    Wrk,
}

/// The protocol of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// 64 connections.
    Http1,
    /// 8 connections with 8 streams each.
    Http2,
}

impl Client {
    const PAIRS: [(Self, Load); 5] = [
        (Self::Rehearsal, Load::Http1),
        (Self::Oha, Load::Http1),
        (Self::Wrk, Load::Http1),
        (Self::Rehearsal, Load::Http2),
        (Self::Oha, Load::Http2),
    ];

    fn command(self, load: Load, server: &Child, seconds: u64) -> io::Result<Command> {
        let url = format!("http://{}/ping", server.address());
        let time = format!("{seconds}s");
        let mut command;
        match self {
            Self::Rehearsal => {
                command = Command::new(env::current_exe()?);
                let (load, seconds, pid) = (load.to_string(), seconds.to_string(), server.id().to_string());
                command.args(["load", &url, &load, &seconds, &pid]);
            }
            Self::Oha => {
                command = Command::new("oha");
                command.args(["--no-tui", "--output-format", "json", "-z", &time]);
                match load {
                    Load::Http1 => command.args(["-c", "64"]),
                    Load::Http2 => command.args(["--http2", "-c", "8", "-p", "8"]),
                };
                command.arg(&url);
            }
            Self::Wrk => {
                command = Command::new("wrk");
                command.args(["-t", "1", "-c", "64", "-d", &time, &url]);
            }
        }
        Ok(command)
    }

    /// Returns the number of answered requests in the output.
    fn requests(self, output: &str) -> Option<u64> {
        match self {
            Self::Rehearsal => output.trim().parse().ok(),
            Self::Oha => {
                let value: Value = serde_json::from_str(output).ok()?;
                value.get("statusCodeDistribution")?.get("200")?.as_u64()
            }
            Self::Wrk => {
                let line = output.lines().find(|line| line.contains(" requests in "))?;
                line.split_whitespace().next()?.parse().ok()
            }
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rehearsal => "rehearsal",
            Self::Oha => "oha",
            Self::Wrk => "wrk",
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        })
    }
}

/// The CPU time per request of each client in each round, in microseconds.
#[derive(Debug, Default)]
struct Report {
    costs: Vec<(Client, Load, f64)>,
}

impl Report {
    /// Returns the median over the rounds.
    fn micros(&self, client: Client, load: Load) -> Option<f64> {
        let of = self.costs.iter().filter(|(whose, what, _)| (*whose, *what) == (client, load));
        let samples: Vec<_> = of.map(|(.., cost)| *cost).collect();
        (!samples.is_empty()).then(|| median(&samples))
    }

    /// Of the rehearsal, relative to oha.
    fn ratio(&self, load: Load) -> Option<f64> {
        Some(self.micros(Client::Rehearsal, load)? / self.micros(Client::Oha, load)?)
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "CPU time of the client per request, in microseconds")?;
        for (client, load) in Client::PAIRS {
            let micros = self.micros(client, load).unwrap_or_default();
            writeln!(out, "{load:<6} {client:<10} {micros:>7.1}")?;
        }
        for load in [Load::Http1, Load::Http2] {
            if let Some(ratio) = self.ratio(load) {
                let verdict = if ratio <= 1.0 { "met" } else { "MISSED" };
                writeln!(out, "{load:<6} {ratio:.2} of oha's, limit 1.00: {verdict}")?;
            }
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let figure = |(client, load): (Client, Load)| json!({ "client": client.to_string(), "load": load.to_string(), "micros": self.micros(client, load) });
        json!({ "schema": 1, "figures": Client::PAIRS.map(figure), "met": self.are_met() })
    }

    fn are_met(&self) -> bool {
        [Load::Http1, Load::Http2].into_iter().all(|load| self.ratio(load).is_some_and(|ratio| ratio <= 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_cost_of_a_request_to_oha_over_both_protocols() {
        let met = |http1, http2| {
            let costs = vec![
                (Client::Rehearsal, Load::Http1, http1),
                (Client::Oha, Load::Http1, 20.0),
                (Client::Rehearsal, Load::Http2, http2),
                (Client::Oha, Load::Http2, 10.0),
            ];
            Report { costs }.are_met()
        };
        assert!(met(20.0, 10.0));
        assert!(!met(20.1, 10.0));
        assert!(!met(20.0, 10.1));
        assert!(!Report::default().are_met(), "no round is no proof");
    }

    #[test]
    fn the_number_of_requests_is_read_from_the_output_of_each_client() {
        let oha = r#"{"statusCodeDistribution":{"200":1234,"500":1}}"#;
        assert_eq!(Client::Oha.requests(oha), Some(1234));
        let wrk = "Running 5s test\n  Thread Stats   Avg\n  62845 requests in 5.00s, 7.13MB read\n";
        assert_eq!(Client::Wrk.requests(wrk), Some(62_845));
        assert_eq!(Client::Rehearsal.requests("77\n"), Some(77));
        assert_eq!(Client::Wrk.requests("unable to connect"), None);
    }
}
