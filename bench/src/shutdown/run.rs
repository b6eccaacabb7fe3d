//! Runs the comparison, and single shutdowns of a server, under load or idle.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fastrand::Rng;
use rustix::net::sockopt::set_socket_linger;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::report::Report;
use crate::client::{Counts, Crowd, PING, Shape, ping};
use crate::measure::{children_on_core, conclude, now, raise_descriptors};
use crate::service::{Child, ServerArgs, Side};

/// Compares the cost of a shutdown under Ebbtide and under its peers.
///
/// Each server is stopped as its documentation recommends. The servers alternate; each is a separate process. SIGTERM comes
/// at a random time under load. A column ends early for a server whose shutdowns in it have taken a minute, but after
/// at least three; the table then shows fewer shutdowns.
///
/// A request is lost when its connection was established and it was written, and then the connection was reset or closed
/// without a byte of a response. Refused is not lost: such a request can be retried elsewhere.
///
/// Time is from SIGTERM to the exit: with no connection for a quarter of a second, with connections that have sent nothing, and
/// with connections that are kept after one request, each idle for two seconds. CPU time is from SIGTERM to the exit too, the minimum
/// over the shutdowns: the one that was disturbed least. Memory is the peak of the resident set
/// (VmHWM) with those connections, just before SIGTERM.
///
/// Takes about fifteen minutes, with --quick about three.
#[derive(Debug, Parser)]
#[command(name = "shutdown")]
pub struct Options {
    /// Shutdowns of each server in each column under load.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub shutdowns: u32,

    /// Shutdowns of each idle server; a quarter of them with idle connections.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub exits: u32,

    /// Number of idle connections (needs a sufficient limit of open descriptors).
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub connections: u32,

    /// Only five shutdowns in each column under load, and eight idle ones.
    #[arg(long, conflicts_with_all = ["shutdowns", "exits"])]
    pub quick: bool,

    /// Measure only this column (can be repeated).
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure only this server (can be repeated).
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// Seed for the times of the signals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 on a lost request, or on more time or memory than the best peer.
    #[arg(long)]
    pub check: bool,
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

    /// Returns whether a column is selected.
    fn wants(&self, column: Column) -> bool {
        self.only.is_empty() || self.only.contains(&column)
    }

    /// Returns whether a server is selected.
    fn wants_side(&self, side: Side) -> bool {
        self.server.is_empty() || self.server.contains(&side)
    }
}

/// One column of the tables: the load during the shutdowns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    /// 64 clients that open a new connection for each request.
    Storm64,
    /// 256 such clients.
    Storm256,
    /// 200 clients with keep-alive connections and 0 to 20 ms between two requests.
    KeepAlive,
    /// 20 HTTP/2 connections with 10 requests in flight each.
    Http2,
    /// No connection.
    Idle,
    /// Connections that have sent nothing.
    Silent,
    /// Connections that are kept after one request.
    Kept,
}

impl Column {
    /// The columns under load, in which requests may be lost.
    pub const LOADED: [Self; 4] = [Self::Storm64, Self::Storm256, Self::KeepAlive, Self::Http2];

    /// The idle columns, in which time and memory are measured.
    pub const QUIET: [Self; 3] = [Self::Idle, Self::Silent, Self::Kept];

    /// Returns the heading of the column.
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

    /// Returns the kind and the number of the clients.
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

/// Maximum total time of one server's shutdowns in one column: a server with a long drain limit would take hours.
const MOST: Duration = Duration::from_secs(60);

/// Minimum number of shutdowns, whatever they take.
const LEAST: usize = 3;

/// Measures, prints the tables, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
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

/// Prints a progress line. A closed standard error is ignored.
fn tell(line: &str) {
    let _told = writeln!(io::stderr(), "{line}");
}

/// Longer than the drain limit of any server.
const PATIENCE: Duration = Duration::from_secs(35);

/// How often to check whether the server has exited.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The outcome of one shutdown under load.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The outcomes of the requests.
    pub counts: Counts,
    /// The outcomes by kind of client.
    pub by_shape: Vec<(Shape, Counts)>,
    /// The first anomalies, as text.
    pub oddities: Vec<String>,
    /// From SIGTERM to the exit, with a resolution of a few milliseconds.
    pub took: Duration,
    /// Whether it exited without being killed, and with success.
    pub ended_well: bool,
    /// Clients that still waited for something at the end.
    pub stranded: usize,
}

