use std::time::Duration;

/// A job to be pushed: its payload, and how long to keep it back.
///
/// Whatever is bytes or text becomes one by itself.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ebbtide_sqlx::NewJob;
///
/// let at_once = NewJob::from("order 7");
/// let in_an_hour = NewJob::from("remind order 7").after(Duration::from_secs(3600));
/// # assert_ne!(at_once, in_an_hour);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is not pushed yet"]
pub struct NewJob {
    pub(crate) payload: Vec<u8>,
    pub(crate) after: Duration,
}

impl NewJob {
    /// Makes a job that may be delivered at once.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: payload.into(), after: Duration::ZERO }
    }

    /// Keeps the job back for so long after it was pushed, to the millisecond.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

impl From<Vec<u8>> for NewJob {
    fn from(payload: Vec<u8>) -> Self {
        Self::new(payload)
    }
}

impl From<&[u8]> for NewJob {
    fn from(payload: &[u8]) -> Self {
        Self::new(payload)
    }
}

impl<const N: usize> From<&[u8; N]> for NewJob {
    fn from(payload: &[u8; N]) -> Self {
        Self::new(payload)
    }
}

impl From<String> for NewJob {
    fn from(payload: String) -> Self {
        Self::new(payload)
    }
}

impl From<&str> for NewJob {
    fn from(payload: &str) -> Self {
        Self::new(payload)
    }
}
