use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LONGEST_TIME, Plan, Platform, Stage, part, show_duration};

/// The time that a shutdown has, and how the stages share it. A field that is `None` is derived.
///
/// The deadline is `grace − margin`, one for all stages. Each stage after the lame duck has a reserved minimum that
/// earlier stages cannot use. Time that an earlier stage does not use is available to the later ones.
///
/// A time above [`LONGEST_TIME`], such as [`Duration::MAX`], is reduced to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// The platform that runs the process.
    pub platform: Platform,
    /// The time between the stop signal and SIGKILL. Default: the platform's.
    pub grace: Option<Duration>,
    /// How long before SIGKILL the process must have exited. Default: a sixth of the grace period, at most 5 s.
    pub margin: Option<Duration>,
    /// How long the service serves new requests after the signal. Default: the platform's, at most three fifths of
    /// `grace − margin`.
    pub lame_duck: Option<LameDuck>,
    /// The minimum for servers to finish what is in flight. Default: a twentieth of `grace − margin`, at most 2 s.
    pub servers: Option<Duration>,
    /// The minimum for the workers. Default: as for the servers.
    pub workers: Option<Duration>,
    /// The minimum for the resources. Default: as for the servers.
    pub resources: Option<Duration>,
    /// The minimum for the flushers. Default: half of the default for the resources.
    pub telemetry: Option<Duration>,
    /// The time after the first signal in which another one counts as its duplicate. Default: 300 ms.
    pub signal_guard: Option<Duration>,
}

/// The lame duck: how long a service serves new requests after the stop signal.
///
/// It ends when `min` has passed and no new request came for `quiet`, and at `max` in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LameDuck {
    /// The minimum time.
    #[serde(rename = "min_ms", with = "super::millis")]
    pub min: Duration,
    /// The time without a new request after which it ends.
    #[serde(rename = "quiet_ms", with = "super::millis")]
    pub quiet: Duration,
    /// The maximum time.
    #[serde(rename = "max_ms", with = "super::millis")]
    pub max: Duration,
}

/// An invalid budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The margin leaves less than 100 ms of the grace period. Raise the grace period or lower the margin.
    #[error(
        "invalid budget: {} (grace period) - {} (margin) is below the minimum of 100ms",
        show_duration(*grace), show_duration(*margin)
    )]
    NothingLeft {
        /// The grace period.
        grace: Duration,
        /// The margin.
        margin: Duration,
    },
    /// The lame duck and the minimums exceed the deadline. Raise the grace period, or lower the lame duck or a minimum.
    #[error("invalid budget: {sum}")]
    DoesNotFit {
        /// The arithmetic.
        sum: String,
    },
    /// The minimum of the lame duck exceeds its maximum.
    #[error("invalid lame duck: minimum {} exceeds maximum {}", show_duration(*min), show_duration(*max))]
    LameDuck {
        /// The minimum.
        min: Duration,
        /// The maximum.
        max: Duration,
    },
}

impl LameDuck {
    /// A lame duck of zero: servers close at the signal.
    pub const NONE: Self = Self { min: Duration::ZERO, quiet: Duration::ZERO, max: Duration::ZERO };

    /// Creates a lame duck of exactly `time`.
    pub fn exactly(time: Duration) -> Self {
        Self { min: time, quiet: Duration::ZERO, max: time }
    }

    fn at_most(self, limit: Duration) -> Self {
        Self { min: self.min.min(limit), quiet: self.quiet.min(limit), max: self.max.min(limit) }
    }
}

impl Budget {
    /// Creates a budget with the defaults of a platform.
    pub fn of(platform: Platform) -> Self {
        Self {
            platform,
            grace: None,
            margin: None,
            lame_duck: None,
            servers: None,
            workers: None,
            resources: None,
            telemetry: None,
            signal_guard: None,
        }
    }

