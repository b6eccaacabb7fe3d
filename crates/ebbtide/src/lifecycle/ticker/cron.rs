use std::str::FromStr as _;

use croner::Cron as Pattern;
use jiff::tz::TimeZone;

use super::calendar::Calendar;
use super::every::{Every, Schedule};

/// A cron expression or a time zone that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// The expression is invalid.
    #[error("invalid cron expression `{expression}`")]
    Expression {
        /// The given text.
        expression: String,
        /// The cause.
        source: croner::errors::CronError,
    },
    /// The expression matches no future time, such as a 30th of February.
    #[error("cron expression `{expression}` never matches a future time")]
    Never {
        /// The given text.
        expression: String,
    },
    /// The time zone is unknown: invalid, or the time zone database (tzdata) of the system is not installed.
    #[error("time zone `{zone}` not found in the system's time zone database (tzdata)")]
    Zone {
        /// The given text.
        zone: String,
        /// The cause.
        source: jiff::Error,
    },
    /// Only cron expressions have a time zone.
    #[error("time zone set on a fixed rate or delay")]
    NoZone,
}

/// Cron expressions.
impl Every {
    /// At the times of a cron expression: five fields (minute, hour, day of the month, month, day of the week), six with the
    /// seconds in front, seven with the year behind, or `@daily` and its like. They are read by the crate croner.
    ///
    /// The times are those of the wall clock, in UTC unless [`zone`](Self::zone) says otherwise. Times that were missed are skipped.
    /// Under tokio's paused time the wall clock goes on with it, from where it stood.
    ///
    /// A changed wall clock is detected within half a minute. If it is set back, no time runs twice. If it is set back by more
    /// than three hours, the earlier time is assumed to have been wrong: this is logged, and the schedule continues from the new
    /// time.
    ///
    /// # Errors
    ///
    /// When the expression is invalid or matches no future time.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::lifecycle::Every;
    ///
    /// # fn register(app: &ebbtide::Handle) -> Result<(), ebbtide::BoxError> {
    /// let nightly = Every::cron("30 3 * * *")?.zone("Europe/Berlin")?;
    /// app.every("nightly report", nightly, || async { Ok(()) });
    /// # Ok(()) }
    /// assert!(Every::cron("61 * * * *").is_err());
    /// ```
    pub fn cron(expression: &str) -> Result<Self, CronError> {
        let failed = |source| CronError::Expression { expression: expression.to_owned(), source };
        let pattern = Pattern::from_str(expression).map_err(failed)?;
        let calendar = Calendar::new(pattern);
        if calendar.is_over() {
            return Err(CronError::Never { expression: expression.to_owned() });
        }
        Ok(Self::new(Schedule::Cron(Box::new(calendar))))
    }

    /// Evaluates the cron expression in a time zone of the IANA database, such as `Europe/Berlin`. The system must have that
    /// database.
    ///
    /// If the clock is set forward, a fixed time in the gap (`30 2 * * *`) runs right after it, and an interval (`*/5 * * * *`)
    /// has no times in the gap. If the clock is set back, a fixed time runs once, at its first occurrence, and an interval
    /// continues through the repeated hour.
    ///
    /// # Errors
    ///
    /// When the zone is unknown, or the schedule is not a cron expression.
    pub fn zone(mut self, name: &str) -> Result<Self, CronError> {
        let failed = |source| CronError::Zone { zone: name.to_owned(), source };
        match &mut self.schedule {
            Schedule::Cron(calendar) => calendar.zone = TimeZone::get(name).map_err(failed)?,
            Schedule::Rate(_) | Schedule::Delay(_) => return Err(CronError::NoZone),
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{Timestamp, Zoned};

    use super::*;
    use crate::error_form;

    /// The times of an expression from a start time on, as a calendar returns them.
    fn times(every: Every, from: &str, count: usize) -> Vec<String> {
        let Schedule::Cron(calendar) = every.schedule else { panic!("a cron expression") };
        let mut at: Zoned = from.parse::<Timestamp>().expect("a time").to_zoned(calendar.zone.clone());
        let next = |_| {
            at = calendar.after(at.clone()).expect("there is one");
            at.strftime("%m-%d %H:%M%:z").to_string()
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_cron_schedule_is_in_utc_unless_a_zone_is_named() {
        let utc = times(Every::cron("30 3 * * *").unwrap(), "2026-07-01T00:00:00Z", 2);
        assert_eq!(utc, ["07-01 03:30+00:00", "07-02 03:30+00:00"]);
        let berlin = Every::cron("30 3 * * *").unwrap().zone("Europe/Berlin").unwrap();
        assert_eq!(times(berlin, "2026-07-01T00:00:00Z", 1), ["07-01 03:30+02:00"]);
    }

    #[test]
    fn a_fixed_time_in_a_skipped_hour_runs_after_it_and_once_in_a_repeated_hour() {
        let berlin = || Every::cron("30 2 * * *").unwrap().zone("Europe/Berlin").unwrap();
        let spring = times(berlin(), "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["03-28 02:30+01:00", "03-29 03:00+02:00", "03-30 02:30+02:00"]);
        let autumn = times(berlin(), "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
    }

    #[test]
    fn an_interval_schedule_runs_at_every_interval_across_clock_changes() {
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
    fn an_unusable_cron_expression_is_refused_with_a_reason() {
        for (expression, why) in [
            ("", "invalid cron expression"),
            ("* * *", "invalid cron expression"),
            ("61 * * * *", "invalid cron expression"),
            ("every day", "invalid cron expression"),
            ("0 0 30 2 *", "never matches a future time"),
        ] {
            let error = Every::cron(expression).expect_err(expression).to_string();
            assert!(error.contains(why) && error.contains(expression), "{error}");
        }
        let error =
            Every::cron("@daily").unwrap().zone("Europe/Nowhere").expect_err("no such zone").to_string();
        assert!(error.contains("Europe/Nowhere") && error.contains("tzdata"), "{error}");
        assert!(matches!(Every::rate(Duration::from_secs(30)).zone("Europe/Berlin"), Err(CronError::NoZone)));
    }

    #[test]
    fn error_texts_have_the_form() {
        let midnight = Every::cron("0 0 * * *").expect("every midnight");
        error_form::walk! {
            CronError::Expression { .. } => Every::cron("61 * * * *").expect_err("there is no such minute");
            CronError::Never { .. } => Every::cron("0 0 30 2 *").expect_err("there is no such day");
            CronError::Zone { .. } => midnight.zone("Nowhere/Never").expect_err("there is no such zone");
            CronError::NoZone => CronError::NoZone;
        }
    }
}
