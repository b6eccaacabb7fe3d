use std::fmt;

/// A job that the pool did not take, because it is full or stopping.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected<T> {
    /// The queue is full: wait with [`Pool::send`](crate::lifecycle::Pool::send), or tell the caller to come again.
    #[error("the pool's queue is full")]
    Full(T),
    /// The pool has stopped: nobody will run the job here.
    #[error("the pool has stopped")]
    Stopped(T),
}

impl<T> Rejected<T> {
    /// Returns the job.
    pub fn into_job(self) -> T {
        match self {
            Self::Full(job) | Self::Stopped(job) => job,
        }
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Stopped(_) => "Stopped",
        })
    }
}
