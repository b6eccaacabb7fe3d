use std::fmt::Write as _;
use std::time::Duration;

use super::stop::stop;
use super::values::{comments, duration, grace, variables};
use crate::engine::PlanTimes;
use crate::model::seconds;

pub(super) fn settings(times: &PlanTimes, name: &str) -> String {
    let grace = grace(times);
    let mut lines = vec![
        format!("The shutdown of {name} under systemd: /etc/systemd/system/{name}.service.d/shutdown.conf"),
        String::new(),
        "A unit that is stopped, from SIGTERM on; on a restart the new process starts after it:".to_owned(),
    ];
    lines.extend(stop(times, Duration::ZERO, seconds(grace)));
    let mut text = comments(&lines);
    let _ = write!(
        text,
        "[Service]\nTimeoutStopSec={grace}s\n# SIGTERM for the main process, SIGKILL for what is left.\nKillMode=mixed\nX-EbbtideDrain={}\n# systemd does \
         not pass TimeoutStopSec to the process.\n",
        duration(times.drain())
    );
    for (key, value) in variables(times) {
        let _ = writeln!(text, "Environment={key}={value}");
    }
    text
}
