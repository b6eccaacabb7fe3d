use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1::Parts;
use hyper_util::rt::TokioIo;
use tokio::time::Sleep;

use super::HttpService;
use super::conn::{DelayedPong, Frames, Io, Protocol, Watch, first_bytes, open};
use super::registry::Order;
use super::request::Requests;
use super::spawn::spawn;
use crate::util::clock;

/// How long an HTTP/2 connection is still served after its streams were cancelled, so that their resets are sent.
const RESET_TIME: Duration = Duration::from_millis(50);

/// Spawns a task that serves one connection to its end.
pub(super) fn drive<S>(io: Io, service: S)
where
    S: HttpService,
{
    spawn(serve_one(io, service));
}

/// Not an `async fn`, to keep the future small: an `async fn` would store a second copy of each argument that it
/// changes, and a value that is not needed over an await is dropped before it. Most of the memory of an idle connection
/// is this future.
fn serve_one<S>(mut io: Io, service: S) -> impl Future<Output = ()> + Send
where
    S: HttpService,
{
    let mut watch = Watch::new(io.guard().conn().clone());
    async move {
        if !io.is_open() && !open(&mut io, &mut watch).await {
            return;
        }
        let Some(protocol) = first_bytes(&mut io, None, &mut watch).await else { return };
        match protocol {
            Protocol::Http1 => {
                let mut requests = Requests::new(service, watch.shared());
                loop {
                    let mut served = {
                        io.watch_for_end();
                        let http1 = &watch.conn().context.settings.http1;
                        Box::pin(http1.serve_connection(TokioIo::new(io), requests).with_upgrades())
                    };
                    let ended =
                        run(served.as_mut(), |served| served.graceful_shutdown(), protocol, &mut watch).await;
                    let parts =
                        (ended == Ended::Parked).then(|| Pin::into_inner(served).into_parts()).flatten();
                    let Some(Parts { io: socket, service, read_buf, .. }) = parts else { return };
                    (io, requests) = (socket.into_inner(), service);
                    io.put_back(&read_buf);
                    // It is the end of a buffer that hyper allocated.
                    drop(read_buf);
                    if first_bytes(&mut io, Some(protocol), &mut watch).await.is_none() {
                        return;
                    }
                }
            }
            Protocol::Http2 => {
                let mut served = {
                    watch.conn().state().multiplex(clock::now());
                    let requests = Requests::new(service, watch.shared());
                    let io = TokioIo::new(DelayedPong::new(Frames::new(io)));
                    Box::pin(watch.conn().context.settings.http2.serve_connection(io, requests))
                };
                run(served.as_mut(), |served| served.graceful_shutdown(), protocol, &mut watch).await;
            }
        }
    }
}

/// The outcome of polling a connection of hyper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It has finished, or must end.
    Over,
    /// It is idle, and its socket can be served by another one.
    Parked,
}

/// Polls hyper's connection until it has finished or must end.
///
/// hyper announces the end of the connection to HTTP/2 peers: GOAWAY with the highest id and a PING, and after the
/// PONG, when no request can be in transit any more, GOAWAY with the last one. HTTP/1 peers are notified in their
/// responses, because hyper would close idle connections immediately.
///
/// `served` is boxed: a connection that has sent nothing needs no room for it, and one that has needs it once, while a
/// future that is passed by value to another is stored twice.
fn run<C>(
    mut served: Pin<&mut C>,
    ask: impl Fn(Pin<&mut C>),
    protocol: Protocol,
    watch: &mut Watch,
) -> impl Future<Output = Ended>
where
    C: Future<Output = hyper::Result<()>>,
{
    let (ask_at, tells) = match protocol {
        Protocol::Http1 => (Order::Abrupt, false),
        Protocol::Http2 => (Order::Drain, true),
    };
    let mut asked = false;
    let mut parting: Option<Pin<Box<Sleep>>> = None;
    let mut yield_first = false;
    poll_fn(move |cx| {
        // The first of many streams that end wakes the connection before the others have run. The others run first:
        // then their responses leave together, in one system call instead of many.
        yield_first = tells && !yield_first && watch.conn().state().is_shared();
        if yield_first {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let order = watch.order(cx);
            if order == Order::Cancel && protocol == Protocol::Http1 {
                return Poll::Ready(Ended::Over);
            }
            if order >= ask_at && !asked {
                asked = true;
                ask(served.as_mut());
                watch.conn().state().asked(clock::now());
            }
            if let Poll::Ready(result) = served.as_mut().poll(cx) {
                if let Err(error) = result {
                    tracing::debug!(peer = %watch.conn().peer(), %error, "connection ended with an error");
                }
                return Poll::Ready(Ended::Over);
            }
            if protocol == Protocol::Http1 && watch.conn().parks() {
                return Poll::Ready(Ended::Parked);
            }
            if order == Order::Cancel {
                // The streams reset themselves, each in its task; let the resets be sent.
                let parting = parting.get_or_insert_with(|| Box::pin(tokio::time::sleep(RESET_TIME)));
                return parting.as_mut().poll(cx).map(|()| Ended::Over);
            }
            if order > Order::Announce || !tells || asked {
                return watch.poll_due(cx).map(|()| Ended::Over);
            }
            ready!(watch.poll_announce(order, cx));
            asked = true;
            ask(served.as_mut());
            watch.conn().state().asked(clock::now());
        }
    })
}
