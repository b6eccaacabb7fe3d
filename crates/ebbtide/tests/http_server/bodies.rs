//! Request and response bodies in transfer when the server stops, and a body that the test feeds.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::HeaderMap;
use http_body::Frame;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::frames::Frames;
use crate::support::{Client, ping, serve, settle, stop_source, until};

const BIG: usize = 24 * 1024 * 1024;

#[tokio::test]
async fn a_large_response_in_transfer_at_the_stop_signal_is_complete() {
    let router = ping().route("/big", get(async || vec![b'x'; BIG]));
    let mut served = serve(router, |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.get("/big").await.unwrap();
    client.first_bytes().await.unwrap();
    assert_eq!(served.work.in_flight(), 1, "the response is in flight until the socket has accepted it");
    served.stop();
    served.draining().await;
    assert!(served.is_running());
    assert_eq!(client.last_response().await.unwrap().body.len(), BIG);
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

fn count() -> axum::Router {
    let count = async |body: Bytes| body.len().to_string();
    ping().route("/count", post(count).layer(axum::extract::DefaultBodyLimit::disable()))
}

#[tokio::test]
async fn a_chunked_upload_in_transfer_at_the_stop_signal_finishes() {
    let mut served = serve(count(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client
        .send(b"POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .await
        .unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    for _ in 0..20 {
        client.send(b"5\r\nworld\r\n").await.unwrap();
        settle().await; // the server reads the parts one by one
    }
    client.send(b"0\r\n\r\n").await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.body == b"105" && answer.closes);
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn an_upload_of_known_length_in_transfer_at_the_stop_signal_finishes() {
    let mut served = serve(count(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n").await.unwrap();
    client.send(&[b'x'; 100_000]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    client.send(&[b'x'; 100_000]).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.body == b"200000" && answer.closes);
    drop(client);
    served.ended().await;
}

/// The close lingers: a plain close would send a reset, because the upload is unread, and destroy the response.
#[tokio::test]
async fn a_refused_upload_gets_its_response() {
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"POST /none HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n").await.unwrap();
    client.send(&[b'x'; 1_000_000]).await.unwrap();
    client.send(&[b'x'; 1_000_000]).await.unwrap();
    assert_eq!(client.last_response().await.unwrap().status, 404);
    served.stop();
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn http_1_0_and_head_requests_are_answered_completely_during_the_shutdown() {
    let release = stop_source();
    let token = release.token();
    let slow = async move || {
        token.stopping().await;
        Body::from("slow pong")
    };
    let mut served = serve(ping().route("/slow", get(slow)), |server| server).await;
    let mut old = Client::connect(served.addr).await.unwrap();
    old.send(b"GET /slow HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    let mut head = Client::connect(served.addr).await.unwrap();
    head.send(b"HEAD /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    until(|| served.work.in_flight() == 2).await;
    served.stop();
    release.stop(crate::support::cause(), None);
    let answer = old.last_response().await.unwrap();
    assert!(answer.head().starts_with(b"HTTP/1.0 200") && answer.body == b"slow pong", "{answer:?}");
    let answer = head.response_to(ebbtide_http1::Method::Head).await.expect("a head");
    assert!(answer.is_ok() && answer.closes);
    assert!(head.rest().await.received.is_empty());
    drop((old, head));
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (2, 0));
}

#[tokio::test]
async fn a_streamed_response_counts_as_finished_only_at_its_end() {
    let release = stop_source();
    let token = release.token();
    let stream = async move || Body::new(crate::cancelled::Streamed::new(token));
    let mut served = serve(ping().route("/stream", get(stream)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.get("/stream").await.unwrap();
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    assert_eq!((served.work.in_flight(), served.work.finished()), (1, 0));
    served.stop();
    release.stop(crate::support::cause(), None);
    let end = client.rest().await;
    assert!(end.is_eof() && end.received.ends_with(b"0\r\n\r\n"));
    drop(client);
    served.ended().await;
    assert_eq!((served.work.in_flight(), served.work.finished()), (0, 1));
}

/// A body without a length whose last frame reports that it is the last.
struct Ends(VecDeque<Frame<Bytes>>);

impl Ends {
    fn new(last: Frame<Bytes>) -> Self {
        Self(VecDeque::from([Frame::data(Bytes::from_static(b"first")), last]))
    }
}

impl http_body::Body for Ends {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// hyper polls neither body after its last frame. Both are complete and must not be reset.
#[tokio::test]
async fn bodies_that_mark_their_last_frame_are_complete() {
    let last = async || Body::new(Ends::new(Frame::data(Bytes::from_static(b"last"))));
    let trailers = async || {
        let trailers =
            HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("\"last\""))]);
        ([("trailer", "etag")], Body::new(Ends::new(Frame::trailers(trailers)))).into_response()
    };
    let router = ping().route("/last", get(last)).route("/trailers", get(trailers));
    let mut served = serve(router, |server| server).await;
    for (path, version, end) in [
        ("/last", "1.0", "firstlast"),
        ("/last", "1.1", "last\r\n0\r\n\r\n"),
        ("/trailers", "1.0", "first"),
        ("/trailers", "1.1", "0\r\netag: \"last\"\r\n\r\n"),
    ] {
        let mut client = Client::connect(served.addr).await.unwrap();
        let head =
            format!("GET {path} HTTP/{version}\r\nHost: test\r\nTE: trailers\r\nConnection: close\r\n\r\n");
        client.send(head.as_bytes()).await.unwrap();
        let rest = client.rest().await;
        assert!(rest.is_eof() && rest.received.ends_with(end.as_bytes()), "{rest:?}");
    }
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/last").await;
    assert_eq!(frames.body(1).await.expect("a complete body"), b"firstlast");
    frames.get(3, "/trailers").await;
    assert_eq!(frames.body(3).await.expect("a complete body"), b"first");
    drop(frames);
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (6, 0));
}

/// The sender of the body. Dropping it ends the body.
pub(crate) struct Feed {
    sender: mpsc::UnboundedSender<Bytes>,
    dropped: Arc<AtomicBool>,
}

/// Returns a handler that gives the body to the first request.
#[derive(Clone)]
pub(crate) struct Fed(Arc<Mutex<Option<Feeding>>>);

struct Feeding {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    dropped: Arc<AtomicBool>,
}

pub(crate) fn feed() -> (Feed, Fed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let dropped = Arc::new(AtomicBool::new(false));
    let feeding = Feeding { receiver, dropped: Arc::clone(&dropped) };
    (Feed { sender, dropped }, Fed(Arc::new(Mutex::new(Some(feeding)))))
}

impl Feed {
    pub(crate) fn send(&self, bytes: &'static str) {
        self.sender.send(Bytes::from_static(bytes.as_bytes())).unwrap();
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst)
    }
}

impl Fed {
    pub(crate) fn body(&self) -> Body {
        self.0.lock().unwrap().take().map_or_else(Body::empty, Body::new)
    }
}

impl http_body::Body for Feeding {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}
