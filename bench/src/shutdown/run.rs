//! The comparison, and one stop of a server: under load, or with nothing to do.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::report::Report;
use crate::client::{Counts, Crowd, PING, Shape, ping};
use crate::measure::{conclude, now, raise_descriptors};
use crate::service::{Child, ServerArgs, Side};

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

/// Measures, prints the tables, and returns the exit code that the program documents.
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

/// Tells how far it is; where standard error is gone, nobody listens.
fn tell(line: &str) {
    let _told = writeln!(io::stderr(), "{line}");
}

/// Longer than any server's own limit.
const PATIENCE: Duration = Duration::from_secs(35);

/// How often to look whether the server is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// One stop under load.
#[derive(Debug, Clone)]
pub struct Stop {
    /// What became of the requests.
    pub counts: Counts,
    /// The same for each kind of client.
    pub by_shape: Vec<(Shape, Counts)>,
    /// The first oddities in words.
    pub oddities: Vec<String>,
    /// From SIGTERM to the exit, to a few milliseconds.
    pub took: Duration,
    /// Whether it ended by itself, and well.
    pub ended_well: bool,
    /// Clients that were still waiting for something at the end.
    pub stranded: usize,
}

/// Loads a server until `enough` requests have been answered and a random time more, stops it, and returns what became
/// of the requests. `crowd` are the clients, `seed` decides the moment and what they do.
///
/// # Errors
///
/// When the server answers nothing, or a client cannot go on.
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
        // What is lost by being killed here is not counted.
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

/// How long everything is idle before the signal: longer than any server takes for what it does after a response.
const IDLE: Duration = Duration::from_secs(2);

/// The same where nothing is connected.
const SETTLE: Duration = Duration::from_millis(250);

/// One stop of a server that has nothing to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    /// From SIGTERM to the exit.
    pub(super) took: Duration,
    /// The peak of its memory before, in octets.
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
    let began = now();
    server.terminate()?;
    let status = server.wait()?;
    let took = began.elapsed();
    // An exit by the signal's default action would be fast and no stop at all.
    if status.success() {
        Ok(Exit { took, peak })
    } else {
        Err(io::Error::other(format!("{} ended with {status}", side.name())))
    }
}

fn connect(address: SocketAddr, ask: bool) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    if ask {
        ping(&mut stream, PING)?;
    }
    Ok(stream)
}
