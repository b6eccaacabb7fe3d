//! Rehearses the shutdown of a service in any language: starts it, loads it, stops it, and judges the record.
//!
//! This is the engine of the command `ebbtide rehearse`. In a test, [`Rehearsal`] is the way in. [`rehearse`] runs a whole
//! [`Scenario`] with progress events, and returns a [`RehearsalVerdict`]. The clients never retry, and each request's end is
//! classified exactly.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

#[cfg(not(target_os = "linux"))]
compile_error!("ebbtide-rehearse supports Linux only: it reads /proc");

mod calibrate;
mod child;
mod clock;
mod conductor;
#[cfg(test)]
mod error_form;
mod janitor;
mod load;
mod order;
mod phase_routes;
mod place;
mod probe;
mod protocol;
mod readying;
mod recognition;
mod record;
mod recording;
mod reflection;
mod rehearsal;
mod relay;
mod replay;
mod run;
mod sampling;
mod scenario;
mod service_report;
mod stopping;
mod survey;
mod survey_calls;
mod trouble;
mod unready;
mod verdict;
mod wire;
pub mod words;

pub use child::{AttachError, ExecFailure, NotAttached, StartError};
pub use clock::{At, seconds};
pub use conductor::{News, rehearse};
pub use janitor::{JANITOR, janitor};
pub use probe::DatabaseTrouble;
pub use protocol::NoProtocol;
pub use record::{
    AcceptQueue, Answer, BadEndpoint, Close, ConnectionOwner, ConnectionSide, Database, DependencyProtocol,
    Digest, Ended, Endpoint, Framing, HeldConnection, JobsLeft, LeftFile, LeftKind, LoggedIds, Observed,
    OrderStore, Orphan, Outcome, Phase, PreStopEnd, PreStopRun, Progress, ReadySample, ReadyState,
    Recognised, Record, RelayedConnection, RelayedDependency, Request, Resources, ServerKind, Session, Shape,
    SignalState, StackTraces, Store, Traffic, Usage,
};
pub use recording::{BadRecord, BadRecordKind, RECORD_VERSION, RecordHeader, Recorder};
pub use rehearsal::Rehearsal;
pub use replay::{Replayed, replay};
pub use scenario::{
    BadCall, BadCertificates, BadHeader, BadSignal, BadTarget, BadVia, BoxFuture, Call, CallKind, Expected,
    Fitted, HostName, Known, LoadPlan, ManagedService, PreStop, Program, Protocol, Ready, RequestHeader,
    RequestTemplate, Route, RunPlace, SHORT_THINK, Scenario, Schema, SecondSignal, ServiceStore, SetUp,
    ShapePlan, Span, StopAt, StopPlan, StopSignal, Target, TargetAddress, Trust, Via, ViaAtSignal,
    unknown_relay,
};
pub use survey::{Survey, SurveyScope, survey};
pub use survey_calls::{SurveyedCalls, SurveyedMethod, Tried};
pub use trouble::NotRehearsed;
pub use unready::{Unready, UnreadyAnswer};
#[cfg(any(test, feature = "samples"))]
#[doc(hidden)]
pub use verdict::samples;
pub use verdict::{
    Bars, Check, CheckId, Counts, Executed, ExitSeen, Facts, Finding, Headline, Landmark, Latency,
    NumberedRun, OutcomeClass, Picture, PicturedRequest, RehearsalVerdict, RouteSummary, RunVerdict,
    ShapeSummary, Terms, Timeline, Unacknowledged, Verdict,
};
pub use wire::TlsFailure;
