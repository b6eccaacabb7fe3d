use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use croner::Cron as Pattern;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::every::{Every, Schedule};
use crate::runtime::clock;

/// A cron expression or a time zone that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// The expression is none.
    #[error("`{expression}` is no cron expression: {source}")]
    Expression {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        source: croner::errors::CronError,
    },
    /// The expression names no time that is still to come, such as a 30th of February.
    #[error("`{expression}` never comes")]
    Never {
        /// What was given.
        expression: String,
    },
    /// The time zone is not known here.
    #[error(
        "the time zone `{zone}` is not known here: {source}; is the system's time zone database (tzdata) installed?"
    )]
    Zone {
        /// What was given.
        zone: String,
        /// What is wrong with it.
        source: jiff::Error,
    },
    /// Only cron expressions have a time zone.
    #[error("a fixed rate or delay has no time zone")]
    NoZone,
}

/// Cron expressions.
impl Every {
    /// At the times of a cron expression: five fields (minute, hour, day of the month, month, day of the week), six with the
    /// seconds in front, seven with the year behind, or `@daily` and its like. They are read by the crate croner.
    ///
    /// The times are those of the wall clock, in UTC unless [`zone`](Self::zone) says otherwise; a clock that is set is seen within
    /// half a minute, and no time is taken twice when it is set back. Times that were missed are skipped.
    ///
    /// # Errors
    ///
    /// When the expression is none, or names no time to come.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::lifecycle::Every;
    ///
    /// # fn register(life: &ebbtide::Life) -> Result<(), ebbtide::BoxError> {
    /// let nightly = Every::cron("30 3 * * *")?.zone("Europe/Berlin")?;
    /// life.every("nightly report", nightly, || async { Ok(()) });
    /// # Ok(()) }
    /// assert!(Every::cron("61 * * * *").is_err());
    /// ```
    pub fn cron(expression: &str) -> Result<Self, CronError> {
        let failed = |source| CronError::Expression { expression: expression.to_owned(), source };
        let pattern = Pattern::from_str(expression).map_err(failed)?;
        let cron = Cron { pattern: Box::new(pattern), zone: TimeZone::UTC, last: None, wall: clock::wall };
        let never = || CronError::Never { expression: expression.to_owned() };
        cron.after(zoned(clock::wall(), &TimeZone::UTC)).ok_or_else(never)?;
        Ok(Self::new(Schedule::Cron(Box::new(cron))))
    }

    /// Reads the cron expression in a time zone of the IANA database, such as `Europe/Berlin`, which the system has to have.
    ///
    /// Where the clock goes forward, a fixed time in the gap (`30 2 * * *`) comes right after it, and what comes by the interval
    /// (`*/5 * * * *`) has no times in it. Where the clock goes back, a fixed time comes once, the first time, and what comes
    /// by the interval goes on through the hour that comes twice.
    ///
    /// # Errors
    ///
    /// When the zone is not known, and for anything but a cron expression.
    pub fn zone(mut self, name: &str) -> Result<Self, CronError> {
        let failed = |source| CronError::Zone { zone: name.to_owned(), source };
        match &mut self.schedule {
            Schedule::Cron(cron) => cron.zone = TimeZone::get(name).map_err(failed)?,
            Schedule::Rate(_) | Schedule::Delay(_) => return Err(CronError::NoZone),
        }
        Ok(self)
    }
}

/// The times of a cron expression.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    pattern: Box<Pattern>,
    zone: TimeZone,
    /// The last one that came.
    last: Option<Zoned>,
    wall: fn() -> SystemTime,
}

/// How soon a wall clock that was set is noticed.
const LOOK: Duration = Duration::from_secs(30);

impl Cron {
    /// Waits until the next time has come.
    pub(super) async fn due(&mut self) {
        let now = self.now();
        let after = self.last.take().filter(|last| *last > now).unwrap_or(now);
        let Some(due) = self.after(after) else {
            // In thousands of years.
            return std::future::pending().await;
        };
        // Kept before the wait: whoever drops it at the stop asks no more.
        self.last = Some(due.clone());
        loop {
            let left = Duration::try_from(due.timestamp().duration_since(self.now().timestamp()));
            match left {
                Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(LOOK)).await,
                _ => return,
            }
        }
    }

    fn after(&self, time: Zoned) -> Option<Zoned> {
        self.pattern.find_next_occurrence(&time, false).ok()
    }

    fn now(&self) -> Zoned {
        zoned((self.wall)(), &self.zone)
    }
}

