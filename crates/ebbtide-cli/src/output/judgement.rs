//! What every format shows: the judged rehearsal, and what was rehearsed.

use ebbtide_rehearse::{Check, RehearsalVerdict, Scenario};

use super::html::Gallery;

/// A judged rehearsal with the facts that its headings need.
#[derive(Clone, Debug)]
pub(crate) struct Judgement<'a> {
    /// The command line of the service.
    pub(crate) command: String,
    /// The seed of the times.
    pub(crate) seed: u64,
    /// The number of runs that were asked for.
    pub(crate) repeat: u32,
    /// Whether an inconclusive verdict fails.
    pub(crate) strict: bool,
    /// The result.
    pub(crate) rehearsal: &'a RehearsalVerdict,
    /// The pictures of its runs, if a page is written.
    pub(crate) gallery: &'a Gallery,
    /// The judgement on the command of `--compare`.
    pub(crate) before: Option<&'a Judgement<'a>>,
}

impl<'a> Judgement<'a> {
    /// Returns the judgement on a rehearsal of `scenario`.
    pub(crate) fn new(scenario: &Scenario, rehearsal: &'a RehearsalVerdict, gallery: &'a Gallery) -> Self {
        Self {
            command: scenario.program.title(),
            seed: scenario.seed,
            repeat: scenario.repeat,
            strict: scenario.strict,
            rehearsal,
            gallery,
            before: None,
        }
    }
}

/// Returns the evidence of a check, and its likely cause and its hint in lines of their own.
pub(super) fn evidence_and_hint(check: &Check) -> String {
    let cause = check.cause.iter().map(|cause| format!("\nlikely cause: {cause}"));
    let hint = check.hint.iter().map(|hint| format!("\nhint: {hint}"));
    [check.evidence.clone()].into_iter().chain(cause).chain(hint).collect()
}
