//! The verdict as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ebbtide_rehearse::{Check, Counts, ExitSeen, NumberedRun, Shape, Verdict};
use serde::Serialize;

use super::judgement::Judgement;

/// The version of the object's schema. It is raised when the meaning of a field changes or a field is removed.
const SCHEMA: u32 = 3;

/// Writes the object, with a newline at its end.
pub(super) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document::of(judgement))?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    verdict: Verdict,
    command: &'a str,
    seed: u64,
    repeat: u32,
    lost_by_shutdown: u64,
    in_flight_at_signal: &'a BTreeMap<Shape, u64>,
    requests: Counts,
    exit: ExitSeen,
    checks: &'a [Check],
    runs: &'a [NumberedRun],
    /// The command of `--compare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<Box<Document<'a>>>,
}

impl<'a> Document<'a> {
    fn of(judgement: &'a Judgement<'a>) -> Self {
        let rehearsal = judgement.rehearsal;
        Self {
            schema: SCHEMA,
            verdict: rehearsal.verdict,
            command: &judgement.command,
            seed: judgement.seed,
            repeat: judgement.repeat,
            lost_by_shutdown: rehearsal.lost_by_shutdown,
            in_flight_at_signal: &rehearsal.in_flight_at_signal,
            requests: rehearsal.requests,
            exit: rehearsal.exit,
            checks: &rehearsal.checks,
            runs: &rehearsal.runs,
            compared_with: judgement.before.map(|before| Box::new(Self::of(before))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::Gallery;

    // A change of the snapshot is a change that readers see.
    #[test]
    fn the_json_keeps_its_fields() {
        let mut out = Vec::new();
        write(&mut out, &Judgement::new(&scenario(), &rehearsal(), &Gallery::default())).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for run in document["runs"].as_array_mut().unwrap() {
            run["timeline"]["in_flight"]["counts"] = serde_json::Value::Null;
        }
        insta::assert_json_snapshot!(document);
    }
}
