//! The verdict as Markdown: the checks, a table of the routes, the timeline and the last output.

use std::io::{self, Write};

use ebbtide_rehearse::{Finding, Headline, NumberedRun, RehearsalVerdict, RouteSummary, words};

use super::comparison::{ComparedRow, compared};
use super::judgement::{Judgement, evidence_and_hint};
use super::table::quantiles;

/// Writes the document, with `--compare` of both commands, and the comparison first.
pub(super) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    for (at, ComparedRow { what, before, after }) in compared(judgement).into_iter().enumerate() {
        if at == 0 {
            writeln!(out, "## Comparison\n\n| | before | after |\n|---|---|---|")?;
        }
        writeln!(out, "| {what} | {} | {} |", escaped(&before), escaped(&after))?;
    }
    if let Some(before) = judgement.before {
        writeln!(out)?;
        one(out, before)?;
    }
    one(out, judgement)
}

fn one(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let rehearsal = judgement.rehearsal;
    let Headline { word, rest } = Headline::of(rehearsal);
    writeln!(out, "## Rehearsal: {word}\n")?;
    writeln!(out, "**{word}**{}\n", escaped(&rest))?;
    let runs = words::plural(rehearsal.runs.len() as u64, "run", "runs");
    writeln!(out, "{}, {runs}, seed {}\n", code(&judgement.command), judgement.seed)?;
    checks(out, rehearsal)?;
    routes(out, rehearsal)?;
    if let Some(run) = rehearsal.runs.get(rehearsal.shown.saturating_sub(1)) {
        details(out, run, rehearsal.runs.len())?;
    }
    Ok(())
}

fn checks(out: &mut dyn Write, rehearsal: &RehearsalVerdict) -> io::Result<()> {
    writeln!(out, "| result | check | evidence |\n|---|---|---|")?;
    for check in &rehearsal.checks {
        let word = match check.verdict {
            Finding::Fail => "**FAIL**",
            Finding::Inconclusive => "**?**",
            Finding::Skipped => "skipped",
            Finding::Pass => "ok",
        };
        writeln!(out, "| {word} | `{}` | {} |", check.id, escaped(&evidence_and_hint(check)))?;
    }
    writeln!(out)
}

fn routes(out: &mut dyn Write, rehearsal: &RehearsalVerdict) -> io::Result<()> {
    let routes = RouteSummary::sum(rehearsal.runs.iter().flat_map(|run| &run.verdict.routes));
    let mut addresses: Vec<_> = routes.iter().map(|route| &route.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    writeln!(
        out,
        "| route | answered before | failed before | in flight at the signal | answered after | refused | no accept | lost | \
         truncated | timed out | wrong | p50 ms | p99 ms | max ms |"
    )?;
    writeln!(out, "|---|{}", "--:|".repeat(13))?;
    for RouteSummary { route, address, before, after, in_flight_at_signal, latency_ms } in &routes {
        let at = if addresses.len() > 1 { format!(" at {address}") } else { String::new() };
        write!(out, "| {}{at} |", code(route))?;
        let good = |count: u64| words::count(count);
        let bad =
            |count: u64| if count > 0 { format!("**{}**", words::count(count)) } else { "0".to_owned() };
        for cell in [
            good(before.answered),
            bad(before.bad()),
            good(*in_flight_at_signal),
            good(after.answered),
            good(after.refusals()),
            bad(after.connect_timed_out),
            bad(after.lost),
            bad(after.truncated),
            bad(after.timed_out),
            bad(after.wrong),
        ] {
            write!(out, " {cell} |")?;
        }
        writeln!(out, " {} |", quantiles(*latency_ms).join(" | "))?;
    }
    writeln!(out)
}

fn details(out: &mut dyn Write, run: &NumberedRun, of: usize) -> io::Result<()> {
    for note in &run.verdict.notes {
        writeln!(out, "> note: {}\n", escaped(note))?;
    }
    let which = if of > 1 { format!(" of run {}", run.run) } else { String::new() };
    writeln!(out, "<details><summary>Timeline{which}</summary>\n")?;
    writeln!(out, "| ms from the signal | event |\n|--:|---|")?;
    for mark in &run.verdict.timeline.landmarks {
        writeln!(out, "| {:+.1} | {} |", mark.ms, escaped(&mark.what))?;
    }
    writeln!(out, "\n</details>\n")?;
    if let Some(resources) = &run.facts.observed.resources {
        writeln!(out, "Resources: {resources}\n")?;
    }
    if !run.facts.output_tail.is_empty() {
        writeln!(out, "<details><summary>Last output of the service</summary>\n")?;
        // Indented code has no closing fence that the output could contain.
        for line in &run.facts.output_tail {
            writeln!(out, "    {}", plain(line))?;
        }
        writeln!(out, "\n</details>\n")?;
    }
    Ok(())
}

/// Escapes text for a cell of a table.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' => escaped.push_str("<br>"),
            '|' | '*' | '_' | '\\' | '[' | ']' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Returns `text` as code in a cell of a table.
fn code(text: &str) -> String {
    let text = plain(text).replace('|', "\\|");
    // A fence of two marks and spaces may hold one mark.
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::Gallery;

    // A change of the snapshot is a change that readers see.
    #[test]
    fn the_markdown_has_a_table_of_checks_and_one_of_routes() {
        let mut out = Vec::new();
        write(&mut out, &Judgement::new(&scenario(), &rehearsal(), &Gallery::default())).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn text_cannot_break_out_of_its_cell() {
        assert_eq!(escaped("a|b\n<script>*c*"), "a\\|b<br>&lt;script&gt;\\*c\\*");
        assert_eq!(code("GET /a|b"), "`GET /a\\|b`");
        assert_eq!(code("a`b"), "`` a`b ``");
    }
}
