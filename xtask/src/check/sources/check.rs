use super::{attributes, declarations, length};
use crate::failure::Failure;
use crate::tokens::tokens;
use crate::tree::files;

/// Checks every Rust file of the workspace.
///
/// # Errors
///
/// When one is too long, declares in the wrong place, or carries an attribute that hides something.
pub(in crate::check) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    for (path, text) in files("rs")? {
        let stream = tokens(&path, &text)?;
        violations.extend(length::violation(&text).map(|why| format!("{}: {why}", path.display())));
        if path.ends_with("mod.rs") || path.ends_with("lib.rs") {
            violations.extend(declarations::violation(stream.clone()).map(|line| {
                format!("{}:{line}: mod.rs and lib.rs declare and re-export, nothing else", path.display())
            }));
        }
        let found = attributes::violations(stream);
        violations.extend(found.into_iter().map(|(line, why)| format!("{}:{line}: {why}", path.display())));
    }
    Failure::unless_empty("source files break the rules of CONTRIBUTING.md", violations)
}
