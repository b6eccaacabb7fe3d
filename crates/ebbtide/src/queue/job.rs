use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::util::BoxError;

/// One attempt at a job, as passed to its handler.
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
    /// Creates a job. For tests of its handler.
    pub fn new(id: impl Into<Arc<str>>, payload: impl Into<Vec<u8>>, attempt: u32) -> Self {
        Self { id: id.into(), payload: payload.into(), attempt }
    }

    /// Returns the id of the job, the same in each attempt.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the bytes that the producer sent.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the bytes that the producer sent, without a copy.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Returns the number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Parses the payload as JSON.
    ///
    /// # Errors
    ///
    /// When the payload is not valid JSON for `T`. The error is [`Permanent`]: if the handler returns it, the job is dead-lettered
    /// immediately.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Permanent> {
        serde_json::from_slice(&self.payload).map_err(Permanent::new)
    }
}

/// An error that no retry can resolve, such as an unreadable payload. A handler that returns it dead-letters the job
/// immediately.
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
    /// Marks an error as permanent.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let cause = crate::model::parse_duration("soon").expect_err("not a duration");
        let wrapping = crate::lifecycle::EnvironmentError::Duration { name: "EBBTIDE_GRACE", source: cause };
        error_form::walk! {
            Permanent { .. } => Permanent::new("no such order"), Permanent::new(wrapping);
        }
    }
}
