//! The verdict as workflow commands of GitHub Actions, and as the summary of the job's step.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

use ebbtide_check::render::workflow_command;
use ebbtide_rehearse::{Finding, Headline, Verdict};

use super::comparison::compared;
use super::judgement::{Judgement, evidence_and_hint};

/// The file to which a step appends its summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Writes one command for the verdict and one for each check that keeps it from being `pass`.
pub(super) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let rehearsal = judgement.rehearsal;
    let inconclusive = if judgement.strict { "error" } else { "warning" };
    for check in rehearsal.checks.iter().filter(|check| check.sinks()) {
        let level = if check.verdict == Finding::Fail { "error" } else { inconclusive };
        command(out, level, &format!("ebbtide {}", check.id), &evidence_and_hint(check))?;
    }
    let level = match rehearsal.verdict {
        Verdict::Pass => "notice",
        Verdict::Inconclusive => inconclusive,
        Verdict::Fail => "error",
    };
    let Headline { word, rest } = Headline::of(rehearsal);
    command(out, level, "ebbtide rehearse", &format!("{word}{rest}"))?;
    let rows = compared(judgement);
    let lines = rows.iter().map(|row| format!("{}: {} → {}", row.what, row.before, row.after));
    match rows.as_slice() {
        [] => Ok(()),
        _ => command(out, "notice", "ebbtide comparison", &lines.collect::<Vec<_>>().join("\n")),
    }
}

/// Returns the file of the step's summary, where this process is a step of a job, and its name in messages.
pub(super) fn step_summary() -> Option<(PathBuf, String)> {
    let file = env::var_os(SUMMARY).filter(|file| !file.is_empty()).map(PathBuf::from)?;
    let name = format!("{} (${SUMMARY})", file.display());
    Some((file, name))
}

fn command(out: &mut dyn Write, level: &str, title: &str, message: &str) -> io::Result<()> {
    out.write_all(workflow_command(level, &[("title", title)], message).as_bytes())
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::CheckId;
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::Gallery;

    fn written(strict: bool, change: impl FnOnce(&mut ebbtide_rehearse::RehearsalVerdict)) -> String {
        let mut rehearsal = rehearsal();
        change(&mut rehearsal);
        let mut out = Vec::new();
        write(
            &mut out,
            &Judgement { strict, ..Judgement::new(&scenario(), &rehearsal, &Gallery::default()) },
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    fn answered(rehearsal: &mut ebbtide_rehearse::RehearsalVerdict) -> &mut ebbtide_rehearse::Check {
        rehearsal.checks.iter_mut().find(|check| check.id == CheckId::RequestsAnswered).unwrap()
    }

    // A change of the snapshot is a change that readers see.
    #[test]
    fn each_failed_check_is_an_error_in_one_line() {
        insta::assert_snapshot!(written(false, |rehearsal| {
            let answered = answered(rehearsal);
            answered.evidence = "100% lost\nin: two, lines".to_owned();
            answered.hint = Some("find the cause".to_owned());
        }));
    }

    #[test]
    fn an_inconclusive_check_is_a_warning_and_an_error_with_strict() {
        let inconclusive = |rehearsal: &mut ebbtide_rehearse::RehearsalVerdict| {
            rehearsal.checks.retain(|check| check.id == CheckId::RequestsAnswered);
            answered(rehearsal).verdict = Finding::Inconclusive;
            rehearsal.verdict = Verdict::Inconclusive;
        };
        let levels = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| Some(line.strip_prefix("::")?.split_once(' ')?.0.to_owned()))
                .collect()
        };
        assert_eq!(levels(&written(false, inconclusive)), ["warning", "warning"]);
        assert_eq!(levels(&written(true, inconclusive)), ["error", "error"]);
    }
}
