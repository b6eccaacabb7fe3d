//! The effect of a close on a response in progress.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Poll, Waker};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::Empty;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::drain::{Arrivals, StopSource};
use crate::http::conn::{ConnGuard, Socket};
use crate::http::request::Reply;
use crate::http::settings::ServerContext;
use crate::http::settings::Settings;
use crate::http::{Address, BoxError};

/// Yields its parts one after the other. Then it ends, or stays pending forever.
struct Parts(VecDeque<&'static str>, bool);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.pop_front() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(part.as_bytes()))))),
            None if self.1 => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// Both ends of a connection, and a response in progress.
struct Halfway {
    client: TcpStream,
    guard: ConnGuard,
    socket: Socket,
    reply: Pin<Box<Reply<Parts>>>,
    context: Arc<ServerContext>,
}

impl Halfway {
    async fn new(version: Version, ends: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let context = Arc::new(ServerContext {
            registry: Arc::default(),
            settings: Settings::default(),
            arrivals: Arrivals::new(),
            announced: StopSource::with_clock(clock::now).token(),
            stop: StopSource::with_clock(clock::now).token(),
        });
        let socket = Socket::Tcp(stream);
        let guard = ConnGuard::new(&context, &socket, Address::Tcp(peer));
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.version_mut() = version;
        let mut response = Response::new(Parts(VecDeque::from(["one", "two"]), ends));
        let ticket = Ticket::new(guard.conn(), &request).answer(&mut response);
        let reply = Box::pin(Reply::new(response, ticket, None).into_body());
        Self { client, guard, socket, reply, context }
    }

    /// Polls the body for its next part. `None` when it is pending, an empty part at the end.
    fn next(&mut self) -> Option<Result<usize, BoxError>> {
        match self.reply.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => Some(Ok(frame.data_ref().map_or(0, bytes::Buf::remaining))),
            Poll::Ready(Some(Err(error))) => Some(Err(error)),
            Poll::Ready(None) => Some(Ok(0)),
            Poll::Pending => None,
        }
    }

    fn gives(&mut self) {
        assert!(matches!(self.next(), Some(Ok(3))));
    }

    /// Returns whether the kernel resets the connection when the process ends.
    fn resets(&self) -> bool {
        SockRef::from(&self.socket).linger().unwrap() == Some(Duration::ZERO)
    }

    /// Drops everything in hyper's order, and returns what the client receives.
    async fn end(self) -> io::Result<usize> {
        let Self { mut client, guard, socket, reply, .. } = self;
        drop(guard);
        drop(socket);
        drop(reply);
        client.read(&mut [0]).await
    }

    async fn ends_with_reset(self) -> bool {
        self.end().await.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }
}

const VERSIONS: [Version; 2] = [Version::HTTP_10, Version::HTTP_11];

/// The connection reads the order before it polls the body. The order may be raised between the two, and the body may
/// then read it before the registry reaches this connection.
#[tokio::test]
async fn a_body_that_observes_the_deadline_before_its_connection_is_reset() {
    for version in VERSIONS {
        let mut halfway = Halfway::new(version, false).await;
        halfway.gives();
        halfway.gives();
        halfway.context.registry.raise(Order::Cancel);
        assert!(matches!(halfway.next(), Some(Err(_))));
        assert!(halfway.ends_with_reset().await, "{version:?}");
    }
}

#[tokio::test]
async fn a_body_whose_first_frame_comes_after_the_deadline_is_reset() {
    for version in VERSIONS {
        let mut halfway = Halfway::new(version, false).await;
        halfway.context.registry.cancel_all();
        halfway.gives();
        assert!(halfway.resets() && halfway.ends_with_reset().await, "{version:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cancelled_is_reset_even_if_only_the_kernel_closes_its_socket() {
    for version in VERSIONS {
        let mut halfway = Halfway::new(version, false).await;
        halfway.gives();
        halfway.context.registry.cancel_all();
        assert!(halfway.resets(), "{version:?}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_guarded_from_its_beginning() {
    let mut halfway = Halfway::new(Version::HTTP_10, true).await;
    assert!(halfway.resets());
    for _ in 0..2 {
        halfway.gives();
        halfway.guard.flushed();
        assert!(halfway.resets());
    }
    assert!(matches!(halfway.next(), Some(Ok(0))));
    halfway.guard.flushed();
    assert!(!halfway.resets(), "it is whole");
    assert_eq!(halfway.end().await.unwrap(), 0);
}

/// Before the signal no guard is needed: the chunks, or the length, show the client that the response is incomplete.
#[tokio::test]
async fn a_body_with_a_length_or_chunks_is_guarded_from_the_signal_on() {
    for begins_before in [true, false] {
        let mut halfway = Halfway::new(Version::HTTP_11, true).await;
        if begins_before {
            halfway.gives();
            assert!(!halfway.resets());
        }
        halfway.context.registry.raise(Order::Announce);
        if !begins_before {
            halfway.gives();
        }
        assert!(halfway.resets(), "{begins_before}");
        halfway.gives();
        assert!(matches!(halfway.next(), Some(Ok(0))));
        assert!(halfway.resets(), "it may not have been written yet");
        halfway.guard.flushed();
        assert!(!halfway.resets());
        assert_eq!(halfway.end().await.unwrap(), 0);
    }
}

/// The opposite: a whole response ends cleanly, whenever it became whole.
#[tokio::test]
async fn a_cancelled_request_whose_body_is_complete_is_not_reset() {
    for version in VERSIONS {
        let mut halfway = Halfway::new(version, true).await;
        halfway.gives();
        halfway.gives();
        assert!(matches!(halfway.next(), Some(Ok(0))));
        halfway.context.registry.cancel_all();
        assert_eq!(halfway.end().await.unwrap(), 0, "{version:?}");
    }
}
