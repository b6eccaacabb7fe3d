use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LameDuck, Platform, Stage, part, show_duration};

/// Says when each part of a stop is over at the latest, counted from the moment the stop begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// What runs the process.
    pub platform: Platform,
    /// The time between the stop signal and SIGKILL.
    #[serde(rename = "grace_ms", with = "super::millis")]
    pub grace: Duration,
    /// How much earlier to be gone.
    #[serde(rename = "margin_ms", with = "super::millis")]
    pub margin: Duration,
    /// `grace − margin`: the process is gone by then, whatever happens.
    #[serde(rename = "deadline_ms", with = "super::millis")]
    pub deadline: Duration,
    /// How long to go on serving.
    pub lame_duck: LameDuck,
    /// Intake and servers are over.
    #[serde(rename = "servers_end_ms", with = "super::millis")]
    pub servers_end: Duration,
    /// The workers are over.
    #[serde(rename = "workers_end_ms", with = "super::millis")]
    pub workers_end: Duration,
    /// The resources are closed.
    #[serde(rename = "resources_end_ms", with = "super::millis")]
    pub resources_end: Duration,
    /// The flushers are over; what is left until the deadline is the watchdog's.
    #[serde(rename = "telemetry_end_ms", with = "super::millis")]
    pub telemetry_end: Duration,
    /// How long before its deadline a component is cut, so that it can hand back what it holds.
    #[serde(rename = "cancel_allowance_ms", with = "super::millis")]
    pub cancel_allowance: Duration,
    /// How long after the first signal another one counts as a duplicate of it.
    #[serde(rename = "signal_guard_ms", with = "super::millis", default = "Plan::default_signal_guard")]
    pub signal_guard: Duration,
}

impl Plan {
    /// Longer than any duplicate of one delivery takes, shorter than a person needs to press Ctrl-C again.
    pub(super) fn default_signal_guard() -> Duration {
        Duration::from_millis(300)
    }

    /// Returns whether a signal that comes `after` the first one ends the process.
    ///
    /// It does not within the guard time: a terminal and a parent that forwards, or a process group and a trapping shell, deliver
    /// one request twice within milliseconds. Nor does it on a platform that repeats the signal.
    pub fn is_second_signal(&self, after: Duration) -> bool {
        after >= self.signal_guard && !self.platform.repeats_signal()
    }

    /// Returns when a stage is over at the latest.
    pub fn end(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Intake | Stage::Servers => self.servers_end,
            Stage::Workers => self.workers_end,
            Stage::Resources => self.resources_end,
            Stage::Telemetry => self.telemetry_end,
        }
    }

    /// Returns when what the servers still hold is cut, so that it is over by the end of their stage.
    pub fn servers_cancelled(&self) -> Duration {
        self.servers_end.saturating_sub(self.cancel_allowance)
    }

    /// Returns the minimum that earlier stages cannot eat.
    pub fn reserve(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Intake | Stage::Servers => self.servers_end.saturating_sub(self.lame_duck.max),
            Stage::Workers => self.workers_end.saturating_sub(self.servers_end),
            Stage::Resources => self.resources_end.saturating_sub(self.workers_end),
            Stage::Telemetry => self.telemetry_end.saturating_sub(self.resources_end),
        }
    }

    /// Returns when the flushers are overdue: a machine that runs has come to them by the end of the resources.
    ///
    /// A quarter of what is kept for them is left to a machine that is late on a busy computer.
    pub fn flush_overdue_at(&self) -> Duration {
        self.resources_end.saturating_add(part(self.reserve(Stage::Telemetry), 1, 4))
    }

    /// Returns when the watchdog stops waiting for the runtime and begins to end the process itself.
    pub fn forced_at(&self) -> Duration {
        self.telemetry_end.saturating_add(part(self.deadline.saturating_sub(self.telemetry_end), 1, 2))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = show_duration;
        write!(
            f,
            "{} (grace period, {}) - {} (margin) = {}: lame duck {} to {} (over when quiet for {}), servers until {}, \
             workers until {}, resources until {}, telemetry until {}, gone by {}",
            show(self.grace),
            self.platform,
            show(self.margin),
            show(self.deadline),
            show(self.lame_duck.min),
            show(self.lame_duck.max),
            show(self.lame_duck.quiet),
            show(self.servers_end),
            show(self.workers_end),
            show(self.resources_end),
            show(self.telemetry_end),
            show(self.deadline),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Budget;
    use super::*;

    #[test]
    fn the_plan_is_one_line_that_adds_up() {
        let plan = Budget::of(Platform::Kubernetes).plan().expect("fits");
        let expected = "30s (grace period, kubernetes) - 5s (margin) = 25s: \
            lame duck 5s to 15s (over when quiet for 1s), servers until 21.375s, \
            workers until 22.625s, resources until 23.875s, telemetry until 24.5s, gone by 25s";
        assert_eq!(plan.to_string(), expected);
        assert_eq!(plan.reserve(Stage::Workers), Duration::from_millis(1250));
    }
}
