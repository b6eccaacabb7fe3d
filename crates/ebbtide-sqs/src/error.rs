use std::time::Duration;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use ebbtide::BoxError;

/// The error of an operation on an [`SqsQueue`](crate::SqsQueue).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqsQueueError {
    /// The name is that of a FIFO queue: a requeued job would block its message group. Use a standard queue.
    #[error("invalid queue {0:?}: FIFO queues are not supported")]
    Fifo(String),
    /// The lease is outside of the range of SQS.
    #[error("invalid lease {0:?}: must be between 1 second and 12 hours")]
    Lease(Duration),
    /// SQS returned no valid response in time.
    ///
    /// Check that the endpoint and the region are right, and that the endpoint is reachable.
    #[error("cannot {what}: no valid response from SQS")]
    Unreachable {
        /// The operation that failed.
        what: &'static str,
        /// The error of the client.
        source: BoxError,
    },
    /// SQS returned an error.
    ///
    /// Check that the queue exists, and that the credentials allow `GetQueueUrl`, `GetQueueAttributes`, `ReceiveMessage`,
    /// `DeleteMessage`, `ChangeMessageVisibility` and `SendMessage`.
    #[error("cannot {what}: SQS returned {code}: {why}")]
    Refused {
        /// The operation that failed.
        what: &'static str,
        /// The error code of SQS.
        code: String,
        /// The error message of SQS.
        why: String,
        /// The error of the client: the same, with the response for inspection.
        response: BoxError,
    },
}

impl SqsQueueError {
    /// Returns the function that maps the error of the operation `what`, for `map_err`.
    pub(super) fn when<E, R>(what: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| match error.code() {
            Some(code) => {
                let (code, why) = (code.to_owned(), error.message().unwrap_or("no message"));
                Self::Refused { what, code, why: why.to_owned(), response: error.into() }
            }
            None => Self::unreachable(what, error.into()),
        }
    }

    pub(super) fn unreachable(what: &'static str, source: BoxError) -> Self {
        Self::Unreachable { what, source }
    }

    /// Returns whether there is no queue of that name.
    pub(super) fn is_missing(&self) -> bool {
        // The older protocol has the longer name, and servers other than Amazon's return either.
        self.says(&["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"])
    }

    /// Returns whether the receipt is no longer valid, or the message does not exist.
    pub(super) fn is_gone(&self) -> bool {
        self.says(&LOST)
    }

    /// Returns whether SQS rejected the content of the message, so that a retry gets the same error.
    pub(super) fn is_about_the_message(&self) -> bool {
        self.says(&["InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"])
    }

    fn says(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&&**code))
    }
}

/// The codes of SQS for a receipt handle that does not belong to a message in flight. LocalStack returns the last one within
/// a batch.
pub(super) const LOST: [&str; 5] = [
    "ReceiptHandleIsInvalid",
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            SqsQueueError::Fifo(_) => SqsQueueError::Fifo("orders.fifo".to_owned());
            SqsQueueError::Lease(_) => SqsQueueError::Lease(Duration::from_millis(1));
            SqsQueueError::Unreachable { .. } => SqsQueueError::unreachable("settle jobs", "reset".into());
            SqsQueueError::Refused { .. } => SqsQueueError::Refused { what: "settle jobs", code: "AccessDenied".to_owned(), why: "no permission".to_owned(), response: "access denied".into() };
        }
    }
}