/// Loads a server until `enough` requests have been answered, waits for a random time, stops it, and returns the outcomes of the
/// requests. `crowd` are the clients; `seed` decides that time and what the clients do.
///
/// # Errors
///
/// When the server answers nothing, or a client cannot continue.
pub fn stop_under_load(
    mut server: Child,
    crowd: &[(Shape, u32)],
    enough: u64,
    seed: u64,
) -> io::Result<Stop> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut rng = Rng::with_seed(seed);
        let mut clients = Crowd::new(server.address(), rng.u64(..));
        for &(shape, number) in crowd {
            clients.start(shape, number);
        }
        clients.answered(enough).await?;
        sleep(Duration::from_micros(rng.u64(100_000..700_000))).await;
        clients.stopping();
        let began = now();
        server.terminate()?;
        let status = loop {
            if let Some(status) = server.ended()? {
                break Some(status);
            }
            if began.elapsed() > PATIENCE {
                break None;
            }
            sleep(LOOK_AGAIN).await;
        };
        let took = began.elapsed();
        // Requests that are lost because of this kill do not count.
        let still_running = status.is_none().then(|| clients.counts());
        drop(server);
        let stranded = clients.ended().await?;
        let by_shape = still_running.unwrap_or_else(|| clients.counts());
        Ok(Stop {
            counts: by_shape.iter().fold(Counts::default(), |all, (_, counts)| all.and(*counts)),
            by_shape,
            oddities: clients.oddities(),
            took,
            ended_well: status.is_some_and(|status| status.success()),
            stranded,
        })
    })
}

/// Idle time before the signal: longer than any server's work after a response.
const IDLE: Duration = Duration::from_secs(2);

/// The same without a connection.
const SETTLE: Duration = Duration::from_millis(250);

/// The outcome of one shutdown of an idle server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    /// From SIGTERM to the exit.
    pub(super) took: Duration,
    /// Its CPU time from SIGTERM to the exit.
    pub(super) on_core: Duration,
    /// The peak of its memory before the signal, in bytes.
    pub(super) peak: u64,
}

/// Starts a server, connects to it, and stops it.
pub(super) fn exit(side: Side, column: Column, connections: u32) -> io::Result<Exit> {
    let mut server = Child::start(side, ServerArgs::DEFAULT)?;
    drop(connect(server.address(), true)?);
    let mut held = Vec::new();
    if column != Column::Idle {
        for _ in 0..connections {
            held.push(connect(server.address(), column == Column::Kept)?);
        }
    }
    thread::sleep(if held.is_empty() { SETTLE } else { IDLE });
    let peak = server.peak_memory()?;
    let (before, others) = (server.on_core()?, children_on_core()?);
    let began = now();
    server.terminate()?;
    let status = server.wait()?;
    let took = began.elapsed();
    let on_core = children_on_core()?.saturating_sub(others).saturating_sub(before);
    // The kernel keeps a connection that its server has closed for a minute, unless the client resets it. Those of earlier
    // shutdowns would delay the ones that follow.
    held.iter().try_for_each(|connection| set_socket_linger(connection, Some(Duration::ZERO)))?;
    // An exit by the signal's default action would be fast, but it is not a graceful shutdown.
    if status.success() {
        Ok(Exit { took, on_core, peak })
    } else {
        Err(io::Error::other(format!("{} exited with {status}", side.name())))
    }
}

fn connect(address: SocketAddr, ask: bool) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    if ask {
        ping(&mut stream, PING)?;
    }
    Ok(stream)
}
