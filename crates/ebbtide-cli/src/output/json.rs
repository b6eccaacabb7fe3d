//! The verdict for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ebbtide_rehearse::{Check, Counts, ExitSeen, NumberedRun, Rehearsal, Scenario, Shape, Verdict};
use serde::Serialize;

/// The version of the object's schema: raised when a field changes its meaning or goes.
const SCHEMA: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    verdict: Verdict,
    command: String,
    seed: u64,
    repeat: u32,
    lost_by_shutdown: u64,
    in_flight_at_signal: &'a BTreeMap<Shape, u64>,
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
        lost_by_shutdown: rehearsal.lost_by_shutdown,
        in_flight_at_signal: &rehearsal.in_flight_at_signal,
        requests: rehearsal.requests,
        exit: rehearsal.exit,
        checks: &rehearsal.checks,
        runs: &rehearsal.runs,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
