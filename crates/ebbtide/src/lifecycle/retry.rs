//! Waiting for what isn't there yet.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Handle;
use crate::model::show_duration;
use crate::runtime::log_warn;
use crate::util::{Backoff, BoxError, chain, clock};

/// Says how often, and for how long, something is tried again. A plain [`Backoff`] has no limit but the stop.
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
    /// Tries again with this backoff, until it works or the stop begins.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, attempts: None, timeout: None }
    }

    /// Gives up after so many attempts; at least one. Default: never.
    pub fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most.max(1));
        self
    }

    /// Takes an attempt that takes longer for one that failed, and drops it. Default: no limit; an address that nobody answers
    /// at may take minutes then.
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

/// Why something that was tried again and again was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// Its attempts are used up.
    #[error("gave up on {name} after {attempts} attempts in {}", show_duration(*took))]
    GaveUp {
        /// What was tried.
        name: String,
        /// How often.
        attempts: u32,
        /// How long it took.
        took: Duration,
        /// What the last attempt failed with.
        source: BoxError,
    },
    /// The stop began.
    #[error("shutdown began while waiting for {name}")]
    Stopping {
        /// What was tried.
        name: String,
    },
}

impl Handle {
    /// Tries something again and again until it works: opens what isn't there yet when the service starts.
    ///
    /// Each failure is logged with the number of the attempt, its error, and when the next one comes; an attempt that has no answer
    /// yet after 1 s, 3 s, 7 s and so on. The stop ends it, in
    /// the midst of an attempt or of the wait for the next one: during start-up, what was opened before is closed in order.
    ///
    /// # Errors
    ///
    /// When the attempts that it was given are used up; outside start-up also when the stop begins.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the attempt under way.
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
                let error = match said_so(under_way, &name, attempts).await {
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
                    tracing::info!(waiting_for = name, attempts, took = show_duration(took), "attempt succeeded after retries");
                }
                Ok(value)
            }
            Some(Err(source)) => Err(RetryError::GaveUp { name, attempts, took, source }),
            None => Err(RetryError::Stopping { name }),
        }
    }
}

/// Waits for an attempt, and says so while it has no answer: after a second, and then twice as long after each time.
async fn said_so<T>(attempt: impl Future<Output = T>, waiting_for: &str, number: u32) -> T {
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
