//! Clients that disconnect, or close their half of the connection, while they wait.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use axum::routing::get;
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PING, SLOW, cause, ping, serve, settle, slow, stop_source, until};

/// Sends a message when it is created and when it is dropped.
#[derive(Debug)]
struct Told(UnboundedSender<&'static str>);

impl Told {
    fn new(to: UnboundedSender<&'static str>) -> Self {
        let _ = to.send("begun");
        Self(to)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

/// A body with one frame that never ends.
struct Endless {
    sent: bool,
    _told: Told,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent {
            return Poll::Pending;
        }
        self.sent = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"one")))))
    }
}

async fn next(of: &mut UnboundedReceiver<&'static str>) -> &'static str {
    tokio::time::timeout(LONG, of.recv()).await.expect("in time").expect("the sender is alive")
}

/// Has clients send a request and close their half, one after the other. Returns how many got a response.
async fn answered_with_half_closed(addr: SocketAddr) -> usize {
    let mut answered = 0;
    for _ in 0..HALF_CLOSERS {
        let mut client = Client::connect(addr).await.unwrap();
        client.send(PING).await.unwrap();
        client.stream.shutdown().await.unwrap();
        answered += usize::from(client.response().await.is_ok_and(|answer| answer.is_ok()));
    }
    answered
}

const HALF_CLOSERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_followed_by_a_half_close_is_answered() {
    let mut served = serve(ping(), |server| server).await;
    assert_eq!(answered_with_half_closed(served.addr).await, HALF_CLOSERS);
    served.stop();
    served.ended().await;
}

/// The opposite: with hyper's defaults the request is dropped when hyper reads the end of the stream after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_loses_requests_that_are_followed_by_a_half_close() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, ping()).await });
    let answered = answered_with_half_closed(addr).await;
    println!("axum answered {answered} of {HALF_CLOSERS}");
    assert!(answered < HALF_CLOSERS);
    serving.shutdown().await;
}

#[tokio::test]
async fn pipelined_requests_that_are_followed_by_a_half_close_are_all_answered() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&[SLOW, PING].concat()).await.unwrap();
    client.stream.shutdown().await.unwrap();
    // The end of the stream has arrived when the slow request begins to wait.
    until(|| served.work.in_flight() == 1).await;
    settle().await;
    release.stop(cause(), None);
    assert_eq!(client.response().await.expect("the first answer").body, b"slow pong");
    assert_eq!(client.response().await.expect("the second answer").body, b"pong");
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn a_waiting_request_is_dropped_when_its_client_disconnects() {
    let (tell, mut told) = unbounded_channel();
    let handler = async move || {
        let _told = Told::new(tell);
        std::future::pending::<()>().await;
    };
    let mut served = serve(ping().route("/slow", get(handler)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    // The second request on the connection, so that its first bytes are not read ahead.
    client.send(PING).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    client.send(SLOW).await.unwrap();
    assert_eq!(next(&mut told).await, "begun");
    drop(client);
    assert_eq!(next(&mut told).await, "dropped");
    served.stop();
    served.ended().await;
    assert_eq!(served.work.cancelled(), 0, "a disconnected client does not count as cancelled");
}

#[tokio::test]
async fn a_waiting_response_is_dropped_when_its_client_disconnects() {
    let (tell, mut told) = unbounded_channel();
    let handler = async move || AxumBody::new(Endless { sent: false, _told: Told::new(tell) });
    let mut served = serve(ping().route("/slow", get(handler)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    assert_eq!(next(&mut told).await, "begun");
    client.stream.readable().await.unwrap();
    drop(client);
    assert_eq!(next(&mut told).await, "dropped");
    served.stop();
    served.ended().await;
}

/// Bytes that arrive after a request are not read before its response is made, and they are still served.
#[tokio::test]
async fn a_request_that_arrives_while_a_response_is_made_is_answered_too() {
    let (release, sending) = (stop_source(), Arc::new(OnceLock::<std::net::TcpStream>::new()));
    let (until_released, client) = (release.token(), Arc::clone(&sending));
    let handler = async move || {
        until_released.stopping().await;
        // The server's task runs this handler, and cannot read what arrives before it returns.
        client.get().unwrap().write_all(PING).unwrap();
        "slow pong"
    };
    let mut served = serve(ping().route("/slow", get(handler)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let same = client.stream.as_fd().try_clone_to_owned().unwrap();
    sending.set(same.into()).unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    release.stop(cause(), None);
    assert!(!client.response().await.expect("the first response").closes);
    let second = client.response().await.expect("the second response");
    assert!(second.body == b"pong" && second.closes);
    drop(client);
    served.ended().await;
}

/// Sends a slow request and closes the client's half. Returns whether the handler finished, and the response.
async fn half_closed_while_it_waits(half_close: bool) -> (&'static str, Option<Vec<u8>>) {
    let (tell, mut told) = unbounded_channel();
    let (release, closed) = (stop_source(), stop_source());
    let (until_released, until_closed) = (release.token(), closed.token());
    let handler = async move || {
        let told = Told::new(tell);
        until_closed.stopping().await;
        until_released.stopping().await;
        let _ = told.0.send("finished");
        "slow pong"
    };
    let with = |server: ebbtide::http::Server<axum::Router>| server.half_close(half_close);
    let mut served = serve(ping().route("/slow", get(handler)), with).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    assert_eq!(next(&mut told).await, "begun");
    client.stream.shutdown().await.unwrap();
    // The handler is woken once after the FIN, and waits again.
    closed.stop(cause(), None);
    if !half_close {
        let told = next(&mut told).await;
        assert!(client.response().await.is_err());
        served.stop();
        served.ended().await;
        assert_eq!((served.work.counts().abandoned, served.work.finished()), (1, 0));
        return (told, None);
    }
    release.stop(cause(), None);
    let told = next(&mut told).await;
    let answer = client.response().await.ok().map(|answer| answer.body);
    served.stop();
    served.ended().await;
    assert_eq!((served.work.counts().abandoned, served.work.finished()), (0, 1));
    (told, answer)
}

#[tokio::test]
async fn a_half_closed_client_gets_its_response_if_the_server_allows_half_close() {
    assert_eq!(half_closed_while_it_waits(true).await, ("finished", Some(b"slow pong".to_vec())));
}

/// The opposite, and the default: the handler is cancelled.
#[tokio::test]
async fn a_half_closed_client_counts_as_disconnected_by_default() {
    assert_eq!(half_closed_while_it_waits(false).await, ("dropped", None));
}
