//! One check and what it found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A check with its verdict and its evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// The check.
    pub id: CheckId,
    /// What it found.
    pub verdict: Finding,
    /// The facts behind the verdict, in one or more lines.
    pub evidence: String,
    /// The likely cause of a failure: of the recognised server, with what it is inferred from, or as the service's report has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about it, if there is something; never part of the evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether it is inconclusive only for lack of load: another run can then decide.
    #[serde(skip)]
    pub(super) lacks_load: bool,
    /// Whether it failed only by the SIGKILL at the end of the grace period.
    #[serde(skip)]
    pub(super) by_kill: bool,
}

/// Every check, by the name it has in output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckId {
    /// The process handles the stop signal: its default action did not end the process.
    SignalHandled,
    /// Each route of the load answered with a status of 200 to 399, or with a declared one.
    RoutesServed,
    /// Every accepted request got a complete response, as before the signal.
    RequestsAnswered,
    /// A connection held in each phase of the protocol at the signal was served.
    PhasesServed,
    /// Readiness turned red before the listener closed.
    ReadinessBeforeClose,
    /// Liveness was green until the listener closed.
    LivenessStaysGreen,
    /// After the first refused connection every new one was refused, and none was lost before.
    RefusalsClean,
    /// No new connection was refused while the platform still routed to the service.
    LameDuckServed,
    /// Nothing was lost because of a second signal.
    SecondSignal,
    /// The process exited within the grace period.
    ExitInTime,
    /// The exit was an expected one.
    ExitCode,
    /// The process did not end by SIGKILL.
    NoKill,
    /// No process was left behind.
    NoOrphans,
    /// No database session was in use when the process ended.
    NoLeakedConnections,
    /// The database counts no abandoned session.
    DatabaseClean,
    /// Each connection to a dependency ended in the way of its protocol.
    DependenciesClosed,
    /// The demo: every acknowledged order is there, processed or queued.
    OrdersProcessed,
    /// The demo: every unprocessed order has its job in the queue, and no job is still leased.
    JobsReturned,
    /// The demo: the last log line is there.
    LastLogLine,
}

impl CheckId {
    /// Every check, in the order of the output.
    pub const ALL: [Self; Self::LastLogLine as usize + 1] = [
        Self::SignalHandled,
        Self::RoutesServed,
        Self::RequestsAnswered,
        Self::PhasesServed,
        Self::ReadinessBeforeClose,
        Self::LivenessStaysGreen,
        Self::RefusalsClean,
        Self::LameDuckServed,
        Self::SecondSignal,
        Self::ExitInTime,
        Self::ExitCode,
        Self::NoKill,
        Self::NoOrphans,
        Self::NoLeakedConnections,
        Self::DatabaseClean,
        Self::DependenciesClosed,
        Self::OrdersProcessed,
        Self::JobsReturned,
        Self::LastLogLine,
    ];

    /// Returns the name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignalHandled => "signal-handled",
            Self::RoutesServed => "routes-served",
            Self::RequestsAnswered => "requests-answered",
            Self::PhasesServed => "phases-served",
            Self::ReadinessBeforeClose => "readiness-before-close",
            Self::LivenessStaysGreen => "liveness-stays-green",
            Self::RefusalsClean => "refusals-clean",
            Self::LameDuckServed => "lame-duck-served",
            Self::SecondSignal => "second-signal",
            Self::ExitInTime => "exit-in-time",
            Self::ExitCode => "exit-code",
            Self::NoKill => "no-kill",
            Self::NoOrphans => "no-orphans",
            Self::NoLeakedConnections => "no-leaked-connections",
            Self::DatabaseClean => "database-clean",
            Self::DependenciesClosed => "dependencies-closed",
            Self::OrdersProcessed => "orders-processed",
            Self::JobsReturned => "jobs-returned",
            Self::LastLogLine => "last-log-line",
        }
    }

    /// Returns whether an inconclusive result of this check makes the verdict inconclusive.
    fn decides_the_verdict(self) -> bool {
        matches!(
            self,
            Self::RoutesServed
                | Self::RequestsAnswered
                | Self::LivenessStaysGreen
                | Self::DatabaseClean
                | Self::DependenciesClosed
                | Self::OrdersProcessed
                | Self::JobsReturned
                | Self::LastLogLine
        )
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The result of a check. Later variants take precedence when runs are combined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It does not apply.
    Skipped,
    /// The check holds.
    Pass,
    /// Too little was observed to decide.
    Inconclusive,
    /// The check does not hold.
    Fail,
}

/// The verdict on a run, or on all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check that applies passed.
    Pass,
    /// No check failed, but a required one is inconclusive.
    Inconclusive,
    /// A check failed.
    Fail,
}

impl Verdict {
    /// Returns the verdict of `checks`: the worst of them.
    pub fn of(checks: &[Check]) -> Self {
        checks.iter().map(Check::weighs).max().unwrap_or(Self::Inconclusive)
    }
}

impl Check {
    pub(super) fn new(id: CheckId, verdict: Finding, evidence: impl Into<String>) -> Self {
        let evidence = evidence.into();
        #[cfg(test)]
        assert_eq!(super::advice::advice_in(&evidence), None, "the evidence of {id}: {evidence}");
        Self { id, verdict, evidence, cause: None, hint: None, lacks_load: false, by_kill: false }
    }

    /// Adds advice.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the likely cause.
    pub(super) fn cause(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Inconclusive for lack of load alone.
    pub(super) fn for_lack_of_load(self) -> Self {
        Self { lacks_load: true, ..self }
    }

    /// Returns the verdict of this check alone.
    fn weighs(&self) -> Verdict {
        match self.verdict {
            Finding::Fail => Verdict::Fail,
            Finding::Inconclusive if self.id.decides_the_verdict() => Verdict::Inconclusive,
            Finding::Inconclusive | Finding::Pass | Finding::Skipped => Verdict::Pass,
        }
    }

    /// Returns whether it failed only because the process was killed at the end of the grace period: that check has the cause.
    pub fn fails_by_kill(&self) -> bool {
        self.by_kill
    }

    /// Returns whether this check alone keeps the verdict from being `pass`.
    pub fn sinks(&self) -> bool {
        self.weighs() > Verdict::Pass
    }
}
