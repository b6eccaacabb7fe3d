use super::{book, cargo, documents, errors, features, layers, licences, listings, sources, words};
use crate::failure::Failure;
use crate::steps::Steps;

type Check = (&'static str, fn() -> Result<(), Failure>);

/// In order of cost, cheapest first.
const CHECKS: [Check; 13] = [
    ("format", cargo::format),
    ("layers", layers::check),
    ("sources", sources::check),
    ("documents", documents::check),
    ("words", words::check),
    ("errors", errors::check),
    ("listings", listings::check),
    ("book", book::check),
    ("licences, bans and sources of dependencies", licences::check),
    ("lints", cargo::lints),
    ("documentation", cargo::documentation),
    ("combinations of features", features::check),
    ("benchmarks", cargo::benchmarks),
];

const FUZZ: &str = "fuzz targets";

/// Runs every check, or those whose names begin with a word of `selection`; also when an earlier one fails.
///
/// # Errors
///
/// When no thread can be started, or a word selects no check.
pub(crate) fn run(steps: &mut Steps, selection: &[String]) -> Result<(), Failure> {
    let names = || CHECKS.iter().map(|(name, _)| *name).chain([FUZZ]);
    if let Some(unknown) = selection.iter().find(|word| !names().any(|name| name.starts_with(word.as_str())))
    {
        let names: Vec<&str> = names().collect();
        return Err(Failure::Usage(format!(
            "no such check: {unknown}; the checks are: {}",
            names.join(", ")
        )));
    }
    let is_selected =
        |name: &str| selection.is_empty() || selection.iter().any(|word| name.starts_with(word.as_str()));
    let fuzz_targets = if is_selected(FUZZ) { Some(Steps::start(FUZZ, cargo::fuzz_targets)?) } else { None };
    for (name, check) in CHECKS.into_iter().filter(|(name, _)| is_selected(name)) {
        steps.run(name, check);
    }
    if let Some(fuzz_targets) = fuzz_targets {
        steps.join(fuzz_targets);
    }
    Ok(())
}
