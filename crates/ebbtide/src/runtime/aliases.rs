use std::error::Error;
use std::pin::Pin;

use crate::model::Report;

/// What a component's error may be.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is called with the report.
pub(crate) type ReportCallback = Box<dyn FnOnce(&Report) + Send>;
