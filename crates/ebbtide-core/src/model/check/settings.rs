use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use crate::model::millis;

/// The settings of a readiness check: how often it runs, and when it turns red (failing) or green (passing).
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// use std::time::Duration;
/// use ebbtide::model::Check;
///
/// let check = Check::every(Duration::from_secs(5))
///     .timeout(Duration::from_millis(500))
///     .failures(2)
///     .critical(Duration::from_secs(60));
/// # let _ = check;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "these settings run nothing until a check is registered with them"]
pub struct Check {
    every: Duration,
    timeout: Duration,
    pub(super) failures: NonZeroU32,
    pub(super) passes: NonZeroU32,
    critical: Option<Duration>,
    advisory: bool,
}

impl Check {
    /// Creates settings that run the check at once and then every `interval`, from the start of one run to the start of the next.
    ///
    /// A run that takes longer than the interval delays the next one. An interval of zero is taken as one millisecond.
    ///
    /// The other defaults are those of a Kubernetes probe: a run fails after one second, a green check turns red at the third
    /// failure in a row, and a red check turns green at the first pass.
    pub fn every(interval: Duration) -> Self {
        let three = NonZeroU32::MIN.saturating_add(2);
        Self {
            every: interval.max(Duration::from_millis(1)),
            timeout: Duration::from_secs(1),
            failures: three,
            passes: NonZeroU32::MIN,
            critical: None,
            advisory: false,
        }
    }

    /// Sets the timeout of a run. A run that exceeds it has failed. Default: one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many failures in a row turn a green check red; at least one. Default: three.
    pub fn failures(mut self, count: u32) -> Self {
        self.failures = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Sets how many passes in a row turn a red check green; at least one. Default: one.
    pub fn passes(mut self, count: u32) -> Self {
        self.passes = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Makes the check critical: the shutdown begins, as a failure, when the check has been red for `time`.
    ///
    /// Use it for what only a restart repairs. The time counts from the first failed run that finds the check red in the phase
    /// Ready. Do not check a dependency that all replicas share: a database that is down would restart every replica and repair
    /// nothing.
    pub fn critical(mut self, time: Duration) -> Self {
        self.critical = Some(time);
        self
    }

    /// Makes the check advisory: it is shown with the others, never makes the service unready and never begins the shutdown.
    pub fn advisory(mut self) -> Self {
        self.advisory = true;
        self
    }
}

/// The values that `ebbtide` reads to run a check. Hidden: users only set them.
#[doc(hidden)]
impl Check {
    /// Returns the time from the start of one run to the start of the next.
    pub fn interval(&self) -> Duration {
        self.every
    }

    /// Returns the timeout of a run.
    pub fn run_limit(&self) -> Duration {
        self.timeout
    }

    /// Returns how long the check may stay red before the shutdown begins; `None` for an advisory check.
    pub fn critical_after(&self) -> Option<Duration> {
        self.critical.filter(|_| !self.advisory)
    }

    /// Returns whether the check has no effect on readiness.
    pub fn is_advisory(&self) -> bool {
        self.advisory
    }
}

impl From<Duration> for Check {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}

/// The status of a readiness check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckStatus {
    /// The check's name.
    pub name: String,
    /// Whether it is green (passing).
    pub passing: bool,
    /// Whether the service is not ready while the check is red (failing).
    pub required: bool,
    /// How long it may stay red before the shutdown begins; `None` if it never begins the shutdown.
    #[serde(rename = "critical_after_ms", serialize_with = "millis_if_any")]
    pub critical_after: Option<Duration>,
    /// How long it has been green or red.
    #[serde(rename = "for_ms", with = "millis")]
    pub age: Duration,
    /// The error of the last run; `None` after a pass, and before the first run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl CheckStatus {
    /// Creates the status of a check that has not run yet.
    pub fn new(name: impl Into<String>, check: &Check) -> Self {
        Self {
            name: name.into(),
            passing: false,
            required: !check.is_advisory(),
            critical_after: check.critical_after(),
            age: Duration::ZERO,
            error: None,
        }
    }
}

fn millis_if_any<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis::serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}
