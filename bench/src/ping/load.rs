use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use crate::client::{PING, ping};
use crate::measure::now;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// The measurement fails when a server sends nothing for this long.
const SILENCE: Duration = Duration::from_secs(5);

/// Keep-alive connections to one server, each with one request in flight under load.
///
/// It costs less per request than any server, so that the server's core is the bottleneck. It neither allocates nor parses:
/// every response must be as long as the first one, which was parsed.
#[derive(Debug)]
pub(super) struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Length of one response in bytes.
    answer: usize,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    received: usize,
}

impl Load {
    /// Opens the connections and sends one request on each.
    pub(super) fn connect(address: SocketAddr, connections: u32) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut load = Self { epoll, connections: Vec::new(), answer: 0 };
        for index in 0..connections {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(SILENCE))?;
            load.answer = ping(&mut stream, PING)?;
            stream.set_nonblocking(true)?;
            epoll::add(&load.epoll, &stream, EventData::new_u64(index.into()), EventFlags::IN)?;
            load.connections.push(Connection { stream, received: 0 });
        }
        Ok(load)
    }

    /// Sends requests as fast as they are answered for `turn`, and returns the number of responses in that time. Then waits for
    /// the requests in flight, which do not count.
    pub(super) fn turn(&mut self, turn: Duration) -> io::Result<u64> {
        let silence = SILENCE.try_into().map_err(io::Error::other)?;
        let mut events = Vec::<Event>::with_capacity(self.connections.len());
        for connection in &mut self.connections {
            connection.ask()?;
        }
        let (mut answered, mut in_flight) = (0, self.connections.len());
        let end = now() + turn;
        while in_flight > 0 {
            events.clear();
            if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&silence))? == 0 {
                return Err(io::Error::other("no response from the server"));
            }
            let over = now() >= end;
            for event in &events {
                let index = usize::try_from(event.data.u64()).map_err(io::Error::other)?;
                let Some(connection) = self.connections.get_mut(index) else { continue };
                if !connection.take(self.answer)? {
                    continue;
                }
                if over {
                    in_flight -= 1;
                } else {
                    answered += 1;
                    connection.ask()?;
                }
            }
        }
        Ok(answered)
    }
}

impl Connection {
    fn ask(&mut self) -> io::Result<()> {
        self.received = 0;
        self.stream.write_all(PING)
    }

    /// Reads the available bytes, and returns whether the response is complete.
    fn take(&mut self, answer: usize) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let read = self.stream.read(&mut buffer)?;
        let begins = self.received > 0 || buffer.starts_with(OK);
        self.received += read;
        if read == 0 || !begins || self.received > answer {
            return Err(io::Error::other("unexpected response: its length differs from the first one"));
        }
        Ok(self.received == answer)
    }
}
