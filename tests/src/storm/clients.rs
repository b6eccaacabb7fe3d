//! A client: connects, sends a request and reads the response; with a new connection for each request, or on one connection until the
//! server closes it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::End;
use ebbtide_http1::client::Client;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::run::{Gone, Tally};

/// The outcome of connecting.
enum Attempt {
    Open(Client),
    Refused,
    /// The server exited before the kernel received a response.
    Unanswered,
    /// The handshake was complete, and then the connection was reset.
    Reset,
}

/// Connects, from the given port if there is one, until the server has exited.
///
/// # Errors
///
/// When this process lacks ports or descriptors: the count would not be exact.
async fn connect(to: SocketAddr, from: Option<u16>, gone: &mut Gone) -> io::Result<Attempt> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(port) = from {
        socket.set_reuse_address(true)?;
        let any = if to.is_ipv6() { [0_u8; 16].into() } else { [0_u8; 4].into() };
        socket.bind(&SocketAddr::new(any, port).into())?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return failed(error),
    }
    let stream = TcpStream::from_std(socket.into())?;
    tokio::select! {
        biased;
        ready = stream.writable() => ready?,
        () = gone.wait() => {}
    }
    if let Some(error) = stream.take_error()? {
        return failed(error);
    }
    // Asks the kernel, since the reactor may be late. Without a response to the SYN there is no peer.
    match stream.peer_addr() {
        Ok(_) => Ok(Attempt::Open(Client::new(stream))),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(Attempt::Unanswered),
        Err(error) => Err(error),
    }
}

fn failed(error: io::Error) -> io::Result<Attempt> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Ok(Attempt::Refused),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ok(Attempt::Reset),
        _ => Err(error),
    }
}

/// How an exchange ended.
enum Exchange {
    Answered {
        closes: bool,
    },
    /// Returns the name of the end, for the tally.
    Lost(String),
}

/// Sends a request and reads the response.
async fn exchange(client: &mut Client, request: &[u8]) -> Exchange {
    let sent = client.send(request).await;
    let end = match client.response().await {
        Ok(answer) if answer.body == b"pong" => return Exchange::Answered { closes: answer.closes },
        Ok(answer) => return Exchange::Lost(format!("answered-{}", answer.status)),
        Err(end) => end,
    };
    let how = match end.end {
        End::Eof => "end".to_owned(),
        End::Error(kind) => format!("{kind:?}"),
        End::Malformed => "malformed".to_owned(),
    };
    let sent = if sent.is_ok() { "" } else { "-while-sending" };
    Exchange::Lost(format!("{how}-after-{}-bytes{sent}", end.received.len()))
}

const CLOSING: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Uses a new connection for each request, as fast as possible, until one is refused or the server has exited.
pub(super) async fn fresh(
    to: SocketAddr,
    ports: Option<Vec<u16>>,
    (mut gone, answered): (Gone, mpsc::Sender<()>),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut ports = ports.map(|ports| ports.into_iter().cycle());
    while !gone.is_so() {
        let from = ports.as_mut().and_then(Iterator::next);
        match connect(to, from, &mut gone).await? {
            Attempt::Open(mut client) => match exchange(&mut client, CLOSING).await {
                Exchange::Answered { .. } => {
                    tally.answered += 1;
                    if tally.answered == 1 {
                        let _ = answered.try_send(());
                    }
                }
                Exchange::Lost(how) => tally.lose(how),
            },
            Attempt::Reset => tally.lose("ConnectionReset-at-once"),
            Attempt::Refused => {
                tally.refused += 1;
                break;
            }
            Attempt::Unanswered => tally.unanswered_syns += 1,
        }
    }
    Ok(tally)
}

const KEEPING: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";

/// Uses one connection until the server closes it, with a pause between two requests.
pub(super) async fn kept(
    to: SocketAddr,
    thinking: Duration,
    seed: u64,
    (mut gone, answered): (Gone, mpsc::Sender<()>),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut open: Option<Client> = None;
    let mut thoughts = Thoughts(seed);
    while !gone.is_so() {
        let mut client = match open.take() {
            Some(client) => client,
            None => match connect(to, None, &mut gone).await? {
                Attempt::Open(client) => client,
                Attempt::Reset => {
                    tally.lose("ConnectionReset-at-once");
                    continue;
                }
                Attempt::Refused => {
                    tally.refused += 1;
                    break;
                }
                Attempt::Unanswered => {
                    tally.unanswered_syns += 1;
                    continue;
                }
            },
        };
        match exchange(&mut client, KEEPING).await {
            Exchange::Answered { closes } => {
                tally.answered += 1;
                if tally.answered == 1 {
                    let _ = answered.try_send(());
                }
                let thought = Duration::try_from_secs_f64(thinking.as_secs_f64() * thoughts.next());
                tokio::time::sleep(thought.unwrap_or(thinking)).await;
                // A correct client checks for a close before it sends.
                open = (!closes && client.is_quiet()).then_some(client);
            }
            Exchange::Lost(how) => tally.lose(how),
        }
    }
    Ok(tally)
}

/// Pseudo-random numbers from 0 to 1, identical in each run.
struct Thoughts(u64);

impl Thoughts {
    fn next(&mut self) -> f64 {
        self.0 += 1;
        f64::from(crate::pattern::byte(self.0.wrapping_mul(7919))) / 255.0
    }
}
