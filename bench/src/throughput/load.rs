//! The clients of one server, and the cost of one request in instructions.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::Column;
use super::clients::{Connect, Http2, KeepAlive};
use crate::measure::now;
use crate::service::{Child, ServerArgs, Side};

/// The measurement fails when a server sends nothing for this long.
const SILENCE: Duration = Duration::from_secs(10);

/// The clients of one server. Under load each has the maximum number of requests in flight.
#[derive(Debug)]
pub(super) struct Load {
    epoll: OwnedFd,
    clients: Vec<Client>,
}

#[derive(Debug)]
enum Client {
    KeepAlive(KeepAlive),
    Connect(Connect),
    Http2(Http2),
}

impl Load {
    /// Creates the clients; each sends one request.
    pub(super) fn connect(column: Column, address: SocketAddr, clients: u32) -> io::Result<Self> {
        let mut load = Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, clients: Vec::new() };
        for index in 0..clients {
            let client = match column {
                Column::KeepAlive => Client::KeepAlive(KeepAlive::new(open(address)?)?),
                Column::Connect => Client::Connect(Connect::new(address)?),
                Column::Http2 => Client::Http2(Http2::new(open(address)?)?),
            };
            if let Some(stream) = client.stream() {
                epoll::add(&load.epoll, stream, EventData::new_u64(index.into()), EventFlags::IN)?;
            }
            load.clients.push(client);
        }
        Ok(load)
    }

    /// Sends requests as fast as they are answered for `turn`, and returns the number of responses in that time. Then waits for
    /// the requests in flight, which do not count.
    pub(super) fn turn(&mut self, turn: Duration) -> io::Result<u64> {
        let end = now() + turn;
        let (mut answered, mut over) = (0, false);
        self.run(|| {
            over |= now() >= end;
            answered += u64::from(!over);
            !over
        })?;
        Ok(answered)
    }

    /// Sends `times` requests, one at a time.
    pub(super) fn ask(&mut self, times: u32) -> io::Result<()> {
        let mut left = times;
        self.run(|| {
            left = left.saturating_sub(1);
            left > 0
        })
    }

    /// Has every client send its maximum number of requests, and another one for each response for which `again` returns `true`.
    fn run(&mut self, mut again: impl FnMut() -> bool) -> io::Result<()> {
        let silence = SILENCE.try_into().map_err(io::Error::other)?;
        let mut events = Vec::<Event>::with_capacity(self.clients.len());
        let mut in_flight = 0;
        for (index, client) in self.clients.iter_mut().enumerate() {
            let asked = client.width();
            client.ask(asked, &self.epoll, index as u64)?;
            in_flight += asked;
        }
        while in_flight > 0 {
            events.clear();
            if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&silence))? == 0 {
                return Err(io::Error::other("no response from the server"));
            }
            for event in &events {
                let index = event.data.u64();
                let place = usize::try_from(index).map_err(io::Error::other)?;
                let Some(client) = self.clients.get_mut(place) else { continue };
                let answers = client.take()?;
                let asked = (0..answers).filter(|_| again()).count();
                in_flight -= answers - asked;
                client.ask(asked, &self.epoll, index)?;
            }
        }
        Ok(())
    }
}

impl Client {
    fn stream(&self) -> Option<&TcpStream> {
        match self {
            Self::KeepAlive(client) => Some(client.stream()),
            Self::Connect(_) => None,
            Self::Http2(client) => Some(client.stream()),
        }
    }

    /// Returns the maximum number of requests in flight.
    fn width(&self) -> usize {
        match self {
            Self::KeepAlive(_) | Self::Connect(_) => 1,
            Self::Http2(client) => client.width(),
        }
    }

    fn ask(&mut self, times: usize, epoll: &OwnedFd, index: u64) -> io::Result<()> {
        match self {
            Self::Http2(client) => client.ask(times),
            _ if times == 0 => Ok(()),
            Self::KeepAlive(client) => client.ask(),
            Self::Connect(client) => {
                let stream = client.ask()?;
                Ok(epoll::add(epoll, stream, EventData::new_u64(index), EventFlags::IN)?)
            }
        }
    }

    /// Reads the available bytes, and returns the number of responses that they complete.
    fn take(&mut self) -> io::Result<usize> {
        match self {
            Self::KeepAlive(client) => client.take().map(usize::from),
            Self::Connect(client) => client.take().map(usize::from),
            Self::Http2(client) => client.take(),
        }
    }
}

fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// The cost of one request to a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) column: Column,
    pub(super) side: Side,
    /// In user space. Instructions of the kernel are not counted.
    pub(super) instructions: f64,
}

/// Counts the instructions of one request: those of a server with `2 * counted` requests, minus those of a server with half as
/// many. The requests are sequential, on one connection or each on a new one.
pub(super) fn count(column: Column, side: Side, counted: u32) -> io::Result<Cost> {
    let (once, twice) = (run(column, side, counted)?, run(column, side, counted * 2)?);
    let instructions = (twice as f64 - once as f64) / f64::from(counted);
    Ok(Cost { column, side, instructions })
}

/// Returns an error when callgrind is not available.
pub(super) fn is_possible() -> io::Result<()> {
    let mut valgrind = Command::new("valgrind");
    match valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(io::Error::other(
            "valgrind is missing, which counts the instructions; install it (apt-get install valgrind) or use --no-cost",
        )),
    }
}

fn run(column: Column, side: Side, times: u32) -> io::Result<u64> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("callgrind.out");
    let to = format!("--callgrind-out-file={}", file.display());
    let tool = ["valgrind", "--quiet", "--tool=callgrind", &to];
    let args = ServerArgs { workers: Some(1), http2: column == Column::Http2, ..ServerArgs::DEFAULT };
    let mut server = Child::start_under(Some(&tool), side, args)?;
    let mut load = Load::connect(column, server.address(), 1)?;
    load.ask(times)?;
    drop(load);
    server.terminate()?;
    server.wait()?;
    total(&file)
}

fn total(file: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("no total in the output of callgrind"))
}
