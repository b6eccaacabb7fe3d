use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LameDuck, Platform, Stage, part, show_duration};

/// The deadlines of a shutdown's stages, counted from its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The platform that runs the process.
    pub platform: Platform,
    /// The time between the stop signal and SIGKILL.
    #[serde(rename = "grace_ms", with = "super::millis")]
    pub grace: Duration,
    /// How long before SIGKILL the process must have exited.
    #[serde(rename = "margin_ms", with = "super::millis")]
    pub margin: Duration,
    /// `grace − margin`: the process has exited by then in any case.
    #[serde(rename = "deadline_ms", with = "super::millis")]
    pub deadline: Duration,
    /// How long the service serves new requests after the signal.
    pub lame_duck: LameDuck,
    /// The end of intake and servers.
    #[serde(rename = "servers_end_ms", with = "super::millis")]
    pub servers_end: Duration,
    /// The end of the workers.
    #[serde(rename = "workers_end_ms", with = "super::millis")]
    pub workers_end: Duration,
    /// The end of the resources.
    #[serde(rename = "resources_end_ms", with = "super::millis")]
    pub resources_end: Duration,
    /// The end of the flushers; the time from there to the deadline is reserved for the watchdog.
    #[serde(rename = "telemetry_end_ms", with = "super::millis")]
    pub telemetry_end: Duration,
    /// How long before its deadline a component is cancelled, so that it can requeue its jobs.
    #[serde(rename = "cancel_allowance_ms", with = "super::millis")]
    pub cancel_allowance: Duration,
    /// The time after the first signal in which another one counts as its duplicate.
    #[serde(rename = "signal_guard_ms", with = "super::millis", default = "Plan::default_signal_guard")]
    pub signal_guard: Duration,
}

impl Plan {
    /// Longer than the delay of any duplicate, shorter than a person needs to press Ctrl-C again.
    pub(super) fn default_signal_guard() -> Duration {
        Duration::from_millis(300)
    }

    /// Returns whether a signal that comes `after` the first one ends the process.
    ///
    /// A signal within the guard time does not: a terminal and a parent that forwards it, or a process group and a shell that
    /// traps it, deliver one request twice within milliseconds. Nor does a signal on a platform that repeats the first one.
    pub fn is_second_signal(&self, after: Duration) -> bool {
        after >= self.signal_guard && !self.platform.repeats_signal()
    }

    /// Returns the latest end of a stage.
    pub fn end(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Intake | Stage::Servers => self.servers_end,
            Stage::Workers => self.workers_end,
            Stage::Resources => self.resources_end,
            Stage::Telemetry => self.telemetry_end,
        }
    }

    /// Returns when the requests that are still in flight are cancelled, so that the servers end within their stage.
    pub fn servers_cancelled(&self) -> Duration {
        self.servers_end.saturating_sub(self.cancel_allowance)
    }

    /// Returns the minimum that is reserved for a stage.
    pub fn reserve(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Intake | Stage::Servers => self.servers_end.saturating_sub(self.lame_duck.max),
            Stage::Workers => self.workers_end.saturating_sub(self.servers_end),
            Stage::Resources => self.resources_end.saturating_sub(self.workers_end),
            Stage::Telemetry => self.telemetry_end.saturating_sub(self.resources_end),
        }
    }

    /// Returns when the flushers are overdue: the watchdog then starts them itself.
    ///
    /// The machine starts them at the end of the resources at the latest. A quarter of the telemetry's minimum allows for a
    /// busy host.
    pub fn flush_overdue_at(&self) -> Duration {
        self.resources_end.saturating_add(part(self.reserve(Stage::Telemetry), 1, 4))
    }

    /// Returns when the watchdog stops waiting for the runtime and ends the process itself.
    pub fn forced_at(&self) -> Duration {
        self.telemetry_end.saturating_add(part(self.deadline.saturating_sub(self.telemetry_end), 1, 2))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = show_duration;
        write!(
            f,
            "{} (grace period, {}) - {} (margin) = {}: lame duck {} to {} (quiet time {}), servers until {}, \
             workers until {}, resources until {}, telemetry until {}, exit by {}",
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
    fn the_plan_is_displayed_in_one_line_with_the_end_of_each_stage() {
        let plan = Budget::of(Platform::Kubernetes).plan().expect("fits");
        let expected = "30s (grace period, kubernetes) - 5s (margin) = 25s: \
            lame duck 5s to 15s (quiet time 1s), servers until 21.375s, \
            workers until 22.625s, resources until 23.875s, telemetry until 24.5s, exit by 25s";
        assert_eq!(plan.to_string(), expected);
        assert_eq!(plan.reserve(Stage::Workers), Duration::from_millis(1250));
    }
}
