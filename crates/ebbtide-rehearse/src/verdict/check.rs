//! One check and what it found.

use std::fmt;

use serde::Serialize;

/// A check with its verdict and its evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// Which check.
    pub id: CheckId,
    /// What it found.
    pub verdict: Finding,
    /// The numbers behind it.
    pub evidence: String,
    /// It is inconclusive for lack of load alone: another run can make up for it.
    #[serde(skip)]
    pub(super) lacks_load: bool,
}

/// Every check, by the name it has in output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckId {
    /// The process handles the stop signal: it ended by itself, or did at least not end by the default action.
    SignalHandled,
    /// Every accepted request was answered whole, and as before the signal.
    RequestsAnswered,
    /// A connection held in each phase of the protocol at the signal was served.
    PhasesServed,
    /// Readiness turned red before the listener closed.
    ReadinessBeforeClose,
    /// Once a new connection was refused, every later one was, and none got lost in between.
    RefusalsClean,
    /// The process was gone within the grace period.
    ExitInTime,
    /// It ended as expected.
    ExitCode,
    /// Nobody had to send SIGKILL.
    NoKill,
    /// No process was left.
    NoOrphans,
    /// No database session was in use when the process went.
    NoLeakedConnections,
    /// The database counts no abandoned session.
    DatabaseClean,
    /// The demo: every acknowledged order is there, processed or queued.
    OrdersProcessed,
    /// The demo: every order that is not processed has its job in the queue, and nobody keeps one.
    JobsReturned,
    /// The demo: the last log line is there.
    LastLogLine,
}

impl CheckId {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignalHandled => "signal-handled",
            Self::RequestsAnswered => "requests-answered",
            Self::PhasesServed => "phases-served",
            Self::ReadinessBeforeClose => "readiness-before-close",
            Self::RefusalsClean => "refusals-clean",
            Self::ExitInTime => "exit-in-time",
            Self::ExitCode => "exit-code",
            Self::NoKill => "no-kill",
            Self::NoOrphans => "no-orphans",
            Self::NoLeakedConnections => "no-leaked-connections",
            Self::DatabaseClean => "database-clean",
            Self::OrdersProcessed => "orders-processed",
            Self::JobsReturned => "jobs-returned",
            Self::LastLogLine => "last-log-line",
        }
    }

    /// Whether the verdict is inconclusive when this check is: a loss that nothing could have shown proves nothing.
    fn must_tell(self) -> bool {
        matches!(
            self,
            Self::RequestsAnswered
                | Self::DatabaseClean
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

/// What a check found; later ones weigh more when runs are put together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It does not apply.
    Skipped,
    /// It holds.
    Pass,
    /// There was too little to tell by.
    Inconclusive,
    /// It does not hold.
    Fail,
}

/// The verdict on a run, or on all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check that applies passed.
    Pass,
    /// No check failed, and one that is required could not tell.
    Inconclusive,
    /// A check failed.
    Fail,
}

impl Verdict {
    /// The verdict that `checks` come to.
    pub fn of(checks: &[Check]) -> Self {
        checks.iter().map(Check::weighs).max().unwrap_or(Self::Inconclusive)
    }
}

impl Check {
    pub(super) fn new(id: CheckId, verdict: Finding, evidence: impl Into<String>) -> Self {
        Self { id, verdict, evidence: evidence.into(), lacks_load: false }
    }

    /// Inconclusive for lack of load alone.
    pub(super) fn for_lack_of_load(self) -> Self {
        Self { lacks_load: true, ..self }
    }

    /// The verdict that this check alone comes to.
    fn weighs(&self) -> Verdict {
        match self.verdict {
            Finding::Fail => Verdict::Fail,
            Finding::Inconclusive if self.id.must_tell() => Verdict::Inconclusive,
            Finding::Inconclusive | Finding::Pass | Finding::Skipped => Verdict::Pass,
        }
    }

    /// Whether this check alone keeps the verdict from being `pass`.
    pub fn sinks(&self) -> bool {
        self.weighs() > Verdict::Pass
    }
}
