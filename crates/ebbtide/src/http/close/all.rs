use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use super::{tcp, unix};
use crate::drain::Stop;
use crate::http::CloseMode;
use crate::http::accept::{Accepted, Acceptor};
use crate::http::listener::Listening;

/// Empties the listeners and closes them, all at the same time; every connection goes to `serve`.
///
/// After `stop` is cancelled they take only what is in the queues. They then wait for nothing but free descriptors, for as long
/// as the caller lets them.
///
/// # Cancel safety
///
/// Cancelled, it closes the listeners with what is in their queues.
pub(in crate::http) async fn close_all(
    acceptors: Vec<Acceptor>,
    mode: CloseMode,
    stop: &Stop,
    serve: impl FnMut(Accepted) + Send,
) {
    let serve = Mutex::new(serve);
    let serve = &|accepted: Accepted| serve.lock().unwrap_or_else(PoisonError::into_inner)(accepted);
    let mut closing: Vec<Closing<'_>> =
        acceptors.into_iter().map(|acceptor| close(acceptor, mode, stop, serve)).collect();
    poll_fn(|cx| {
        closing.retain_mut(|closing| closing.as_mut().poll(cx).is_pending());
        if closing.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

type Closing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn close<'a>(
    acceptor: Acceptor,
    mode: CloseMode,
    stop: &'a Stop,
    serve: &'a (impl Fn(Accepted) + Send + Sync),
) -> Closing<'a> {
    match acceptor.listening() {
        Listening::Tcp(_) => Box::pin(tcp::close(acceptor, mode, stop, serve)),
        Listening::Unix(..) => Box::pin(unix::close(acceptor, stop, serve)),
    }
}
