use super::{book, cargo, documents, errors, features, layers, licences, listings, sources, words};
use crate::failure::Failure;
use crate::steps::Steps;

type Check = (&'static str, fn() -> Result<(), Failure>);

/// In order of cost, cheapest first.
const CHECKS: [Check; 11] = [
    ("format", cargo::format),
    ("layers", layers::check),
    ("sources", sources::check),
    ("documents", documents::check),
    ("words", words::check),
    ("errors", errors::check),
    ("licences, bans and sources of dependencies", licences::check),
    ("lints", cargo::lints),
    ("documentation", cargo::documentation),
    ("combinations of features", features::check),
    ("benchmarks", cargo::benchmarks),
];

/// Run in parallel to the others: they have target folders of their own, or wait for programs to be installed.
const BESIDE: [Check; 3] =
    [("listings", listings::check), ("book", book::check), ("fuzz targets", cargo::fuzz_targets)];

/// Runs every check, or those whose names begin with a word of `selection`; also when an earlier one fails.
///
/// # Errors
///
/// When no thread can be started, or a word selects no check.
pub(crate) fn run(steps: &mut Steps, selection: &[String]) -> Result<(), Failure> {
    let names = || CHECKS.iter().chain(&BESIDE).map(|(name, _)| *name);
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
    let selected = |checks: &'static [Check]| checks.iter().filter(|(name, _)| is_selected(name));
    let beside: Vec<_> =
        selected(&BESIDE).map(|&(name, check)| Steps::start(name, check)).collect::<Result<_, _>>()?;
    for &(name, check) in selected(&CHECKS) {
        steps.run(name, check);
    }
    for step in beside {
        steps.join(step);
    }
    Ok(())
}
