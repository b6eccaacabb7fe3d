//! `cargo xtask release --dry-run`: everything of `docs/release.md` that a machine can check, without publishing anything.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::shell;
use crate::steps::Steps;

const CHANGELOG: &str = "CHANGELOG.md";

/// Checks that the commit can be released, and packages each crate that is published and builds it from its archive.
///
/// # Errors
///
/// Returns an error if one of the steps fails; the others run all the same.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let crates = published()?;
    steps.run("clean work tree", clean);
    steps.run("changelog", changelog);
    steps.run("one version", || one_version(&crates));
    // Outside of the workspace, to which cargo would count the unpacked crates.
    let folder = tempfile::tempdir().map_err(Failure::io("create a temporary folder"))?;
    steps.run("packages, each built from its archive", || package(&crates, folder.path()));
    steps.run("tests of the packages that need no server", || tests_from_archives(&crates, folder.path()));
    steps.run("compatibility with the last release", || compatibility(&crates));
    shell::say("left to do by a person: docs/release.md, from \"Publish\" on");
    Ok(())
}

/// A crate that goes to the registry.
struct Published {
    name: String,
    version: String,
    /// Its tests run without a broker, a database or another crate of the workspace.
    stands_alone: bool,
}

fn published() -> Result<Vec<Published>, Failure> {
    let metadata = shell::output(&mut shell::cargo(&["metadata", "--no-deps", "--format-version=1"]))?;
    let unreadable = |why: String| Failure::Unreadable { what: "cargo metadata".to_owned(), why };
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| unreadable(error.to_string()))?;
    let packages = metadata["packages"].as_array().ok_or_else(|| unreadable("no packages".to_owned()))?;
    let crates = packages.iter().filter(|package| package["publish"].is_null()).filter_map(|package| {
        let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
        let dependencies = package["dependencies"].as_array()?;
        let is_ours =
            |dependency: &Value| dependency["name"].as_str().is_some_and(|name| name.starts_with("ebbtide"));
        let stands_alone = !dependencies.iter().any(is_ours);
        Some(Published { name: name.to_owned(), version: version.to_owned(), stands_alone })
    });
    let crates: Vec<Published> = crates.collect();
    if crates.is_empty() { Err(unreadable("no crate is published".to_owned())) } else { Ok(crates) }
}

/// Checks that nothing is uncommitted: a package has what is in the folder.
fn clean() -> Result<(), Failure> {
    let changed = shell::output(Command::new("git").args(["status", "--porcelain"]))?;
    let changed = changed.lines().map(str::to_owned).collect();
    Failure::unless_empty("uncommitted changes", changed)
}

/// Checks that the changelog has changes that are not released.
fn changelog() -> Result<(), Failure> {
    let text = fs::read_to_string(CHANGELOG).map_err(Failure::io(format!("read {CHANGELOG}")))?;
    let missing = if has_changes(&text) {
        Vec::new()
    } else {
        vec![format!("{CHANGELOG}: nothing below `## Unreleased`")]
    };
    Failure::unless_empty("nothing to release", missing)
}

fn has_changes(changelog: &str) -> bool {
    let unreleased =
        changelog.split("\n## ").find(|section| section.trim_start_matches('[').starts_with("Unreleased"));
    unreleased.is_some_and(|section| section.lines().any(|line| line.starts_with("- ")))
}

fn one_version(crates: &[Published]) -> Result<(), Failure> {
    let first = crates.first().map(|one| one.version.clone()).unwrap_or_default();
    let others = crates.iter().filter(|one| one.version != first);
    let others = others.map(|one| format!("{} is {}, and not {first}", one.name, one.version)).collect();
    Failure::unless_empty("the crates are released together, with one version", others)
}

/// Packages the crates and builds each from its archive, in `folder`. Cargo would take a crate of the same version from the cache of an
/// earlier run, whatever is in its archive now: the folder is a new one each time.
fn package(crates: &[Published], folder: &Path) -> Result<(), Failure> {
    let mut package =
        shell::cargo(&["package", "--locked", "--allow-dirty", "--all-features", "--target-dir"]);
    package.arg(folder);
    for one in crates {
        package.args(["--package", &one.name]);
    }
    shell::run(&mut package)
}

/// Runs the tests of each crate that stands alone, in the folder that its archive was unpacked to.
fn tests_from_archives(crates: &[Published], folder: &Path) -> Result<(), Failure> {
    for one in crates.iter().filter(|one| one.stands_alone) {
        let manifest =
            folder.join("package").join(format!("{}-{}", one.name, one.version)).join("Cargo.toml");
        let mut test = shell::cargo(&["test", "--all-features", "--target-dir"]);
        shell::run(test.arg(folder).arg("--manifest-path").arg(manifest))?;
    }
    Ok(())
}

/// Compares the public API with that of the last tag, where there is one.
fn compatibility(crates: &[Published]) -> Result<(), Failure> {
    let tags = shell::output(Command::new("git").args(["tag", "--list", "v*", "--sort=-version:refname"]))?;
    let Some(last) = tags.lines().next() else {
        shell::say("no tag `v*` yet: there is nothing to compare with");
        return Ok(());
    };
    if shell::output(&mut shell::cargo(&["semver-checks", "--version"])).is_err() {
        shell::run(&mut shell::cargo(&["install", "--locked", "cargo-semver-checks"]))?;
    }
    let mut check = shell::cargo(&["semver-checks", "--baseline-rev", last]);
    for one in crates {
        check.args(["--package", &one.name]);
    }
    shell::run(&mut check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_without_unreleased_changes_has_nothing_to_release() {
        assert!(has_changes("# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.1.0\n"));
        assert!(has_changes("# Changelog\n\n## [Unreleased]\n\n- A thing.\n"));
        assert!(!has_changes("# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- A thing.\n"));
        assert!(!has_changes("# Changelog\n\n## 0.1.0\n\n- A thing.\n"));
    }

    #[test]
    fn the_libraries_are_published_and_the_tests_are_not() {
        let crates = published().unwrap();
        let names: Vec<&str> = crates.iter().map(|one| one.name.as_str()).collect();
        assert!(names.contains(&"ebbtide") && names.contains(&"ebbtide-core"), "{names:?}");
        assert!(!names.contains(&"ebbtide-tests") && !names.contains(&"xtask"), "{names:?}");
    }
}
