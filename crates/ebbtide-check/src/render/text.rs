use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Group, Level, Renderer};

use super::excerpt::excerpts;
use crate::engine::{Counts, Report};
use crate::findings::{Finding, Label, Severity};
use crate::input::{Problem, SourceId, Sources, UNRENDERED};

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether it has colours (ANSI escape sequences).
    pub is_coloured: bool,
    /// The width that lines of the excerpts are shortened to.
    pub width: usize,
    /// The least severe findings that are shown.
    pub least: Severity,
    /// Whether suppressed findings are listed.
    pub shows_suppressed: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { is_coloured: false, width: 140, least: Severity::Warning, shows_suppressed: false }
    }
}

/// Returns a report as text: each finding with an excerpt, what could not be checked, and the counts.
pub fn text(report: &Report, look: Look) -> String {
    let renderer = if look.is_coloured { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(look.width).decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for finding in report.active().filter(|finding| finding.severity >= look.least) {
        let groups = groups(&report.sources, finding);
        text.push_str(&renderer.render(&groups));
        text.push_str("\n\n");
    }
    for problem in &report.problems {
        let level = if problem.is_failure { Level::ERROR } else { Level::NOTE };
        let title =
            format!("{}: {}", if problem.is_failure { "not checked" } else { "not read" }, problem.message);
        text.push_str(&renderer.render(&[problem_group(&report.sources, problem, level, title)]));
        text.push_str("\n\n");
    }
    if report.problems.iter().any(|problem| problem.message == UNRENDERED) {
        text.push_str(
            "hint: check what is rendered: with `--render FOLDER` for Helm, else with `TOOL … | ebbtide check -`\n\n",
        );
    }
    for entry in &report.stale {
        let _ = writeln!(
            text,
            "note: stale entry in the baseline: {} of {} in {} is no longer found\n",
            entry.rule, entry.subject, entry.path
        );
    }
    if look.shows_suppressed {
        for finding in &report.findings {
            if let Some(place) = finding.place().filter(|_| finding.is_in_baseline) {
                let position = report.sources.position(place);
                let (id, title, path) = (finding.rule.id, &finding.title, report.sources.name(place));
                let _ = writeln!(
                    text,
                    "baseline[{id}]: {} {title}\n  --> {path}:{}:{}\n",
                    finding.subject, position.line, position.column
                );
            }
            if let Some(suppressed) = &finding.suppressed {
                let position = report.sources.position(suppressed.place);
                let path = report.sources.name(suppressed.place);
                let (id, title) = (finding.rule.id, &finding.title);
                let _ = writeln!(
                    text,
                    "suppressed[{id}]: {} {title}\n  --> {path}:{}:{}: {}\n",
                    finding.subject, position.line, position.column, suppressed.reason
                );
            }
        }
    }
    text.push_str(&summary(report, look));
    text
}

/// Returns the last line of a report.
fn summary(report: &Report, look: Look) -> String {
    let Counts { errors, warnings, infos, suppressed, in_baseline } = report.counts();
    let mut parts = vec![many(errors, "error"), many(warnings, "warning")];
    if infos > 0 {
        let hidden = if look.least > Severity::Info { " (hidden)" } else { "" };
        parts.push(format!("{infos} info{hidden}"));
    }
    if suppressed > 0 {
        parts.push(format!("{suppressed} suppressed"));
    }
    if in_baseline > 0 {
        parts.push(format!("{in_baseline} in the baseline"));
    }
    let fixable =
        report.active().filter(|finding| finding.severity >= look.least && finding.fix.is_some()).count();
    if fixable > 0 {
        parts.push(format!("{fixable} fixable with --fix"));
    }
    let failed = report.problems.iter().filter(|problem| problem.is_failure).count();
    // What could not be read was printed as an error, and is none of the findings.
    let failed = if failed > 0 {
        format!("{} not checked; in the rest ", many(failed, "part"))
    } else {
        String::new()
    };
    let (workloads, files) = (many(report.workloads, "workload"), many(report.recognised, "deployment file"));
    format!("{failed}{} in {workloads}, {files}\n", parts.join(", "))
}

fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn groups<'r>(sources: &'r Sources, finding: &'r Finding) -> Vec<Group<'r>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = format!("{} {}", finding.subject, finding.title);
    let mut group = Group::with_title(level.primary_title(title).id(finding.rule.id));
    for (id, labels) in by_source(&finding.labels) {
        let labels: Vec<_> = labels.iter().map(|label| (label.place, Some(&*label.text))).collect();
        group = group.elements(excerpts(sources, id, &labels).unwrap_or_default());
    }
    if let Some(arithmetic) = &finding.arithmetic {
        group = group.element(Level::NOTE.with_name("sum").message(arithmetic));
    }
    for note in &finding.notes {
        group = group.element(Level::NOTE.with_name("assumed").message(note));
    }
    group = group.element(Level::NOTE.with_name("effect").message(&finding.effect));
    vec![group.element(Level::HELP.message(&finding.remedy))]
}

/// Returns the labels of each source, the source of the first label first.
fn by_source(labels: &[Label]) -> Vec<(SourceId, Vec<&Label>)> {
    let mut all: Vec<(SourceId, Vec<&Label>)> = Vec::new();
    for label in labels {
        match all.iter_mut().find(|(id, _)| *id == label.place.source) {
            Some((_, labels)) => labels.push(label),
            None => all.push((label.place.source, vec![label])),
        }
    }
    all
}

fn problem_group<'r>(
    sources: &'r Sources,
    problem: &'r Problem,
    level: Level<'r>,
    title: String,
) -> Group<'r> {
    let group = Group::with_title(level.primary_title(title));
    match problem.place.and_then(|place| excerpts(sources, place.source, &[(place, None)])) {
        Some(excerpts) => group.elements(excerpts),
        None => group.element(annotate_snippets::Origin::path(&*problem.path)),
    }
}
