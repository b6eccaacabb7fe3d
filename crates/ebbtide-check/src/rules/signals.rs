//! Stop signals, on every platform whose files have one.

use super::words::named;
use crate::findings::{Finding, Rule, Severity};
use crate::input::Place;
use crate::knowledge::{Server, programs, server_name, server_of_image, server_of_program};
use crate::model::{Container, Declared, Workload, signal_name};

/// The signals of Linux, without those in real time.
const NAMES: [&str; 34] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "POLL", "PWR", "SYS",
];

/// Returns whether a signal ends or suspends every program.
pub(super) fn is_unhandled(signal: &str) -> bool {
    matches!(signal_name(signal).as_str(), "KILL" | "STOP")
}

/// Returns whether there is a signal of this name or number.
pub(super) fn is_signal(signal: &str) -> bool {
    let name = signal_name(signal);
    let in_real_time = |begin: &str, sign: char| {
        let rest = name.strip_prefix(begin)?;
        let offset = rest.strip_prefix(sign).map(str::parse::<u8>);
        Some(rest.is_empty() || offset.is_some_and(|offset| offset.is_ok_and(|offset| offset <= 30)))
    };
    NAMES.contains(&name.as_str())
        || name.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number))
        || in_real_time("RTMIN", '+') == Some(true)
        || in_real_time("RTMAX", '-') == Some(true)
}

/// Returns how a title names a signal: a number with its name.
pub(super) fn titled(signal: &str) -> String {
    let name = signal_name(signal);
    let is_number = signal.trim().parse::<u8>().is_ok() && name != signal.trim();
    if is_number { format!("SIG{name} ({})", signal.trim()) } else { signal.to_owned() }
}

/// A server whose graceful stop is not SIGTERM.
pub(super) struct ServerSignal {
    pub(super) server: &'static Server,
    /// Its command, or the image that has it.
    pub(super) place: Place,
    /// Whether the image says which server it is, and has a STOPSIGNAL for it.
    pub(super) is_of_image: bool,
}

impl ServerSignal {
    /// Returns the mismatch of a stop signal with the server that a container runs.
    pub(super) fn of(container: &Container, signal: &str) -> Option<Self> {
        let found = server(container)?;
        (signal_name(found.server.signal) != signal_name(signal)).then_some(found)
    }

    /// Returns what the server's place shows.
    pub(super) fn label(&self) -> String {
        if self.is_of_image {
            format!("has STOPSIGNAL {}", self.server.signal)
        } else {
            format!("runs {}", self.server.name)
        }
    }
}

/// Returns the server that a container runs, if its graceful stop is not SIGTERM: that of its command, or of the one of its image, else that which the
/// name of the image says.
pub(super) fn server(container: &Container) -> Option<ServerSignal> {
    let whole = container.with_built_command();
    if whole.run().is_some() && !whole.has_options_alone() {
        let program = programs(&whole).into_iter().next()?;
        let server = server_of_program(server_name(&program))?;
        return Some(ServerSignal { server, place: program.place()?, is_of_image: false });
    }
    let Some(Declared::Written(image, place)) = &container.image else { return None };
    Some(ServerSignal { server: server_of_image(image)?, place: *place, is_of_image: true })
}

/// Returns the finding that `kill_signal`, of Nomad or Fly, stops a container the wrong way. `label` says what is at its place.
pub(super) fn wrong_signal(
    rule: &'static Rule,
    workload: &Workload,
    container: &Container,
    signal: &str,
    (place, label): (Place, &str),
) -> Option<Finding> {
    let finding = |severity, title: &str, label: &str| {
        Finding::new(rule, severity, workload, named(workload, container, title), place, label)
    };
    let by = format!("is stopped by {}", titled(signal));
    if !is_signal(signal) {
        return Some(
            finding(Severity::Error, &format!("{by}, which is no signal"), "cannot be sent")
                .effect("it does not start, or is killed without a shutdown at each stop")
                .remedy("use the signal that the program handles, such as SIGTERM"),
        );
    }
    if is_unhandled(signal) {
        return Some(
            finding(Severity::Error, &by, "cannot be handled")
                .effect("each stop is a crash: requests in flight are reset, and nothing is flushed")
                .remedy("use the signal that the program handles, such as SIGTERM"),
        );
    }
    let found = ServerSignal::of(container, signal)?;
    let (name, own) = (found.server.name, found.server.signal);
    let title = format!("stops {name} by {}, which is not its graceful stop", titled(signal));
    Some(
        finding(Severity::Warning, &title, label)
            .also(Some(found.place), found.label())
            .effect(found.server.effect_of(&signal_name(signal)))
            .remedy(format!("set kill_signal = \"{own}\"")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_with_its_name() {
        for (signal, shown) in
            [("9", "SIGKILL (9)"), (" 3", "SIGQUIT (3)"), ("SIGINT", "SIGINT"), ("64", "64")]
        {
            assert_eq!(titled(signal), shown);
        }
    }

    #[test]
    fn signals_are_known_by_name_and_number() {
        for signal in ["SIGTERM", "term", "15", "SIGRTMIN", "RTMIN+3", "SIGRTMAX-14", "64", "SIGWINCH"] {
            assert!(is_signal(signal), "{signal}");
        }
        for signal in ["SIGFOO", "", "0", "65", "SIGRTMIN+x", "SIGRTMIN-1", "SIGTERMX", "SIG"] {
            assert!(!is_signal(signal), "{signal}");
        }
    }
}
