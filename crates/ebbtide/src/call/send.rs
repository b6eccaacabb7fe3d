use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::answer::{self, Read};
use super::{Call, CallError};
use crate::util::clock;

/// More than any head that says something.
const LONGEST_HEAD: usize = 16 * 1024;

impl Call {
    /// Makes the call, on a thread beside the runtime's.
    ///
    /// # Errors
    ///
    /// When nobody answers in time, or with a status outside the two hundreds.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the call is made all the same; its answer is lost.
    pub async fn send(self) -> Result<(), CallError> {
        let to = self.target.authority.clone();
        let sent = tokio::task::spawn_blocking(move || self.send_blocking()).await;
        sent.unwrap_or_else(|error| Err(CallError::Io { to, source: io::Error::other(error) }))
    }

    /// Makes the call on the present thread, which it blocks: for a plain thread, such as that of
    /// [`Handle::at_exit`](crate::Handle::at_exit).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_blocking(self) -> Result<(), CallError> {
        let to = format!("{} http://{}{}", self.method, self.target.authority, self.target.path);
        let answer = self.exchange().map_err(|error| match error.kind() {
            // What a socket says when its time is up differs between systems.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                CallError::TooSlow { to: to.clone(), limit: self.timeout }
            }
            _ => CallError::Io { to: to.clone(), source: error },
        })?;
        match answer {
            Read::Answer(answer) if (200..300).contains(&answer.status) => Ok(()),
            Read::Answer(answer) => Err(CallError::Status { to, status: answer.status, body: answer.body }),
            Read::More | Read::NotHttp => Err(CallError::NotHttp { to }),
        }
    }

    fn exchange(&self) -> io::Result<Read> {
        let deadline = clock::after(clock::now(), self.timeout);
        let mut stream = self.connect(deadline)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream.write_all(&self.bytes())?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            stream.set_read_timeout(Some(left(deadline)?))?;
            let count = match stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            bytes.extend_from_slice(&buffer[..count]);
            match answer::read(&bytes) {
                Read::More if count > 0 && bytes.len() < LONGEST_HEAD => {}
                answer => return Ok(answer),
            }
        }
    }

    /// Tries each of the host's addresses in turn.
    fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for addr in (self.target.host.as_str(), self.target.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&addr, left(deadline)?) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { method, target, headers, body, .. } = self;
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            target.path,
            target.authority,
            body.len(),
        );
        [head.as_bytes(), body.as_slice()].concat()
    }
}

/// Returns the time that is left; a socket takes no timeout of zero.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(clock::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
