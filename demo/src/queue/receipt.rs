use std::any::Any;
use std::sync::Arc;

/// What a delivery is settled by, whichever broker it came from.
#[derive(Clone, Debug)]
pub struct AnyReceipt {
    receipt: Arc<dyn Any + Send + Sync>,
}

impl AnyReceipt {
    pub(super) fn new(receipt: impl Any + Send + Sync) -> Self {
        Self { receipt: Arc::new(receipt) }
    }

    /// Returns the receipt if it is one of the type `R`.
    pub(super) fn of<R: Any>(&self) -> Option<&R> {
        self.receipt.downcast_ref()
    }
}
