use std::time::Duration;

use crate::engine::PlanTimes;
use crate::model::{number, seconds, whole_seconds};

/// Returns the grace period in whole seconds: that of the plan, and at least what the check asks for.
pub(super) fn grace(times: &PlanTimes) -> u64 {
    whole_seconds(times.grace.max(times.drain().saturating_add(seconds(2))))
}

/// Returns the variables that give the service this plan on any platform.
pub(super) fn variables(times: &PlanTimes) -> [(&'static str, String); 3] {
    let duck = times.lame_duck;
    [
        ("EBBTIDE_GRACE", duration(times.grace)),
        ("EBBTIDE_MARGIN", duration(times.margin)),
        ("EBBTIDE_LAME_DUCK", [duck.min, duck.quiet, duck.max].map(duration).join("/")),
    ]
}

/// Returns a duration as the service, Compose and systemd read it.
pub(super) fn duration(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{}s", time.as_secs()) } else { format!("{}ms", time.as_millis()) }
}

/// Returns lines as comments.
pub(super) fn comments(lines: &[String]) -> String {
    lines.iter().map(|line| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") }).collect()
}

/// Returns a time as a column of the course.
pub(super) fn at(time: Duration) -> String {
    format!("{:>9} s", number(time))
}
