use std::future::Future;

use super::request::Tunnel;

/// Spawns a task that ends with its connection. The ledger owns connections: it counts each until its socket is
/// dropped, wakes each when the order changes, and the server waits for the last.
#[expect(
    clippy::disallowed_methods,
    reason = "owned by the ledger; a JoinSet would wake the accept loop for each end"
)]
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// Runs the streams of an HTTP/2 connection. They end with it: hyper drops a stream's handler when it finds its
/// connection gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams;

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        match Tunnel::take() {
            Some(tunnel) => spawn(async move {
                let _in_flight = tunnel;
                stream.await;
            }),
            None => spawn(stream),
        }
    }
}
