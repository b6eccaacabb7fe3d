use std::time::Duration;

use super::values::at;
use crate::engine::PlanTimes;

/// Returns the course of a stop, whose signal comes at `signal`, up to SIGKILL at `kill`: a line for each step.
pub(super) fn stop(times: &PlanTimes, signal: Duration, kill: Duration) -> Vec<String> {
    let duck = times.lame_duck;
    let mut steps =
        vec![(Duration::ZERO, "SIGTERM: readiness fails, new requests are still served (lame duck)")];
    if duck.max.is_zero() {
        steps = vec![(Duration::ZERO, "SIGTERM: readiness fails, and the servers accept no new request")];
    } else if duck.min < duck.max {
        steps.push((duck.min, "the lame duck ends as soon as no new request comes"));
    }
    if !duck.max.is_zero() {
        steps.push((duck.max, "the lame duck ends: the servers accept no new request"));
    }
    steps.extend([
        (times.servers_end, "the servers have finished, at the latest"),
        (times.workers_end, "the workers have finished, at the latest"),
        (times.resources_end, "the resources are closed, at the latest"),
        (times.telemetry_end, "the telemetry is flushed, at the latest"),
        (times.deadline, "the process has exited, in any case"),
    ]);
    let mut lines: Vec<String> = steps
        .into_iter()
        .map(|(time, step)| format!("{}  {step}", at(signal.saturating_add(time))))
        .collect();
    lines.push(format!("{}  SIGKILL, which finds no process", at(kill)));
    lines
}
