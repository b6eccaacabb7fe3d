use std::time::Duration;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use ebbtide::BoxError;

/// Says why SQS could not be used as a queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqsQueueError {
    /// The name is that of a FIFO queue.
    #[error("use the FIFO queue {0:?}: what is handed back would hold up its group; take a standard queue")]
    Fifo(String),
    /// The lease is out of what SQS can keep.
    #[error("use a lease of {0:?}: SQS keeps one between a second and twelve hours")]
    Lease(Duration),
    /// SQS did not answer, or not in time.
    #[error("{what}; see that its endpoint and its region are right, and that it is reachable from here")]
    Unreachable {
        /// What was asked for.
        what: &'static str,
        /// What the client says.
        source: BoxError,
    },
    /// SQS answered that it won't.
    #[error(
        "{what}: SQS says {code}: {why}; see that the queue is there, and that the credentials allow GetQueueUrl, \
         GetQueueAttributes, ReceiveMessage, DeleteMessage, ChangeMessageVisibility and SendMessage"
    )]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// How SQS calls the reason.
        code: String,
        /// What it says of it.
        why: String,
        /// What the client says: the same, and the response, to look into.
        response: BoxError,
    },
}

impl SqsQueueError {
    /// For `map_err`: says what was asked for when there was no answer, or no good one.
    pub(super) fn when<E, R>(what: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| match error.code() {
            Some(code) => {
                let (code, why) = (code.to_owned(), error.message().unwrap_or("no more than that"));
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
        // The older protocol has the longer name, and servers that are not Amazon's say either.
        self.says(&["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"])
    }

    /// Returns whether the message is not ours any more, or is not there.
    pub(super) fn is_gone(&self) -> bool {
        self.says(&LOST)
    }

    /// Returns whether SQS will say the same again.
    pub(super) fn is_about_the_message(&self) -> bool {
        self.says(&["InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"])
    }

    fn says(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&&**code))
    }
}

/// How SQS calls it that a receipt handle is not that of a message in flight. The last is what LocalStack says within a batch.
pub(super) const LOST: [&str; 5] = [
    "ReceiptHandleIsInvalid",
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];
