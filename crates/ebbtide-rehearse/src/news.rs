//! What a rehearsal tells while it is under way.

use std::time::Duration;

use super::record::Record;
use super::verdict::RunVerdict;

/// One piece of news. Whoever shows it decides how much of it to show.
#[derive(Debug)]
pub enum News<'a> {
    /// Run `run` of `of` begins.
    Begins {
        /// The run's number, from 1.
        run: u32,
        /// How many there are.
        of: u32,
    },
    /// The service is ready.
    Ready {
        /// How long it took.
        after: Duration,
    },
    /// The load is running.
    Loading {
        /// Requests answered so far.
        answered: u64,
        /// Requests in flight now.
        in_flight: u64,
        /// Requests lost so far.
        lost: u64,
        /// Time since the signal, once it was sent.
        since_signal: Option<Duration>,
    },
    /// The stop signal was sent.
    Signalled {
        /// Its name.
        signal: String,
        /// The grace period.
        grace: Duration,
    },
    /// A run was judged.
    Judged {
        /// The run's number, from 1.
        run: u32,
        /// How many there are.
        of: u32,
        /// What was seen.
        record: &'a Record,
        /// The judgement.
        verdict: &'a RunVerdict,
    },
}
