use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::Column;
use crate::measure::now;
use crate::service::{Child, ServerArgs, Side};

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
