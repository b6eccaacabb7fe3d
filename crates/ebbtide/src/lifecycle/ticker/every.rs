use std::time::Duration;

/// Says when something is done again and again, and what becomes of its errors. A plain `Duration` is a fixed
/// [rate](Self::rate).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ebbtide::lifecycle::{Every, OnError};
///
/// # fn register(app: &ebbtide::Handle) {
/// let hourly = Every::rate(Duration::from_secs(3600)).jitter(Duration::from_secs(300)).on_error(OnError::GoOn);
/// app.every("refresh", hourly, || async { Ok(()) });
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it says when something is done, and does nothing"]
pub struct Every {
    pub(super) schedule: Schedule,
    pub(super) jitter: Duration,
    pub(super) at_once: bool,
    pub(super) on_error: OnError,
}

/// Says what becomes of a run's error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The whole lifecycle stops, and the error is its cause.
    #[default]
    Stop,
    /// The error is logged, and the next run comes when it is due. A run's panic is treated like an error.
    GoOn,
}

/// When runs are due.
#[derive(Clone, Debug)]
pub(super) enum Schedule {
    Rate(Duration),
    Delay(Duration),
    #[cfg(feature = "cron")]
    Cron(Box<super::calendar::Calendar>),
}

impl Every {
    /// At a fixed rate: one `period` from now and at each multiple of it from then on, however long a run takes. Runs that
    /// were missed, because another took longer or the process was held up, are skipped. A period of zero is taken as one
    /// millisecond.
    pub fn rate(period: Duration) -> Self {
        Self::new(Schedule::Rate(period.max(Duration::from_millis(1))))
    }

    /// With a fixed delay: one `pause` from now, and then one after the end of each run. A pause of zero is taken as one
    /// millisecond.
    pub fn delay(pause: Duration) -> Self {
        Self::new(Schedule::Delay(pause.max(Duration::from_millis(1))))
    }

    /// Begins each run up to `most` later than it is due, at random, so that many replicas don't do it in the same instant.
    ///
    /// It does not add up: a fixed rate stays that rate.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Begins the first run now, beside whatever the schedule says.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Sets what becomes of a run's error. Default: [`OnError::Stop`].
    pub fn on_error(mut self, policy: OnError) -> Self {
        self.on_error = policy;
        self
    }

    pub(super) fn new(schedule: Schedule) -> Self {
        Self { schedule, jitter: Duration::ZERO, at_once: false, on_error: OnError::Stop }
    }
}

impl From<Duration> for Every {
    fn from(period: Duration) -> Self {
        Self::rate(period)
    }
}
