//! One request to send, and its body.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::scenario::Route;

/// The header that names a request, so that a server can check that it arrived once.
const REQUEST_ID: &str = "x-ebbtide-request";

/// A request that has not been given a number yet.
#[derive(Debug)]
pub(crate) struct RequestSpec {
    label: Box<str>,
    method: Method,
    path: String,
    payload: Payload,
    json: bool,
    last: bool,
    pub keep_body: bool,
}

impl RequestSpec {
    /// Creates a plain request along `route`.
    pub(crate) fn plain(route: &Route) -> Self {
        let path = route.path_for(0);
        let payload = Payload::empty();
        let (label, method) = (route.label().into(), route.method.clone());
        Self { label, method, path, payload, json: false, last: false, keep_body: false }
    }

    /// Returns the route, as in [`Route::label`].
    pub(crate) fn label(&self) -> Box<str> {
        self.label.clone()
    }

    /// Marks the request as the last one of its connection (`Connection: close`).
    pub(crate) fn last(self) -> Self {
        Self { last: true, ..self }
    }

    /// Creates a request along `route` that is in flight for about `time`: by `{ms}` in the path, or by a body that is sent slowly.
    pub(crate) fn slow(route: &Route, time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let trickles = !route.path.contains("{ms}") && [Method::POST, Method::PUT].contains(&route.method);
        let payload = if trickles { Payload::trickle(time) } else { Payload::empty() };
        Self { path: route.path_for(ms), payload, ..Self::plain(route) }
    }

    /// Creates an order, whose acknowledgement is read.
    pub(crate) fn order(route: &Route, item: &str) -> Self {
        let body = format!(r#"{{"item":"{item}","quantity":1}}"#);
        let payload = Payload::Whole(Bytes::from(body));
        Self { payload, json: true, keep_body: true, ..Self::plain(route) }
    }

    /// Builds the request for the host `authority`, with its number if it belongs to a load.
    pub(crate) fn request(self, authority: &str, id: Option<u64>) -> Result<Request<Payload>, http::Error> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(HOST, authority)
            .header(USER_AGENT, "ebbtide-rehearse");
        if let Some(id) = id {
            request = request.header(REQUEST_ID, id);
        }
        if self.json {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if self.last {
            request = request.header(CONNECTION, "close");
        }
        request.body(self.payload)
    }
}

/// A body that is sent at once, or slowly.
#[derive(Debug)]
pub(crate) enum Payload {
    /// All at once; may be empty.
    Whole(Bytes),
    /// A byte at a time, so that the request stays in flight on any route that reads its body.
    Trickle {
        /// How many bytes are still to come.
        left: u64,
        /// The time before each.
        pause: Duration,
        /// Until the next one.
        timer: Pin<Box<Sleep>>,
        /// Set once every byte was handed to the connection.
        sent: Arc<AtomicBool>,
    },
}

/// How many bytes a trickled body has.
const TRICKLED: u32 = 20;

impl Payload {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A body that takes `time` to send.
    pub(crate) fn trickle(time: Duration) -> Self {
        let pause = time.checked_div(TRICKLED).unwrap_or_default();
        Self::Trickle {
            left: u64::from(TRICKLED),
            pause,
            timer: Box::pin(sleep(pause)),
            sent: Arc::default(),
        }
    }

    /// Returns a flag that is set when the whole body was passed to the connection; `None`: it is sent with the head.
    pub(super) fn watch(&self) -> Option<Arc<AtomicBool>> {
        match self {
            Self::Whole(_) => None,
            Self::Trickle { sent, .. } => Some(Arc::clone(sent)),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Trickle { left: 0, .. } => Poll::Ready(None),
            Self::Trickle { left, pause, timer, sent } => {
                ready!(timer.as_mut().poll(cx));
                *left -= 1;
                sent.store(*left == 0, Ordering::Relaxed);
                *timer = Box::pin(sleep(*pause));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Trickle { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Trickle { left, .. } => SizeHint::with_exact(*left),
        }
    }
}

/// A request as bytes, and where its head ends.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub bytes: Vec<u8>,
    pub head: usize,
}

/// A request along `route` as it goes over the wire; one with a method that has a body carries an order.
pub(crate) fn raw_request(route: &Route, authority: &str, id: u64, time: Duration) -> RawRequest {
    let (method, path) = (&route.method, route.path_for(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    let body = if has_body { r#"{"item":"held in a phase","quantity":1}"# } else { "" };
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: ebbtide-rehearse\r\n");
    text.push_str(&format!("{REQUEST_ID}: {id}\r\n"));
    if has_body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let head = text.len();
    text.push_str(body);
    RawRequest { bytes: text.into_bytes(), head }
}
