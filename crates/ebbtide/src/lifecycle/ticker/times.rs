use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::every::{Every, Schedule};
use crate::runtime::{chance, clock};

/// When the runs of one ticker are due.
#[derive(Debug)]
pub(super) struct Times {
    schedule: Schedule,
    jitter: Duration,
    at_once: bool,
    /// The multiple of the period that the last run belonged to; at first, the beginning.
    tick: Instant,
}

impl Times {
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
    fn a_period_that_never_ends_is_no_mistake() {
        let now = clock::now();
        assert!(tick(now, Duration::MAX, now) > now + Duration::from_secs(86_400 * 365));
    }
}
