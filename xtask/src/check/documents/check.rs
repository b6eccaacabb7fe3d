use super::{commands, invariants, places};
use crate::failure::Failure;
use crate::tree::files;

/// Checks every Markdown file, and that every invariant of the specification has its test.
///
/// # Errors
///
/// When a document names a file or a command that is not there, or an invariant is not tested.
pub(in crate::check) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    for (path, text) in files("md")? {
        violations.extend(places::missing(&path, &text));
        violations.extend(commands::refused(&path, &text));
    }
    violations.extend(invariants::untested()?);
    Failure::unless_empty("documents are out of date", violations)
}
