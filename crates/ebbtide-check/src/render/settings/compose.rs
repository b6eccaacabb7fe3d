use std::fmt::Write as _;
use std::time::Duration;

use super::stop::stop;
use super::values::{comments, duration, grace, variables};
use crate::engine::PlanTimes;
use crate::model::seconds;

pub(super) fn settings(times: &PlanTimes, name: &str) -> String {
    let grace = grace(times);
    let mut lines = vec![
        format!("The shutdown of {name} under Compose."),
        String::new(),
        "A container that is stopped, from SIGTERM on; the new one starts after it:".to_owned(),
    ];
    lines.extend(stop(times, Duration::ZERO, seconds(grace)));
    let mut text = comments(&lines);
    let _ = write!(
        text,
        "services:\n  {name}:\n    image: {name}\n    stop_grace_period: {grace}s\n    labels:\n      ebbtide.dev/drain: {}\n    environment:\n      # \
         Compose does not pass stop_grace_period to the process.\n",
        duration(times.drain())
    );
    for (key, value) in variables(times) {
        let _ = writeln!(text, "      {key}: {value}");
    }
    text
}
