//! Responses of more than one message: event streams, WebSockets and gRPC calls of each kind.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use ebbtide::drain::Stop;
use ebbtide::http::OnStop;
use ebbtide::ws::Graceful;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _, stream};
use http_body::Frame;
use tokio::time::Sleep;
use tonic::{Request, Response, Status, Streaming};

pub use generated::kinds_client::KindsClient;
pub use generated::kinds_server::{Kinds, KindsServer};

/// The shortest time that a client of `/events` is asked to wait before it reconnects.
pub const LEAST_WAIT: Duration = Duration::from_millis(500);
/// The longest time that a client of `/events` is asked to wait before it reconnects.
pub const LONGEST_WAIT: Duration = Duration::from_millis(3000);

/// The routes:
///
/// - `GET /ping`: at once; `GET /short`: after two milliseconds; `GET` or `POST /never`: never. Logs `asked for /never`.
/// - `GET /events`: server-sent events without end, each sent in two halves; `GET /late`: one, and then nothing more.
/// - `GET /resumed`: lines without end, ended by the server when it drains.
/// - `POST /grpc`: a gRPC stream whose messages don't end. Logs `asked for /grpc`.
pub fn routes() -> Router {
    let events = async || of_kind("text/event-stream", &["event: tick\ndata: one", " event\n\n"], false);
    let late = async || of_kind("text/event-stream", &["data: the only one\n\n"], true);
    let lines = async || of_kind("application/x-ndjson", &["{\"line\":true}\n"], false);
    let grpc = async || {
        tracing::info!("asked for /grpc");
        of_kind("application/grpc", &["\0\0\0\0\x02hi"], false)
    };
    let never = async || {
        tracing::info!("asked for /never");
        std::future::pending::<()>().await
    };
    let short = async || {
        tokio::time::sleep(Duration::from_millis(2)).await;
        "done"
    };
    Router::new()
        .route("/ping", get(async || "pong"))
        .route("/short", get(short))
        .route("/never", get(never).post(never))
        .route("/events", get(events))
        .route("/late", get(late))
        .route("/resumed", get(lines).layer(OnStop::Break))
        .route("/grpc", post(grpc))
}

fn of_kind(kind: &'static str, parts: &'static [&'static str], once: bool) -> axum::response::Response {
    ([("content-type", kind)], Body::new(Endless { parts, at: 0, once, timer: None })).into_response()
}

/// Sends the parts in order with a pause before each, once or repeatedly.
struct Endless {
    parts: &'static [&'static str],
    at: usize,
    once: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const PAUSE: Duration = Duration::from_millis(3);
        if self.once && self.at == self.parts.len() {
            return Poll::Pending;
        }
        ready!(self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE))).as_mut().poll(cx));
        self.timer = None;
        let part = self.parts[self.at % self.parts.len()];
        self.at += 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(part.as_bytes())))))
    }
}

/// The number of messages that the echo has read on all connections.
#[derive(Clone, Debug, Default)]
pub struct Echoes {
    read: Arc<AtomicU64>,
}

impl Echoes {
    /// Returns the number.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }

    async fn run<S>(self, mut socket: S)
    where
        S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Unpin,
    {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Text(_)) {
                self.read.fetch_add(1, Ordering::SeqCst);
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        }
    }
}

/// `/echo`, a WebSocket that echoes its messages: with the helper if there is a token for it, otherwise without.
pub fn sockets(echoes: Echoes, stop: Option<Stop>) -> Router {
    let echo = async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |socket| match stop {
            Some(stop) => echoes.run(Graceful::new(socket, stop)).await,
            None => echoes.run(socket).await,
        })
    };
    Router::new().route("/echo", any(echo))
}

// A gRPC service with a call of each kind, for Ebbtide's server and for tonic's.

#[expect(
    unreachable_pub,
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "written by tonic-build"
)]
mod generated {
    tonic::include_proto!("kinds.Kinds");
}

/// The request and the response of every call.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Number {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub value: u64,
    /// The duration of each response in milliseconds.
    #[prost(uint64, tag = "2")]
    pub ms: u64,
}

/// Implements the calls; each method states its response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers;

type Numbers = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;

#[tonic::async_trait]
impl Kinds for Answers {
    type CountStream = Numbers;
    type EchoStream = Numbers;

    /// Unary: returns twice the number.
    async fn double(&self, request: Request<Number>) -> Result<Response<Number>, Status> {
        let Number { value, ms } = request.into_inner();
        tracing::info!(value, "double");
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(Response::new(Number { value: value * 2, ms }))
    }

    /// Server streaming: counts up to the number, or without end for zero. An empty message counts to 40, within 800 ms.
    async fn count(&self, request: Request<Number>) -> Result<Response<Numbers>, Status> {
        let (end, ms) = match request.into_inner() {
            Number { value: 0, ms: 0 } => (40, 20),
            Number { value, ms } => (value, ms),
        };
        let numbers = stream::unfold(1, move |value| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (end == 0 || value <= end).then_some((Ok(Number { value, ms }), value + 1))
        });
        Ok(Response::new(Box::pin(numbers)))
    }

    /// Client streaming: returns the sum.
    async fn sum(&self, request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
        let mut numbers = request.into_inner();
        let mut value = 0;
        while let Some(number) = numbers.message().await? {
            tracing::info!(number.value, "sum");
            value += number.value;
        }
        Ok(Response::new(Number { value, ms: 0 }))
    }

    /// Bidirectional streaming: echoes each number.
    async fn echo(&self, request: Request<Streaming<Number>>) -> Result<Response<Numbers>, Status> {
        Ok(Response::new(request.into_inner().boxed()))
    }
}
