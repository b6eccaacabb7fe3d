//! What the service `streams` serves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use ebbtide::http::OnStop;
use http_body::Frame;
use tokio::time::Sleep;

/// The least that a client of `/events` is told to wait before it comes back.
pub const LEAST_WAIT: Duration = Duration::from_millis(500);
/// The most.
pub const LONGEST_WAIT: Duration = Duration::from_millis(3000);

/// The routes:
///
/// - `GET /ping`: at once; `GET /short`: after two milliseconds; `GET` or `POST /never`: never. Logs `asked for /never`.
/// - `GET /events`: server-sent events without end, each sent in two halves; `GET /late`: one, and then nothing more.
/// - `GET /resumed`: lines without end, broken off when the server drains.
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

/// The parts, one after the other, with a pause before each; `once`, or again and again.
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
