//! Finds shutdowns in deployment files that cannot work: time that does not add up, a signal that never reaches the program,
//! traffic that still flows to a process that is gone.
//!
//! ```
//! use ebbtide_check::{Options, Sources, check, render};
//!
//! let mut sources = Sources::new();
//! sources.add("pod.yaml", "
//! apiVersion: v1
//! kind: Pod
//! metadata:
//!   name: api
//!   annotations:
//!     ebbtide.dev/drain: 40s
//! spec:
//!   containers: [{name: api, image: api}]
//! ");
//! let report = check(sources, &Options::default());
//! assert_eq!(report.findings[0].rule.id, "K001");
//! assert_eq!(
//!     report.findings[0].arithmetic.as_deref(),
//!     Some("40 (drain, from annotation ebbtide.dev/drain) + 2 (margin) = 42 > 30 (terminationGracePeriodSeconds, default)"),
//! );
//! println!("{}", render::text(&report, render::Look::default()));
//! ```
//!
//! The pipeline: [`collect`] finds the files, [`Sources`] has their texts, [`check`] builds one model of the workloads in them
//! whatever their format, joins what belongs together, and runs the [`RULES`]; [`render`] turns the [`Report`] into text.
//! [`fix`] applies the edits that findings have, and checks again. Nothing but `collect`, `Sources::add_file` and
//! [`read_referenced`] reads files, nothing writes them, and there is no runtime.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod engine;
#[cfg(test)]
mod error_form;
mod findings;
mod formats;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod knowledge;
mod model;
pub mod render;
mod rules;
mod tree;

pub use engine::{
    Applied, Baseline, BaselineEntry, Counts, Fixed, InvalidBaseline, InvalidPattern, InvalidPlan, Options,
    PathIgnore, Refused, Report, ServicePlan, SpanKind, Timeline, TimelineRow, TimelineSpan, Timelines,
    check, fix, read_referenced, timelines,
};
pub use findings::{Edit, Example, Finding, Fix, InvalidSeverity, Label, Rule, Severity, Suppressed};
pub use input::{
    Place, Position, Problem, Source, SourceId, Sources, collect, environment_files, neighbours, plain_path,
    read_text, siblings,
};
pub use rules::{RULES, find};
