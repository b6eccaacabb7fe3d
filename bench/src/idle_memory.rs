//! Measures the memory of connections that are kept and idle, in a service that has had such connections before.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use crate::client::{PING, ping};
use crate::measure::{Findings, conclude, raise_descriptors};
use crate::service::{Child, ServerArgs, Side};

/// Compares the resident memory per idle HTTP/1 connection with that under the peers.
///
/// Connections come in groups. Each connection sends one request and is kept, and the next group comes when the one before it has been idle
/// for --idle seconds. The figures are per connection, over all of the connections so far. All servers run at the same time, as
/// memory does not depend on the load of the machine.
#[derive(Debug, Parser)]
#[command(name = "idle-memory")]
pub struct Options {
    /// Connections to each server in each group. In five groups, all of them need 25 descriptors for each of these.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// Number of groups.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub groups: u32,

    /// Seconds between two groups. Ebbtide parks a connection when it has been idle for 10 to 20 seconds.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub idle: u64,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide takes more than the best peer.
    #[arg(long)]
    pub check: bool,
}

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

/// A server with its connections.
struct Loaded {
    side: Side,
    server: Child,
    /// Before the first connection.
    empty: u64,
    held: Vec<TcpStream>,
}

fn measure(options: &Options) -> io::Result<Report> {
    raise_descriptors()?;
    let start = |side| {
        let server = Child::start(side, ServerArgs::DEFAULT)?;
        let empty = server.memory()?;
        Ok(Loaded { side, server, empty, held: Vec::new() })
    };
    let mut servers = Side::ALL.into_iter().map(start).collect::<io::Result<Vec<_>>>()?;
    let mut report = Report::default();
    for group in 1..=options.groups {
        for server in &mut servers {
            for _ in 0..options.connections {
                let mut connection = TcpStream::connect(server.server.address())?;
                ping(&mut connection, PING)?;
                server.held.push(connection);
            }
        }
        // A closed standard error is ignored.
        let _told =
            writeln!(io::stderr(), "group {group} of {}: idle for {} s", options.groups, options.idle);
        thread::sleep(Duration::from_secs(options.idle));
        for server in &servers {
            let grown = server.server.memory()?.saturating_sub(server.empty);
            report.groups.push((group, server.side, grown as f64 / server.held.len() as f64));
        }
    }
    Ok(report)
}

/// The number of a group, the server, and its octets per connection after that group.
#[derive(Debug, Default)]
struct Report {
    groups: Vec<(u32, Side, f64)>,
}

impl Report {
    fn octets(&self, side: Side) -> impl Iterator<Item = f64> {
        self.groups.iter().filter(move |(_, whose, _)| *whose == side).map(|(_, _, octets)| *octets)
    }

    /// After the last group, relative to the best peer.
    fn ratio(&self) -> Option<f64> {
        let last = |side| self.octets(side).last();
        let peers = Side::ALL.into_iter().filter(|side| *side != Side::Ebbtide);
        let best = peers.filter_map(last).min_by(f64::total_cmp)?;
        Some(last(Side::Ebbtide)? / best)
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "KiB per idle connection, after each group")?;
        for side in Side::ALL {
            write!(out, "{:<14}", side.name())?;
            self.octets(side).try_for_each(|octets| write!(out, " {:>8.1}", octets / 1024.0))?;
            writeln!(out)?;
        }
        if let Some(ratio) = self.ratio() {
            let verdict = if self.are_met() { "met" } else { "MISSED" };
            writeln!(
                out,
                "after the last one {ratio:>6.2} of the best peer's figure, limit 1.00: {verdict}"
            )?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let side =
            |side: Side| json!({ "side": side.name(), "octets": self.octets(side).collect::<Vec<_>>() });
        json!({
            "schema": 1,
            "sides": Side::ALL.map(side),
            "of_best_peer": self.ratio(),
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        self.ratio().is_some_and(|ratio| ratio <= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_best_peer_after_the_last_group() {
        let first = [(1, Side::Ebbtide, 9000.0), (1, Side::Axum, 5000.0), (1, Side::Hyper, 8000.0)];
        let last = |ebbtide| [(2, Side::Ebbtide, ebbtide), (2, Side::Axum, 9000.0), (2, Side::Hyper, 8000.0)];
        let met = |ebbtide| Report { groups: [first, last(ebbtide)].concat() }.are_met();
        assert!(met(8000.0));
        assert!(!met(8001.0));
        assert!(!Report::default().are_met(), "no group is no proof");
    }
}