    /// Computes the plan of this budget.
    ///
    /// # Errors
    ///
    /// Returns an error if `grace − margin` is below 100 ms, if the minimum of the lame duck exceeds its maximum, or if the parts
    /// exceed `grace − margin`; the error shows the arithmetic.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// use std::time::Duration;
    /// use ebbtide::model::{Budget, Platform};
    ///
    /// let plan = Budget::of(Platform::Kubernetes).plan().unwrap();
    /// assert_eq!(plan.deadline, Duration::from_secs(25));
    /// ```
    pub fn plan(&self) -> Result<Plan, BudgetError> {
        let bounded = |time: Option<Duration>| time.map(|time| time.min(LONGEST_TIME));
        let grace = bounded(self.grace).unwrap_or_else(|| self.platform.grace());
        let margin = bounded(self.margin).unwrap_or_else(|| part(grace, 1, 6).min(Duration::from_secs(5)));
        let deadline = grace.saturating_sub(margin);
        if deadline < Duration::from_millis(100) {
            return Err(BudgetError::NothingLeft { grace, margin });
        }
        let lame_duck = self.lame_duck.map(|duck| duck.at_most(LONGEST_TIME)).unwrap_or_else(|| {
            // Three fifths of 25 s are the 15 s of Kubernetes; a shorter grace period reduces them.
            self.platform.lame_duck().at_most(part(deadline, 3, 5))
        });
        if lame_duck.min > lame_duck.max {
            return Err(BudgetError::LameDuck { min: lame_duck.min, max: lame_duck.max });
        }
        let share = part(deadline, 1, 20).min(Duration::from_secs(2));
        let servers = bounded(self.servers).unwrap_or(share);
        let workers = bounded(self.workers).unwrap_or(share);
        let resources = bounded(self.resources).unwrap_or(share);
        let telemetry = bounded(self.telemetry).unwrap_or(part(share, 1, 2));
        let forced = part(deadline, 1, 20).clamp(Duration::from_millis(20), Duration::from_millis(500));
        let parts = [
            (lame_duck.max, "lame duck maximum"),
            (servers, "servers"),
            (workers, "workers"),
            (resources, "resources"),
            (telemetry, "telemetry"),
            (forced, "forced exit"),
        ];
        let sum = parts.iter().fold(Duration::ZERO, |sum, (time, _)| sum.saturating_add(*time));
        if sum > deadline {
            let parts = parts.map(|(time, name)| format!("{} ({name})", show_duration(time)));
            let sum = format!(
                "{} = {} > {} = {} (grace period) - {} (margin)",
                parts.join(" + "),
                show_duration(sum),
                show_duration(deadline),
                show_duration(grace),
                show_duration(margin),
            );
            return Err(BudgetError::DoesNotFit { sum });
        }
        let telemetry_end = deadline.saturating_sub(forced);
        let resources_end = telemetry_end.saturating_sub(telemetry);
        let workers_end = resources_end.saturating_sub(resources);
        let servers_end = workers_end.saturating_sub(workers);
        Ok(Plan {
            platform: self.platform,
            grace,
            margin,
            deadline,
            lame_duck,
            servers_end,
            workers_end,
            resources_end,
            telemetry_end,
            cancel_allowance: part(deadline, 1, 10)
                .clamp(Duration::from_millis(5), Duration::from_millis(500)),
            signal_guard: bounded(self.signal_guard).unwrap_or_else(Plan::default_signal_guard),
        })
    }

    /// Sets the minimum of a stage. Intake and servers share one.
    pub fn reserve(&mut self, stage: Stage, minimum: Duration) {
        let slot = match stage {
            Stage::Intake | Stage::Servers => &mut self.servers,
            Stage::Workers => &mut self.workers,
            Stage::Resources => &mut self.resources,
            Stage::Telemetry => &mut self.telemetry,
        };
        *slot = Some(minimum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    const ALL: [Platform; 8] = [
        Platform::Kubernetes,
        Platform::Ecs,
        Platform::CloudRun,
        Platform::Nomad,
        Platform::Fly,
        Platform::Heroku,
        Platform::Systemd,
        Platform::Plain,
    ];

    #[test]
    fn every_platform_has_a_valid_default_plan() {
        for platform in ALL {
            let plan = Budget::of(platform).plan().expect("the default fits");
            assert!(plan.lame_duck.max <= plan.servers_end, "{platform}");
            assert!(plan.telemetry_end < plan.deadline && plan.deadline < plan.grace, "{platform}");
        }
    }

    #[test]
    fn the_margin_is_five_seconds_of_thirty_and_scales_down() {
        let margin = |seconds| {
            let grace = Some(Duration::from_secs(seconds));
            Budget { grace, ..Budget::of(Platform::Plain) }.plan().map(|plan| plan.margin)
        };
        assert_eq!(margin(30), Ok(Duration::from_secs(5)));
        assert_eq!(margin(6), Ok(Duration::from_secs(1)));
        assert_eq!(margin(300), Ok(Duration::from_secs(5)));
    }

    #[test]
    fn the_error_of_an_invalid_budget_shows_the_arithmetic() {
        let lame_duck = Some(LameDuck::exactly(Duration::from_secs(24)));
        let budget = Budget { lame_duck, ..Budget::of(Platform::Kubernetes) };
        let error = budget.plan().expect_err("24 s of 25 s leave too little").to_string();
        assert_eq!(
            error,
            "invalid budget: 24s (lame duck maximum) + 1.25s (servers) + 1.25s (workers) + 1.25s (resources) \
             + 625ms (telemetry) + 500ms (forced exit) = 28.875s > 25s = 30s (grace period) - 5s (margin)"
        );
    }

    #[test]
    fn invalid_budgets_are_rejected() {
        let none = Budget { grace: Some(Duration::ZERO), ..Budget::of(Platform::Plain) };
        assert!(matches!(none.plan(), Err(BudgetError::NothingLeft { .. })));
        let (min, max) = (Duration::from_secs(2), Duration::from_secs(1));
        let lame_duck = Some(LameDuck { min, quiet: Duration::ZERO, max });
        let crossed = Budget { lame_duck, ..Budget::of(Platform::Plain) };
        assert_eq!(crossed.plan(), Err(BudgetError::LameDuck { min, max }));
    }

    #[test]
    fn error_texts_have_the_form() {
        let second = Duration::from_secs(1);
        let error = |grace, lame_duck| {
            let budget =
                Budget { grace, margin: Some(second), lame_duck, ..Budget::of(Platform::Kubernetes) };
            budget.plan().expect_err("does not fit")
        };
        error_form::walk! {
            BudgetError::NothingLeft { .. } => error(Some(second), None);
            BudgetError::DoesNotFit { .. } => error(None, Some(LameDuck::exactly(Duration::from_secs(24))));
            BudgetError::LameDuck { .. } => error(None, Some(LameDuck { min: second, quiet: second, max: Duration::ZERO }));
        }
    }
}
