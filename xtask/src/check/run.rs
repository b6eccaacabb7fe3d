use super::{cargo, documents, features, layers, licences, sources};
use crate::failure::Failure;
use crate::steps::Steps;

type Check = (&'static str, fn() -> Result<(), Failure>);

/// Cheap ones first.
const CHECKS: [Check; 10] = [
    ("format", cargo::format),
    ("layers", layers::check),
    ("sources", sources::check),
    ("documents", documents::check),
    ("licences, bans and sources of dependencies", licences::check),
    ("lints", cargo::lints),
    ("documentation", cargo::documentation),
    ("combinations of features", features::check),
    ("benchmarks", cargo::benchmarks),
    ("fuzz targets", cargo::fuzz_targets),
];

/// Runs every check whether or not one fails.
pub(crate) fn run(steps: &mut Steps) {
    for (name, check) in CHECKS {
        steps.run(name, check);
    }
}
