use std::fmt::Write as _;
use std::time::Duration;

use super::stop::stop;
use super::values::{at, comments, duration, grace, variables};
use crate::engine::PlanTimes;
use crate::model::{RouteKind, seconds, whole_seconds};

/// The time that users of service discovery need until they no longer use an address.
const PROPAGATION: Duration = RouteKind::Catalog.propagation();

/// The limit of a client that does not set one.
const MAX_KILL_TIMEOUT: u64 = 30;

/// The defaults of the update block.
const MIN_HEALTHY_TIME: u64 = 10;
const HEALTHY_DEADLINE: u64 = 300;
const PROGRESS_DEADLINE: u64 = 600;

pub(super) fn settings(times: &PlanTimes, name: &str) -> String {
    let duck = times.lame_duck.min;
    // A lame duck that is long enough bridges it without a delay.
    let delay = if duck < PROPAGATION { PROPAGATION } else { Duration::ZERO };
    let grace = grace(times);
    let mut lines = vec![
        format!("The shutdown of {name} on Nomad: settings of its job."),
        String::new(),
        "An allocation that is replaced, from its deregistration on:".to_owned(),
    ];
    if !delay.is_zero() {
        lines.push(format!(
            "{}  shutdown_delay: requests are served until clients have learned of the change",
            at(Duration::ZERO)
        ));
    }
    lines.extend(stop(times, delay, delay.saturating_add(seconds(grace))));
    if grace > MAX_KILL_TIMEOUT {
        lines.extend([
            String::new(),
            format!(
                "A client caps kill_timeout at its max_kill_timeout, {MAX_KILL_TIMEOUT} s by default, and does not say so:"
            ),
            format!("the configuration of each client needs client {{ max_kill_timeout = \"{grace}s\" }}."),
        ]);
    }
    let mut text = comments(&lines);
    let _ = writeln!(text, "job \"{name}\" {{\n  group \"{name}\" {{");
    if !delay.is_zero() {
        let _ = writeln!(
            text,
            "    # The lame duck is shorter than service discovery needs.\n    shutdown_delay = \"{}s\"\n",
            whole_seconds(delay)
        );
    }
    // Nomad refuses a kill timeout beyond the progress deadline; the new allocation starts after the old one has stopped.
    let progress =
        whole_seconds(delay).saturating_add(grace).saturating_add(HEALTHY_DEADLINE).max(PROGRESS_DEADLINE);
    let _ = write!(
        text,
        "    update {{\n      min_healthy_time  = \"{MIN_HEALTHY_TIME}s\"\n      healthy_deadline  = \"{HEALTHY_DEADLINE}s\"\n      \
         progress_deadline = \"{progress}s\"\n    }}\n\n    task \"{name}\" {{\n      driver       = \"docker\"\n      kill_signal  = \"SIGTERM\"\n"
    );
    if grace > MAX_KILL_TIMEOUT {
        let _ = writeln!(
            text,
            "      # ebbtide:ignore N002 each client has max_kill_timeout = \"{grace}s\" or more"
        );
    }
    let pad = if duck.is_zero() { "" } else { "    " };
    let _ = write!(
        text,
        "      kill_timeout = \"{grace}s\"\n\n      meta = {{\n        \"ebbtide.dev/drain\"{pad} = \"{}\"\n",
        duration(times.drain())
    );
    if !duck.is_zero() {
        let _ = writeln!(text, "        \"ebbtide.dev/lame-duck\" = \"{}\"", duration(duck));
    }
    text.push_str("      }\n\n      # Nomad does not pass kill_timeout to the process.\n      env {\n");
    let variables = variables(times);
    let width = variables.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in variables {
        let _ = writeln!(text, "        {key:<width$} = \"{value}\"");
    }
    let _ =
        write!(text, "      }}\n\n      config {{\n        image = \"{name}\"\n      }}\n    }}\n  }}\n}}\n");
    text
}
