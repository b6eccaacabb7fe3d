//! A rehearsal: start a service, load it, stop it, and judge what was seen.

mod address;
mod aftermath;
mod calibrate;
mod child;
mod conductor;
mod held;
mod janitor;
mod limits;
mod load;
mod news;
mod place;
mod probe;
mod readying;
mod record;
mod routes;
mod run;
mod scenario;
mod trouble;
mod verdict;
mod wire;

#[cfg(test)]
pub(crate) mod samples;

pub(crate) use conductor::rehearse;
pub(crate) use janitor::{JANITOR, janitor};
pub(crate) use news::News;
pub(crate) use record::{Record, Shape};
pub(crate) use scenario::{
    BadDemo, Expected, Fitted, LoadPlan, Program, Ready, Route, SHORT_THINK, Scenario, ShapePlan, Span,
    StopPlan, StopSignal, Target, check_demo,
};
pub(crate) use trouble::NotRehearsed;
pub(crate) use verdict::{
    Bars, Check, Counts, ExitSeen, Finding, Latency, NumberedRun, Rehearsal, RunVerdict, Verdict,
};
