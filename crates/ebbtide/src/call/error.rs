use std::io;
use std::time::Duration;

use crate::model::show_duration;

/// Why a call was not made, or not answered as hoped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The URL is none that a call can be made to.
    #[error("`{url}` cannot be called: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A method or a header has characters that would make another request of it.
    #[error("`{text}` is no method, header name or header value: it has characters that don't belong there")]
    Text {
        /// What was given.
        text: String,
    },
    /// The connection failed.
    #[error("{to}: the connection failed")]
    Io {
        /// Whom the call was for.
        to: String,
        /// What failed.
        source: io::Error,
    },
    /// No answer came in time.
    #[error("{to}: no answer within {}", show_duration(*limit))]
    TooSlow {
        /// Whom the call was for.
        to: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// What came is no HTTP/1 response.
    #[error("{to}: what came is no HTTP response")]
    NotHttp {
        /// Whom the call was for.
        to: String,
    },
    /// The answer's status is not in the two hundreds.
    #[error("{to}: it answered {status}{}", if body.is_empty() { String::new() } else { format!(": {body}") })]
    Status {
        /// Whom the call was for.
        to: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        body: String,
    },
}
