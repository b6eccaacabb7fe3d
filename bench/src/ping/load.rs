use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use crate::client::{PING, ping};
use crate::measure::now;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// A server that says nothing for so long has failed the comparison.
const SILENCE: Duration = Duration::from_secs(5);

/// Keep-alive connections to one server, each with one request in flight while there is load.
///
/// It costs less per request than any server does, so that the server's core is the one that is full: it neither
/// allocates nor parses: every answer has to be as long as the first one, which was parsed.
#[derive(Debug)]
pub(super) struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Octets of one answer.
    answer: usize,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    received: usize,
}

impl Load {
    /// Opens the connections and asks once on each.
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

    /// Asks as fast as it is answered for `turn`, and returns how many answers came in that time. What is still in
    /// flight then is waited for and does not count.
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
                return Err(io::Error::other("the server says nothing"));
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

    /// Reads what is there, and returns whether the answer is whole.
    fn take(&mut self, answer: usize) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let read = self.stream.read(&mut buffer)?;
        let begins = self.received > 0 || buffer.starts_with(OK);
        self.received += read;
        if read == 0 || !begins || self.received > answer {
            return Err(io::Error::other("an answer is not what the first one was"));
        }
        Ok(self.received == answer)
    }
}
