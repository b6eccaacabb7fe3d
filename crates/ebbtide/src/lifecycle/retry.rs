//! Retrying until a dependency is available.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Handle;
use crate::model::show_duration;
use crate::runtime::log_warn;
use crate::util::{Backoff, BoxError, chain, clock};

/// A retry policy: the backoff, the number of attempts, and the timeout of each. A plain [`Backoff`] retries until the shutdown
/// begins.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ebbtide::Backoff;
/// use ebbtide::lifecycle::Retry;
///
/// let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// let retry = Retry::new(backoff).attempts(20).timeout(Duration::from_secs(3));
/// # let _ = retry;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a retry policy does nothing by itself"]
pub struct Retry {
    backoff: Backoff,
    attempts: Option<u32>,
    timeout: Option<Duration>,
}

impl Retry {
    /// Creates a policy that retries with this backoff until an attempt succeeds or the shutdown begins.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, attempts: None, timeout: None }
    }

    /// Sets the maximum number of attempts, at least one. Default: no limit.
    pub fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most.max(1));
        self
    }

    /// Sets the timeout of an attempt. An attempt that exceeds it has failed and is dropped. Default: no limit; an unresponsive
    /// address may take minutes then.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn once<T, E>(&self, attempt: &mut impl AsyncFnMut() -> Result<T, E>) -> Result<T, BoxError>
    where
        E: Into<BoxError>,
    {
        let Some(limit) = self.timeout else { return attempt().await.map_err(Into::into) };
        match timeout(limit, attempt()).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(format!("no response within {}", show_duration(limit)).into()),
        }
    }
}

impl From<Backoff> for Retry {
    fn from(backoff: Backoff) -> Self {
        Self::new(backoff)
    }
}

/// The reason why a retried operation did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// The attempts are used up.
    #[error("gave up on {name} after {attempts} attempts in {}", show_duration(*took))]
    GaveUp {
        /// The name of the operation.
        name: String,
        /// The number of attempts.
        attempts: u32,
        /// The time since the first attempt began.
        took: Duration,
        /// The error of the last attempt.
        source: BoxError,
    },
    /// The shutdown began.
    #[error("shutdown began while waiting for {name}")]
    Stopping {
        /// The name of the operation.
        name: String,
    },
}

impl Handle {
    /// Retries an operation until it succeeds. For example, connects to a dependency that is not available yet.
    ///
    /// Each failure is logged with the number of the attempt, its error, and the delay before the next attempt. A pending attempt
    /// is logged after 1 s, 3 s, 7 s and so on. The shutdown ends the retries, also during an attempt or a delay. If that happens
    /// during start-up, resources that were opened before are closed in order.
    ///
    /// # Errors
    ///
    /// When the attempts are used up; outside start-up also when the shutdown begins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the current attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::{Backoff, BoxError, Handle};
    /// use tokio::net::TcpStream;
    ///
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    /// let cache = app.retry("cache", backoff, async || TcpStream::connect("cache:6379").await).await?;
    /// # drop(cache);
    /// # Ok(()) }
    /// ```
    pub async fn retry<T, E, F>(
        &self,
        name: impl Into<String>,
        retry: impl Into<Retry>,
        mut attempt: F,
    ) -> Result<T, RetryError>
    where
        F: AsyncFnMut() -> Result<T, E>,
        E: Into<BoxError>,
    {
        let (name, retry, begun) = (name.into(), retry.into(), clock::now());
        let mut attempts = 0;
        let stop = self.stop_token();
        let tried = stop.unless_stopping(async {
            loop {
                attempts += 1;
                let under_way = retry.once(&mut attempt);
                let error = match log_while_pending(under_way, &name, attempts).await {
                    Ok(value) => break Ok(value),
                    Err(error) => error,
                };
                if retry.attempts.is_some_and(|most| attempts >= most) {
                    break Err(error);
                }
                let wait = retry.backoff.after(attempts);
                let (error, next_in) = (chain(&*error), show_duration(wait));
                crate::runtime::log_warn!(
                    waiting_for = name,
                    attempt = attempts,
                    error,
                    next_in,
                    "attempt failed; retrying"
                );
                sleep(wait).await;
            }
        });
        let result = tried.await;
        let took = clock::now().saturating_duration_since(begun);
        match result {
            Some(Ok(value)) => {
                if attempts > 1 {
                    tracing::info!(
                        waiting_for = name,
                        attempts,
                        took = show_duration(took),
                        "attempt succeeded after retries"
                    );
                }
                Ok(value)
            }
            Some(Err(source)) => Err(RetryError::GaveUp { name, attempts, took, source }),
            None => Err(RetryError::Stopping { name }),
        }
    }
}

/// Waits for an attempt, and logs while it is pending: after one second, then at intervals that double.
async fn log_while_pending<T>(attempt: impl Future<Output = T>, waiting_for: &str, number: u32) -> T {
    let (mut attempt, mut pause, mut waited) = (pin!(attempt), Duration::from_secs(1), Duration::ZERO);
    loop {
        match timeout(pause, &mut attempt).await {
            Ok(end) => return end,
            Err(_) => waited = waited.saturating_add(pause),
        }
        log_warn!(waiting_for, attempt = number, waited = show_duration(waited), "attempt still pending");
        pause = pause.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            RetryError::GaveUp { .. } => RetryError::GaveUp { name: "cache".to_owned(), attempts: 3, took: Duration::from_secs(1), source: "refused".into() };
            RetryError::Stopping { .. } => RetryError::Stopping { name: "cache".to_owned() };
        }
    }
}
