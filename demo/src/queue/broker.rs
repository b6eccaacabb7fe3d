use std::fmt;
use std::pin::Pin;

use ebbtide::BoxError;
use ebbtide::queue::Queue;

use super::Left;

/// A future in a box: its code is compiled where it is made, not once more wherever it is awaited.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The queue of one broker, and what the demo needs beside it.
pub(super) trait Broker: fmt::Debug + Send + Sync + 'static {
    /// The adapter.
    type Adapter: Queue;

    /// Returns the queue that jobs are fetched from.
    fn adapter(&self) -> &Self::Adapter;

    /// Pushes a job, and returns its id when the broker has stored it.
    fn push(&self, payload: &[u8]) -> impl Future<Output = Result<String, BoxError>> + Send;

    /// Counts the jobs in the queue.
    fn left(&self) -> impl Future<Output = Result<Left, BoxError>> + Send;

    /// Closes the connections that outlive a consumer.
    fn disconnect(&self) -> impl Future<Output = Result<(), BoxError>> + Send;
}
