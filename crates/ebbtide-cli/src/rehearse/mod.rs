//! A rehearsal: start a service, load it, stop it, and judge what was seen.

mod address;
mod aftermath;
mod child;
mod conductor;
mod held;
mod limits;
mod load;
mod news;
mod place;
mod probe;
mod readying;
mod record;
mod run;
mod scenario;
mod trouble;
mod verdict;

#[cfg(test)]
pub(crate) mod samples;

pub(crate) use conductor::rehearse;
pub(crate) use news::News;
pub(crate) use record::{Record, Shape};
pub(crate) use scenario::{
    Expected, LoadPlan, Program, Ready, Route, SHORT_THINK, Scenario, ShapePlan, Span, StopPlan, StopSignal,
    Target, missing_feature,
};
pub(crate) use trouble::NotRehearsed;
pub(crate) use verdict::{
    Bars, Check, CheckId, Counts, ExitSeen, Finding, Latency, NumberedRun, Rehearsal, RunVerdict, Verdict,
};
