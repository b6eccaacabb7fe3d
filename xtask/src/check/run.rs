use super::{cargo, documents, errors, features, layers, licences, sources, words};
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
    ("texts of errors", errors::check),
    ("licences, bans and sources of dependencies", licences::check),
    ("lints", cargo::lints),
    ("documentation", cargo::documentation),
    ("combinations of features", features::check),
    ("benchmarks", cargo::benchmarks),
];

/// Runs every check, even when an earlier one fails.
///
/// # Errors
///
/// When no thread can be started.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let fuzz_targets = Steps::start("fuzz targets", cargo::fuzz_targets)?;
    for (name, check) in CHECKS {
        steps.run(name, check);
    }
    steps.join(fuzz_targets);
    Ok(())
}
