//! The verdict for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::rehearse::{Check, Counts, ExitSeen, NumberedRun, Rehearsal, Scenario, Verdict};

/// The version of the object's schema: raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    verdict: Verdict,
    command: String,
    seed: u64,
    repeat: u32,
    requests: Counts,
    exit: ExitSeen,
    checks: &'a [Check],
    runs: &'a [NumberedRun],
}

/// Writes the object, with a newline at its end.
pub(super) fn write(out: &mut dyn Write, scenario: &Scenario, rehearsal: &Rehearsal) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        verdict: rehearsal.verdict,
        command: scenario.program.title(),
        seed: scenario.seed,
        repeat: scenario.repeat,
        requests: rehearsal.requests,
        exit: rehearsal.exit,
        checks: &rehearsal.checks,
        runs: &rehearsal.runs,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