/// A clock outside of the years that a calendar knows is taken as 1970.
fn zoned(time: SystemTime, zone: &TimeZone) -> Zoned {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// The times of an expression from a moment on, as a calendar shows them.
    fn times(every: Every, from: &str, count: usize) -> Vec<String> {
        let Schedule::Cron(cron) = every.schedule else { panic!("a cron expression") };
        let mut at: Zoned = from.parse::<Timestamp>().expect("a time").to_zoned(cron.zone.clone());
        let next = |_| {
            at = cron.after(at.clone()).expect("there is one");
            at.strftime("%m-%d %H:%M%:z").to_string()
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn it_is_utc_unless_a_zone_is_named() {
        let utc = times(Every::cron("30 3 * * *").unwrap(), "2026-07-01T00:00:00Z", 2);
        assert_eq!(utc, ["07-01 03:30+00:00", "07-02 03:30+00:00"]);
        let berlin = Every::cron("30 3 * * *").unwrap().zone("Europe/Berlin").unwrap();
        assert_eq!(times(berlin, "2026-07-01T00:00:00Z", 1), ["07-01 03:30+02:00"]);
    }

    #[test]
    fn a_fixed_time_in_the_hour_that_is_left_out_comes_right_after_it_and_once_in_the_one_that_comes_twice() {
        let berlin = || Every::cron("30 2 * * *").unwrap().zone("Europe/Berlin").unwrap();
        let spring = times(berlin(), "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["03-28 02:30+01:00", "03-29 03:00+02:00", "03-30 02:30+02:00"]);
        let autumn = times(berlin(), "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
    }

    #[test]
    fn what_comes_by_the_interval_leaves_no_hour_out_and_none_twice() {
        let berlin = || Every::cron("*/30 * * * *").unwrap().zone("Europe/Berlin").unwrap();
        let spring = times(berlin(), "2026-03-29T00:29:00Z", 3);
        assert_eq!(spring, ["03-29 01:30+01:00", "03-29 03:00+02:00", "03-29 03:30+02:00"]);
        let autumn = times(berlin(), "2026-10-25T00:00:00Z", 4);
        assert_eq!(
            autumn,
            ["10-25 02:30+02:00", "10-25 02:00+01:00", "10-25 02:30+01:00", "10-25 03:00+01:00"]
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        for (expression, why) in [
            ("", "no cron expression"),
            ("* * *", "no cron expression"),
            ("61 * * * *", "no cron expression"),
            ("every day", "no cron expression"),
            ("0 0 30 2 *", "never comes"),
        ] {
            let error = Every::cron(expression).expect_err(expression).to_string();
            assert!(error.contains(why) && error.contains(expression), "{error}");
        }
        let error =
            Every::cron("@daily").unwrap().zone("Europe/Nowhere").expect_err("no such zone").to_string();
        assert!(error.contains("Europe/Nowhere") && error.contains("tzdata"), "{error}");
        assert!(matches!(Every::rate(LOOK).zone("Europe/Berlin"), Err(CronError::NoZone)));
    }

    /// A wall clock that follows the paused one, from a quarter past twelve.
    fn wall() -> SystemTime {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        let quarter = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_500);
        let now = clock::now();
        quarter + now.saturating_duration_since((*BEGAN.get_or_init(|| now.into())).into())
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_the_wall_clock_and_takes_no_time_twice() {
        let Schedule::Cron(mut cron) = Every::cron("*/5 * * * *").unwrap().schedule else { panic!("cron") };
        cron.wall = wall;
        let began = clock::now();
        let mut came = Vec::new();
        for missed in [0, 0, 700, 0] {
            cron.due().await;
            came.push((clock::now() - began).as_secs());
            // As long as a run takes.
            sleep(Duration::from_secs(missed)).await;
        }
        assert_eq!(came[1] - came[0], 300);
        // The third run took 700 s: two times passed, and the next is the one after them.
        assert_eq!((came[2] - came[1], came[3] - came[2]), (300, 900));
    }
}
