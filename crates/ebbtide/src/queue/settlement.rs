use std::time::Duration;

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The job is done: it is never delivered again.
    Ack,
    /// The job was not begun, or not finished for the stop's sake: the next consumer may have it at once, and the attempt
    /// does not count.
    HandBack,
    /// The attempt failed.
    Retry {
        /// The job is not delivered again before this has passed.
        after: Duration,
        /// Why it failed.
        error: String,
    },
    /// The job has failed for good: it is kept where somebody can look at it, and not delivered again.
    Bury {
        /// Why it failed.
        error: String,
    },
}

/// Whether the delivery was still ours to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a lost delivery is run again by somebody else"]
pub enum Settled {
    /// It was, and it is settled for good: what was said survives the crash of either side.
    Done,
    /// Its lease had run out, and somebody else has it or may have it.
    Lost,
}
