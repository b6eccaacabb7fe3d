//! The library has to compile without a warning for whoever takes only a part of it.

use serde_json::Value;

use super::metadata::metadata;
use crate::failure::Failure;
use crate::shell;

const LIBRARY: &str = "ebbtide";

/// Checks the library alone, with each of its features alone, and with all of them.
///
/// # Errors
///
/// When one of them does not compile, or not without a warning.
pub(super) fn check() -> Result<(), Failure> {
    let mut sets = vec![vec!["--no-default-features".to_owned()], vec!["--all-features".to_owned()]];
    for feature in features()? {
        sets.push(vec!["--no-default-features".to_owned(), "--features".to_owned(), feature]);
    }
    sets.into_iter().try_for_each(|set| {
        let mut cargo = shell::cargo(&["clippy", "--quiet", "--package", LIBRARY, "--lib"]);
        // Clippy's own flag: `RUSTFLAGS` would compile every dependency once more.
        shell::run(cargo.args(set).args(["--", "-Dwarnings"]))
    })
}

fn features() -> Result<Vec<String>, Failure> {
    let packages = metadata()?;
    let library =
        packages.iter().find(|package| package.get("name").and_then(Value::as_str) == Some(LIBRARY));
    let features = library.and_then(|package| package.get("features")).and_then(Value::as_object);
    let names = features.into_iter().flat_map(|features| features.keys());
    Ok(names.filter(|name| *name != "default").cloned().collect())
}
