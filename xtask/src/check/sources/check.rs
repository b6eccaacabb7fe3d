use super::{attributes, declarations, length, unheard};
use crate::failure::Failure;
use crate::tokens::tokens;
use crate::tree::files;

/// Checks every Rust file of the workspace.
///
/// # Errors
///
/// When one is too long, declares in the wrong place, carries an attribute that hides something, or logs what nobody may hear.
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
        let mut found = attributes::violations(stream);
        found.extend(unheard::violations(&path, &text));
        violations.extend(found.into_iter().map(|(line, why)| format!("{}:{line}: {why}", path.display())));
    }
    Failure::unless_empty("source files break the rules of CONTRIBUTING.md", violations)
}
