use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::util::{chance, clock};

/// The schedule of a ticker, and how it treats errors. Converts from a plain `Duration`, a fixed [rate](Self::rate).
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
#[must_use = "a schedule does nothing by itself"]
pub struct Every {
    pub(super) schedule: Schedule,
    jitter: Duration,
    at_once: bool,
    pub(super) on_error: OnError,
}

/// How a ticker treats the error or panic of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The shutdown begins, and the error is its cause.
    #[default]
    Stop,
    /// The error is logged, and the next run starts when it is due. A panic is treated like an error.
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
    /// were missed, because another took longer or the process was delayed, are skipped. A period of zero is taken as one
    /// millisecond.
    pub fn rate(period: Duration) -> Self {
        Self::new(Schedule::Rate(period.max(Duration::from_millis(1))))
    }

    /// With a fixed delay: one `pause` from now, and then one after the end of each run. A pause of zero is taken as one
    /// millisecond.
    pub fn delay(pause: Duration) -> Self {
        Self::new(Schedule::Delay(pause.max(Duration::from_millis(1))))
    }

    /// Begins each run up to `most` later than it is due, at random, so that replicas do not run at the same time.
    ///
    /// The delays do not accumulate: a fixed rate stays that rate.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Starts the first run immediately, in addition to the schedule.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Sets how the error of a run is treated. Default: [`OnError::Stop`].
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

/// The due times of one ticker.
#[derive(Debug)]
pub(super) struct RunTimes {
    schedule: Schedule,
    jitter: Duration,
    at_once: bool,
    /// The multiple of the period at which the last run was due; initially the start.
    tick: Instant,
}

impl RunTimes {
    pub(super) fn new(every: &Every) -> Self {
        let Every { schedule, jitter, at_once, .. } = every;
        Self { schedule: schedule.clone(), jitter: *jitter, at_once: *at_once, tick: clock::now() }
    }

    /// Waits until the next run is due. Called when the last one has ended.
    pub(super) async fn next(&mut self) {
        if std::mem::take(&mut self.at_once) {
            return;
        }
        let jitter = self.draw();
        let due = match &mut self.schedule {
            Schedule::Rate(period) => {
                self.tick = tick(self.tick, *period, clock::now());
                self.tick
            }
            Schedule::Delay(pause) => clock::after(clock::now(), *pause),
            #[cfg(feature = "cron")]
            Schedule::Cron(calendar) => {
                calendar.due().await;
                clock::now()
            }
        };
        sleep_until(clock::after(due, jitter).into()).await;
    }

    fn draw(&self) -> Duration {
        clock::share(self.jitter, chance())
    }
}

/// Returns the first multiple of the period after `last` that has not passed at `now`.
fn tick(last: Instant, period: Duration, now: Instant) -> Instant {
    let next = clock::after(last, period);
    if next >= now {
        return next;
    }
    let into = now.saturating_duration_since(last).as_nanos() % period.as_nanos();
    if into == 0 {
        return now;
    }
    let into = u64::try_from(into).map_or(Duration::ZERO, Duration::from_nanos);
    clock::after(now, period.saturating_sub(into))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tick_is_the_first_multiple_that_has_not_passed(
            period in 1_000_000..100_000_000_000_u64, late in 0..1_000_000_000_000_u64,
        ) {
            let (last, period) = (clock::now(), Duration::from_nanos(period));
            let now = last + Duration::from_nanos(late);
            let tick = tick(last, period, now);
            prop_assert_eq!((tick - last).as_nanos() % period.as_nanos(), 0);
            prop_assert!(tick > last && tick >= now);
            prop_assert!(tick - period == last || tick - period < now, "an earlier one had not passed either");
        }
    }

    #[test]
    fn a_ticker_with_the_longest_period_waits_more_than_a_year() {
        let now = clock::now();
        assert!(tick(now, Duration::MAX, now) > now + Duration::from_secs(86_400 * 365));
    }
}
