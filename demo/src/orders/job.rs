use tokio::sync::oneshot;

use super::NewOrder;
use crate::store::StoreError;

/// What a worker is given.
///
/// A new order is stored by the worker and not by the request's handler. A handler is dropped when its client hangs up,
/// and if that happened between the row and the queue, the row would be nobody's until the next start. A job that
/// was sent is run to its end.
#[derive(Debug)]
pub(crate) enum Job {
    /// Store the order, tell the handler its id as soon as that is committed, then work it off.
    New { order: NewOrder, stored: oneshot::Sender<Result<String, StoreError>> },
    /// Work off an order that an earlier process left behind.
    Left { id: String },
}
