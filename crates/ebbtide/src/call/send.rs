use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::answer::{self, Read};
use super::{Call, CallError};
use crate::util::clock;

/// Maximum length of a response's head, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

impl Call {
    /// Sends the request on a blocking thread of the runtime, and waits for the response.
    ///
    /// # Errors
    ///
    /// When the connection fails, when no response is received within the timeout, or when its status is not 2xx.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the request is still sent; its response is lost.
    pub async fn send(self) -> Result<(), CallError> {
        let to = self.target.authority.clone();
        let sent = tokio::task::spawn_blocking(move || self.send_blocking()).await;
        sent.unwrap_or_else(|error| Err(CallError::Io { to, source: io::Error::other(error) }))
    }

    /// Sends the request on the current thread, which blocks until the response is received: for a plain thread, such as that
    /// of [`Handle::at_exit`](crate::Handle::at_exit).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_blocking(self) -> Result<(), CallError> {
        let to = format!("{} http://{}{}", self.method, self.target.authority, self.target.path);
        let answer = self.exchange().map_err(|error| match error.kind() {
            // The error of a socket's timeout differs between systems.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                CallError::Timeout { to: to.clone(), limit: self.timeout }
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

    /// Connects to the first of the host's addresses that accepts.
    fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "host name has no address");
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

/// Returns the time left. Fails when it is zero, which is not a valid timeout of a socket.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(clock::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
