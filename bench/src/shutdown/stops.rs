//! One stop of a server: under load, or with nothing to do.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::Column;
use crate::client::{Counts, Crowd, Shape};
use crate::measure::now;
use crate::service::{Child, ServerArgs, Side};

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

const REQUEST: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

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
        stream.write_all(REQUEST)?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        while !answer.ends_with(b"pong") {
            let read = stream.read(&mut buffer)?;
            answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if read == 0 {
                return Err(io::Error::other(format!("it answered {:?}", String::from_utf8_lossy(&answer))));
            }
        }
    }
    Ok(stream)
}
