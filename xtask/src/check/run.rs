use super::{cargo, documents, features, layers, licences, sources};
use crate::failure::Failure;
use crate::generate;
use crate::shell::say;

type Check = (&'static str, fn() -> Result<(), Failure>);

/// Cheap ones first.
const CHECKS: [Check; 9] = [
    ("format", cargo::format),
    ("layers", layers::check),
    ("sources", sources::check),
    ("documents", documents::check),
    ("licences, bans and sources of what we use", licences::check),
    ("lints", cargo::lints),
    ("features one by one", features::check),
    ("documentation", cargo::documentation),
    ("generated pages", generate::check),
];

/// Runs every check whether or not one fails.
///
/// # Errors
///
/// When one fails.
pub(crate) fn run() -> Result<(), Failure> {
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        say(&format!("==> check: {name}"));
        if let Err(failure) = check() {
            say(&format!("error: {name}: {failure}"));
            failed.push(name);
        }
    }
    if failed.is_empty() {
        say("==> every check passed");
        return Ok(());
    }
    Err(Failure::Steps(format!("checks: {}", failed.join("; "))))
}
