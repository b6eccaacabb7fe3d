//! The verdict as text.

use std::io::{self, Write};

use ebbtide_rehearse::words;
use ebbtide_rehearse::{Bars, Finding, Headline, NumberedRun, RehearsalVerdict, Verdict};

use super::comparison::{COMMAND, ComparedRow, compared};
use super::judgement::Judgement;
use super::paint::{BOLD, DIM, HINT, finding, verdict as style};
use super::table;

/// Writes checks, table, timeline and the verdict; with `--compare` of both commands, and the comparison.
pub(super) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    if let Some(before) = judgement.before {
        one(out, before)?;
        writeln!(out)?;
    }
    one(out, judgement)?;
    comparison(out, judgement)
}

fn comparison(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let Some(command) = judgement.before.map(|before| &before.command) else { return Ok(()) };
    writeln!(out, "\n{BOLD}before{BOLD:#}: {command}\n{BOLD}after{BOLD:#}: {}", judgement.command)?;
    // The commands are above: they are too long for a column.
    let rows: Vec<ComparedRow> = compared(judgement).into_iter().filter(|row| row.what != COMMAND).collect();
    let width = rows.iter().map(|row| row.before.chars().count()).max().unwrap_or_default().max(6);
    writeln!(out, "{DIM}{:<25} {:<width$}  after{DIM:#}", "", "before")?;
    for ComparedRow { what, before, after } in rows {
        writeln!(out, "{what:<25} {before:<width$}  {after}")?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let rehearsal = judgement.rehearsal;
    let runs = words::plural(rehearsal.runs.len() as u64, "run", "runs");
    writeln!(out, "{BOLD}rehearsal{BOLD:#} of {}: {runs}, seed {}", judgement.command, judgement.seed)?;
    writeln!(out)?;
    checks(out, rehearsal)?;
    writeln!(out)?;
    table::write(out, rehearsal)?;
    writeln!(out)?;
    if let Some(run) = rehearsal.runs.get(rehearsal.shown.saturating_sub(1)) {
        notes(out, run)?;
        timeline(out, run, rehearsal.runs.len())?;
        tail(out, run)?;
    }
    verdict(out, rehearsal)
}

fn checks(out: &mut dyn Write, rehearsal: &RehearsalVerdict) -> io::Result<()> {
    for check in &rehearsal.checks {
        let style = finding(check.verdict);
        let word = match check.verdict {
            Finding::Fail => "FAIL",
            Finding::Inconclusive => "?",
            Finding::Skipped => "-",
            Finding::Pass => "ok",
        };
        let id = check.id.name();
        // Each reason of a loss is a separate line.
        let mut lines = check.evidence.lines().flat_map(|line| wrap(line, EVIDENCE));
        writeln!(out, "{style}{word:>4}{style:#}  {id:<23}{}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "{:29}{line}", "")?;
        }
        for (label, text) in [("likely cause", &check.cause), ("hint", &check.hint)] {
            let Some(text) = text else { continue };
            let mut lines = wrap(text, EVIDENCE.saturating_sub(label.len() + ": ".len())).into_iter();
            writeln!(out, "{:29}{HINT}{label}{HINT:#}: {}", "", lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(out, "{:29}{line}", "")?;
            }
        }
    }
    Ok(())
}

/// The width of evidence, in characters.
const EVIDENCE: usize = 100;

/// `text` in lines of at most `width` characters; those after the first are set in by two.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn notes(out: &mut dyn Write, run: &NumberedRun) -> io::Result<()> {
    for note in &run.verdict.notes {
        writeln!(out, "{HINT}note{HINT:#}: {note}")?;
    }
    if run.verdict.notes.is_empty() { Ok(()) } else { writeln!(out) }
}

