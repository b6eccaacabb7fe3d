//! What the report of a service that is built on the library says of its exit code. Other services write no report.

use std::time::Duration;

use serde_json::Value;

use crate::record::Ended;
use crate::words;

/// An exit with a code that the library defines, and that the service's report confirms.
#[derive(Clone, Copy, Debug)]
pub(super) struct LibraryExit<'a> {
    kind: Kind,
    report: &'a Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Failed,
    Cancelled,
    Watchdog,
}

/// Returns what `report` says of `ended`. `None`: no report, or one of another exit.
pub(super) fn library_exit(report: Option<&Value>, ended: Ended) -> Option<LibraryExit<'_>> {
    let report = report?;
    let Ended::Code(code) = ended else { return None };
    if report.get("exit_code")?.as_i64() != Some(code.into()) {
        return None;
    }
    let kind = match code {
        1 => Kind::Failed,
        3 => Kind::Cancelled,
        4 => Kind::Watchdog,
        _ => return None,
    };
    Some(LibraryExit { kind, report })
}

impl<'a> LibraryExit<'a> {
    /// The components that did not drain, as a part of the evidence.
    pub(super) fn evidence(&self) -> String {
        let named: Vec<String> =
            self.undrained().map(|(name, outcome, _)| format!("`{name}` as {outcome}")).collect();
        if named.is_empty() { String::new() } else { format!("; its report names {}", named.join(", ")) }
    }

    /// What ended the process with this code.
    pub(super) fn cause(&self) -> String {
        let what = match self.kind {
            Kind::Failed => "start-up or a component of the service failed",
            Kind::Cancelled => "the service cancelled work at its deadline",
            Kind::Watchdog => "the service's watchdog ended the process at its deadline",
        };
        let details = match self.kind {
            Kind::Watchdog if self.is_blocked() => {
                vec!["the async runtime was blocked, and asked no component to stop".to_owned()]
            }
            _ => self.details(),
        };
        if details.is_empty() { what.to_owned() } else { format!("{what}: {}", details.join("; ")) }
    }

    /// What can be done about it.
    pub(super) fn remedy(&self) -> &'static str {
        match self.kind {
            Kind::Failed => "see the error in the service's log",
            Kind::Cancelled => {
                "let the work end at its stop token, or raise EBBTIDE_GRACE of the service and --grace"
            }
            Kind::Watchdog if self.is_blocked() => {
                "put code that blocks its thread into `tokio::task::spawn_blocking`, or use an async call"
            }
            Kind::Watchdog => {
                "let what is named end at its stop token, and put code that blocks its thread into `tokio::task::spawn_blocking`"
            }
        }
    }

    /// Whether a service may be meant to end like this.
    pub(super) fn may_be_intended(&self) -> bool {
        self.kind == Kind::Cancelled
    }

    /// The shutdown never began, although the process had to end: nothing ran on the runtime.
    fn is_blocked(&self) -> bool {
        let phases = self.report.get("phases").and_then(Value::as_array);
        let last = phases.and_then(|phases| phases.last()?.get("phase")?.as_str());
        matches!(last, Some("starting" | "ready"))
    }

    fn details(&self) -> Vec<String> {
        let undrained: Vec<_> = self.undrained().collect();
        // Later stages wait for the first one that has not ended.
        let first = undrained.iter().map(|(_, _, component)| turn(component)).min();
        let components: Vec<String> = undrained
            .iter()
            .filter(|(_, _, component)| self.kind != Kind::Watchdog || Some(turn(component)) == first)
            .map(|(name, _, component)| detail(name, component))
            .take(SHOWN)
            .collect();
        if !components.is_empty() {
            return components;
        }
        let error = self.report.get("cause").and_then(|cause| cause.get("error")?.as_str());
        error.map(str::to_owned).into_iter().collect()
    }

    /// Name, outcome and report of each component that did not drain.
    fn undrained(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        let components = self.report.get("components").and_then(Value::as_array);
        components.into_iter().flatten().filter_map(|component| {
            let name = component.get("name")?.as_str()?;
            // No outcome: it still ran when the watchdog wrote the report.
            let outcome = component.get("outcome").and_then(|outcome| outcome.get("kind")?.as_str());
            let outcome = outcome.unwrap_or("unfinished");
            (outcome != "drained").then_some((name, outcome, component))
        })
    }
}

/// When the stage of a component stops, among the others. Intake and servers stop at once.
fn turn(component: &Value) -> u8 {
    match component.get("stage").and_then(Value::as_str) {
        Some("workers") => 1,
        Some("resources") => 2,
        Some("telemetry") => 3,
        _ => 0,
    }
}

/// The most components that a cause has.
const SHOWN: usize = 3;

/// What a component did not finish, or its error.
fn detail(name: &str, component: &Value) -> String {
    let text = |key: &str| component.get("outcome").and_then(|outcome| outcome.get(key)?.as_str());
    if let Some(error) = text("error").or_else(|| text("message")) {
        return format!("`{name}`: {error}");
    }
    let count = |key: &str| component.get(key).and_then(Value::as_u64).filter(|count| *count > 0);
    let mut detail = match (count("in_flight"), count("cancelled")) {
        (Some(count), _) => format!("`{name}` had {} in flight", words::count(count)),
        (None, Some(count)) => format!("`{name}` cancelled {}", words::count(count)),
        (None, None) => format!("`{name}` had not ended"),
    };
    let oldest = component.get("stragglers").and_then(|all| all.get(0));
    if let Some((work, age)) =
        oldest.and_then(|one| Some((one.get("name")?.as_str()?, one.get("age_ms")?.as_u64()?)))
    {
        detail += &format!(", the oldest {work} for {}", words::time(Duration::from_millis(age)));
    }
    detail
}
