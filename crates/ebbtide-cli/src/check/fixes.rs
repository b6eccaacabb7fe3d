//! `--fix` and `--diff`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use ebbtide_check::{Fixed, Refused, SourceId};
use ebbtide_rehearse::words::chain;
use similar::TextDiff;

use super::input::Input;
use super::replace::replace;
use crate::output::{complain, say};

/// The lines around a change in a diff, as other tools have them.
const CONTEXT: usize = 3;

/// Writes the changed files, and prints what was fixed to stderr. A text from standard input goes to stdout, changed or not.
///
/// Returns the sources that were not written. The reasons were printed.
pub(super) fn write(fixed: &Fixed, input: &Input, arguments: &[PathBuf]) -> Vec<SourceId> {
    let mut unwritten = Vec::new();
    for (id, before) in &fixed.before {
        let (Some(path), Some(after)) = (input.files.get(id), text(fixed, *id)) else { continue };
        match replace(path, arguments, before, after) {
            Ok(()) => report(fixed, *id),
            Err(error) => {
                complain(&format!("{} was not fixed: {}", path.display(), chain(&error)), None);
                unwritten.push(*id);
            }
        }
    }
    if let Some(id) = input.stdin {
        let shown = text(fixed, id).map_or(Ok(()), print);
        report(fixed, id);
        if let Err(error) = shown {
            complain(&format!("cannot write to stdout: {error}"), None);
            unwritten.push(id);
        }
    }
    report_refused(fixed);
    unwritten
}

/// Prints the changes as a unified diff.
///
/// # Errors
///
/// Stdout cannot be written.
pub(super) fn show(fixed: &Fixed) -> io::Result<()> {
    let mut all = String::new();
    for (id, before) in &fixed.before {
        let Some(source) = fixed.report.sources.get(*id) else { continue };
        let diff = TextDiff::from_lines(before.as_str(), source.text());
        let _ = write!(
            all,
            "{}",
            diff.unified_diff().context_radius(CONTEXT).header(source.name(), source.name())
        );
    }
    report_refused(fixed);
    print(&all)
}

fn report(fixed: &Fixed, id: SourceId) {
    let name = fixed.report.sources.get(id).map_or("", |source| source.name());
    for applied in fixed.applied.iter().filter(|applied| applied.source == id) {
        let (rule, line) = (applied.rule.id, applied.position.line);
        say(&format!("fixed[{rule}]: {name}:{line}: {}: {}\n", applied.subject, applied.description));
    }
}

/// Prints what is not fixed to stderr, and why.
fn report_refused(fixed: &Fixed) {
    for Refused { fix, reason } in &fixed.refused {
        let name = fixed.report.sources.get(fix.source).map_or("", |source| source.name());
        let (rule, line) = (fix.rule.id, fix.position.line);
        let (subject, description) = (&fix.subject, &fix.description);
        say(&format!("not fixed[{rule}]: {name}:{line}: {subject}: {description}: {reason}\n"));
    }
}

fn text(fixed: &Fixed, id: SourceId) -> Option<&str> {
    Some(fixed.report.sources.get(id)?.text())
}

/// Writes a text to stdout as it is. A closed pipe is not an error.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