fn timeline(out: &mut dyn Write, run: &NumberedRun, of: usize) -> io::Result<()> {
    let which = if of > 1 { format!(" of run {}", run.run) } else { String::new() };
    writeln!(out, "{DIM}timeline{which}, ms from the stop signal{DIM:#}")?;
    for mark in &run.verdict.timeline.landmarks {
        writeln!(out, "{:>12}  {}", format!("{:+.1}", mark.ms), mark.what)?;
    }
    let seen = &run.verdict.timeline.in_flight;
    let most = seen.counts.iter().max().copied().unwrap_or_default();
    let (row, pointer) = bars(seen);
    writeln!(out, "{:>12}  {row}", "in flight")?;
    writeln!(
        out,
        "{:>12}  {pointer}{DIM} signal; {:.0} ms per column, maximum {} in flight{DIM:#}",
        "",
        seen.every_ms,
        words::count(most)
    )?;
    if let Some(resources) = &run.facts.observed.resources {
        writeln!(out, "{:>12}  {resources}", "resources")?;
    }
    writeln!(out)
}

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Requests in flight over time as a row of bars, and below them a line that points to the signal.
fn bars(bars: &Bars) -> (String, String) {
    let most = bars.counts.iter().copied().max().unwrap_or_default().max(1);
    let row = bars.counts.iter().map(|count| match *count {
        0 => ' ',
        count => {
            let level = (count * LEVELS.len() as u64).div_ceil(most).saturating_sub(1);
            usize::try_from(level).ok().and_then(|level| LEVELS.get(level)).copied().unwrap_or('█')
        }
    });
    let signal = if bars.every_ms > 0.0 { (-bars.from_ms / bars.every_ms).round().max(0.0) } else { 0.0 };
    // A row has some sixty bars: the position fits.
    let pointer: String = std::iter::repeat_n(' ', signal as usize).chain(['^']).collect();
    (row.collect(), pointer)
}

fn tail(out: &mut dyn Write, run: &NumberedRun) -> io::Result<()> {
    if run.facts.output_tail.is_empty() {
        return Ok(());
    }
    writeln!(out, "{DIM}last output of the service{DIM:#}")?;
    for line in &run.facts.output_tail {
        writeln!(out, "  {DIM}|{DIM:#} {line}")?;
    }
    writeln!(out)
}

fn verdict(out: &mut dyn Write, rehearsal: &RehearsalVerdict) -> io::Result<()> {
    let style = style(rehearsal.verdict);
    let Headline { word, rest } = Headline::of(rehearsal);
    writeln!(out, "{style}{word}{style:#}{rest}")?;
    // One line, whatever failed: the evidence is above, and the first failure usually causes the others. What SIGKILL ended follows from
    // the check that comes later.
    let mut failed = rehearsal.checks.iter().filter(|check| check.verdict == Finding::Fail);
    if let Some(failed) = failed.clone().find(|check| !check.fails_by_kill()).or_else(|| failed.next()) {
        writeln!(
            out,
            "{HINT}hint{HINT:#}: `ebbtide explain {}` names likely causes and remedies",
            failed.id
        )?;
    }
    if rehearsal.verdict == Verdict::Inconclusive {
        writeln!(out, "{HINT}hint{HINT:#}: with --strict, an inconclusive verdict fails")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::Gallery;

    // A change of the snapshot is a change that readers see.
    #[test]
    fn the_text_is_readable_without_colour() {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, &Judgement::new(&scenario(), &rehearsal(), &Gallery::default())).unwrap();
        insta::assert_snapshot!(String::from_utf8(out.into_inner()).unwrap());
    }

    #[test]
    fn a_likely_cause_is_between_the_evidence_and_the_hint() {
        let mut rehearsal = rehearsal();
        let failed = rehearsal.checks.iter_mut().find(|check| check.verdict == Finding::Fail).unwrap();
        failed.cause = Some("Node: nothing waits".to_owned());
        failed.hint = Some("wait".to_owned());
        let evidence = failed.evidence.lines().last().unwrap().split(' ').next_back().unwrap().to_owned();
        let gallery = Gallery::default();
        let judgement = Judgement::new(&scenario(), &rehearsal, &gallery);
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, &judgement).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        let indent = " ".repeat(29);
        let lines = format!("{evidence}\n{indent}likely cause: Node: nothing waits\n{indent}hint: wait\n");
        assert!(text.contains(&lines), "{text}");
        // So it is in every other format for people.
        let mut out = Vec::new();
        crate::output::markdown::write(&mut out, &judgement).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("<br>likely cause: Node: nothing waits<br>hint: wait |"), "{text}");
    }

    #[test]
    fn the_text_marker_is_below_the_signal() {
        let seen = Bars { from_ms: -20.0, every_ms: 10.0, counts: vec![1, 8, 4, 0] };
        assert_eq!(bars(&seen), ("▁█▄ ".into(), "  ^".into()));
    }
}
