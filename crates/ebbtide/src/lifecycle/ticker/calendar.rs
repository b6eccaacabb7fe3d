use std::time::{Duration, SystemTime};

use croner::Cron as Pattern;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::util::clock;

/// The times of a cron expression on the wall clock.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    pattern: Box<Pattern>,
    pub(super) zone: TimeZone,
    /// The latest time that the wall clock has shown: no time up to it is scheduled again.
    latest: Option<Zoned>,
    wall: fn() -> SystemTime,
}

/// How soon a change of the wall clock is detected.
const LOOK: Duration = Duration::from_secs(30);

/// If the wall clock is set back by more than this, the earlier time was wrong. The value is that of vixie-cron, cron(8).
const CORRECTION: Duration = Duration::from_secs(3 * 3600);

impl Calendar {
    /// Creates a calendar for a pattern, in UTC.
    pub(super) fn new(pattern: Pattern) -> Self {
        Self { pattern: Box::new(pattern), zone: TimeZone::UTC, latest: None, wall: clock::wall }
    }

    /// Returns whether no future time exists.
    pub(super) fn is_over(&self) -> bool {
        self.after(self.now()).is_none()
    }

    /// Waits until the next time.
    pub(super) async fn due(&mut self) {
        let mut next = None;
        loop {
            let now = self.now();
            if let Some(latest) = self.latest.take_if(|latest| left(&now, latest) > CORRECTION) {
                let expression = self.pattern.as_str();
                crate::runtime::log_warn!(expression, from = %latest, to = %now, "wall clock was set back; schedule continues from the new time");
                next = None;
            }
            let latest = self.latest.take().filter(|latest| *latest > now).unwrap_or_else(|| now.clone());
            let Some(due) = next.take().or_else(|| self.after(latest.clone())) else {
                // The next time is thousands of years away.
                return std::future::pending().await;
            };
            // Stored before the wait, because the caller may drop this future at the shutdown.
            self.latest = Some(latest);
            let left = left(&now, &due);
            if left.is_zero() {
                return;
            }
            next = Some(due);
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }

    pub(super) fn after(&self, time: Zoned) -> Option<Zoned> {
        self.pattern.find_next_occurrence(&time, false).ok()
    }

    fn now(&self) -> Zoned {
        zoned((self.wall)(), &self.zone)
    }
}

/// Returns the time left until `time`; zero if it has passed.
fn left(now: &Zoned, time: &Zoned) -> Duration {
    Duration::try_from(time.timestamp().duration_since(now.timestamp())).unwrap_or_default()
}

/// A clock outside of the supported years is treated as 1970.
fn zoned(time: SystemTime, zone: &TimeZone) -> Zoned {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use tokio::time::sleep;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    thread_local! {
        /// When the test began, and by how many seconds it has changed its clock since.
        static CLOCK: Cell<(Option<Instant>, i64)> = const { Cell::new((None, 0)) };
    }

    /// A wall clock that follows the paused clock from 20:35 on, until it is set.
    fn wall() -> SystemTime {
        let (began, set) = CLOCK.get();
        let now = clock::now();
        CLOCK.set((Some(began.unwrap_or(now)), set));
        let evening = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_500);
        let time = evening + began.map_or(Duration::ZERO, |began| now - began);
        let by = Duration::from_secs(set.unsigned_abs());
        if set < 0 { time - by } else { time + by }
    }

    fn set(by: i64) {
        let (began, set) = CLOCK.get();
        CLOCK.set((began, set + by));
    }

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const YEAR: i64 = 365 * 86_400;

    /// The times of an expression by that clock.
    fn calendar(expression: &str) -> Calendar {
        wall();
        Calendar { wall, ..Calendar::new(expression.parse().unwrap()) }
    }

    /// Waits for the next time, with the clock set `after` that many seconds; returns the seconds until it came.
    async fn comes(calendar: &mut Calendar, set_by: i64, after: u64) -> u64 {
        let began = clock::now();
        let sets = async {
            sleep(Duration::from_secs(after)).await;
            set(set_by);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = calendar.due() => (),
            () = sets => (),
        }
        (clock::now() - began).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_calendar_ticker_waits_for_the_wall_clock_and_skips_missed_times() {
        let mut calendar = calendar("*/5 * * * *");
        for (missed, next) in [(0, 300), (0, 300), (700, 300), (0, 200)] {
            assert_eq!(comes(&mut calendar, 0, 0).await, next);
            // As long as a run takes: two times passed during the third run, and the next time is the one after them.
            sleep(Duration::from_secs(missed)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_forward_is_detected_within_half_a_minute() {
        let mut calendar = calendar("0 3 * * *");
        let came = comes(&mut calendar, 6 * 3600, HOUR + 7).await;
        assert!((HOUR + 7..=HOUR + 7 + LOOK.as_secs()).contains(&came), "03:00 has passed: {came}");
        assert!(comes(&mut calendar, 0, 0).await > 23 * HOUR, "the next night");
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_runs_twice_after_a_small_clock_correction() {
        for (while_it_waits, hours) in [(true, 1), (true, 3), (false, 1), (false, 3)] {
            let mut calendar = calendar("*/5 * * * *");
            assert_eq!(comes(&mut calendar, 0, 0).await, 5 * MINUTE);
            let back = -3600 * i64::try_from(hours).unwrap();
            let came = if while_it_waits {
                comes(&mut calendar, back, 100).await
            } else {
                set(back);
                comes(&mut calendar, 0, 0).await
            };
            assert_eq!(came, 5 * MINUTE + hours * HOUR, "while it waits: {while_it_waits}");
            assert_eq!(comes(&mut calendar, 0, 0).await, 5 * MINUTE, "and goes on");
            CLOCK.set((None, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_back_by_much_is_warned_about_and_the_schedule_continues() {
        let said = Said::default();
        let subscriber = tracing_subscriber::fmt().with_writer(said.clone()).with_ansi(false).finish();
        let _here = tracing::subscriber::set_default(subscriber);
        for while_it_waits in [true, false] {
            let mut calendar = calendar("*/5 * * * *");
            set(YEAR);
            assert_eq!(comes(&mut calendar, 0, 0).await, 5 * MINUTE);
            assert_eq!(said.take(), "");
            if while_it_waits {
                assert_eq!(comes(&mut calendar, -YEAR, 100).await, 5 * MINUTE);
            } else {
                set(-YEAR);
                assert_eq!(comes(&mut calendar, 0, 0).await, 5 * MINUTE);
            }
            let warned = said.take();
            assert!(warned.contains("WARN") && warned.contains("was set back"), "{warned}");
            assert!(warned.contains("*/5 * * * *") && warned.lines().count() == 1, "{warned}");
            assert_eq!(comes(&mut calendar, 0, 0).await, 5 * MINUTE, "and goes on");
            CLOCK.set((None, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_back_repeatedly_does_not_stop_the_ticker() {
        let mut calendar = calendar("*/5 * * * *");
        for _ in 0..5 {
            set(-2 * 3600);
            let came = comes(&mut calendar, 0, 0).await;
            assert!(came <= CORRECTION.as_secs(), "{came}");
        }
    }

    /// The captured log.
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Said {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    impl std::io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Said {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }
}
