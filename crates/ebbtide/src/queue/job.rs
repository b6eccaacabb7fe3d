use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::util::BoxError;

/// One attempt at a job, as its handler gets it.
///
/// # Examples
///
/// A handler is a function, and can be tested as one:
///
/// ```
/// use ebbtide::queue::Job;
/// use ebbtide::{BoxError, Stop};
///
/// #[derive(serde::Deserialize)]
/// struct Email {
///     to: String,
/// }
///
/// async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
///     let email: Email = job.json()?;
///     println!("{} goes to {}", job.id(), email.to);
///     Ok(())
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert!(send_email(Job::new("7", r#"{"to":"a@example.org"}"#, 1), Stop::never()).await.is_ok());
/// assert!(send_email(Job::new("8", "no JSON", 1), Stop::never()).await.is_err());
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    id: Arc<str>,
    payload: Vec<u8>,
    attempt: u32,
}

impl Job {
    /// Makes a job, for a test of its handler.
    pub fn new(id: impl Into<Arc<str>>, payload: impl Into<Vec<u8>>, attempt: u32) -> Self {
        Self { id: id.into(), payload: payload.into(), attempt }
    }

    /// Returns the job's id, the same in each attempt.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns what the producer sent.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns what the producer sent, without a copy.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Returns which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Reads the payload as JSON.
    ///
    /// # Errors
    ///
    /// When it is something else. No further attempt mends that: handed on by the handler, the error buries the job at once.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Permanent> {
        serde_json::from_slice(&self.payload).map_err(Permanent::new)
    }
}

/// Marks a job's error as one that no further attempt can mend, such as a payload that cannot be read: the job is buried
/// at once.
///
/// # Examples
///
/// ```
/// use ebbtide::BoxError;
/// use ebbtide::queue::Permanent;
///
/// fn quantity(payload: &[u8]) -> Result<u32, BoxError> {
///     let text = std::str::from_utf8(payload).map_err(Permanent::new)?;
///     Ok(text.parse().map_err(Permanent::new)?)
/// }
/// assert!(quantity(b"none").unwrap_err().is::<Permanent>());
/// ```
#[derive(Debug)]
pub struct Permanent {
    source: BoxError,
}

impl Permanent {
    /// Marks an error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self { source: error.into() }
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
