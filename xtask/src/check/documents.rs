//! Checks that what the documents say about the repository is true.

use std::fs;
use std::path::Path;

use super::files::files;
use crate::command::Command;
use crate::failure::Failure;

/// Top-level folders. A word in `code` that starts with one of them is a path.
const FOLDERS: [&str; 7] = ["crates/", "demo/", "docs/", "tests/", "bench/", "xtask/", ".ci/"];

const CALL: &str = "cargo xtask ";

const SPECIFICATION: &str = "docs/spec.md";
const TESTS: &str = "crates/ebbtide-core/tests/core/machine";

/// Checks every Markdown file, and that every invariant of the specification has a test.
///
/// # Errors
///
/// When a document names a file or a command that does not exist, or when an invariant has no test.
pub(super) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    for (path, text) in files("md")? {
        violations.extend(missing_targets(&path, &text));
        violations.extend(unknown_calls(&path, &text));
    }
    violations.extend(untested_invariants()?);
    Failure::unless_empty("documents are out of date", violations)
}

/// Returns the links and the paths in `code` of a Markdown file whose target does not exist.
fn missing_targets(file: &Path, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut missing = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let links = between(line, "](", ")").into_iter().filter(|target| !target.contains("://"));
        let links = links.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty());
        let linked = links.filter(|target| !folder.join(target).exists());
        let named =
            between(line, "`", "`").into_iter().filter(|word| is_path(word) && !Path::new(word).exists());
        missing.extend(
            linked
                .chain(named)
                .map(|place| format!("{}:{}: {place} does not exist", file.display(), number + 1)),
        );
    }
    missing
}

fn is_path(word: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    FOLDERS.iter().any(|folder| word.starts_with(folder)) && word.chars().all(plain)
}

fn between<'t>(line: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((inside, after)) = rest.split_once(open).and_then(|(_, opened)| opened.split_once(close)) {
        found.push(inside);
        rest = after;
    }
    found
}

/// Returns the calls of `cargo xtask` in a document that are not commands.
fn unknown_calls(file: &Path, text: &str) -> Vec<String> {
    let mut refused = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for call in line.split(CALL).skip(1) {
            let end =
                call.find(|letter: char| !letter.is_alphanumeric() && letter != '-').unwrap_or(call.len());
            let (word, rest) = call.split_at_checked(end).unwrap_or_default();
            let option = rest.split_whitespace().next().unwrap_or_default().trim_end_matches(['`', '.', ',']);
            let parses = |words: &[&str]| {
                Command::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).is_ok()
            };
            if !word.is_empty() && !parses(&[word]) && !parses(&[word, option]) {
                refused.push(format!("{}:{}: unknown command `{CALL}{word}`", file.display(), number + 1));
            }
        }
    }
    refused
}

/// Returns the numbered invariants of the specification without a property test of that number, and the property tests whose
/// invariant does not exist.
fn untested_invariants() -> Result<Vec<String>, Failure> {
    let specification =
        fs::read_to_string(SPECIFICATION).map_err(Failure::io(format!("read {SPECIFICATION}")))?;
    let sources = files("rs")?;
    let tests: Vec<&str> =
        sources.iter().filter(|(path, _)| path.starts_with(TESTS)).map(|(_, text)| text.as_str()).collect();
    Ok(differences(&stated(&specification), &cited(&tests.concat())))
}

fn differences(stated: &[u32], cited: &[u32]) -> Vec<String> {
    if stated.is_empty() {
        return vec![format!("{SPECIFICATION} states no invariant")];
    }
    let untested = stated.iter().filter(|number| !cited.contains(number));
    let unknown = cited.iter().filter(|number| !stated.contains(number));
    untested
        .map(|number| format!("{SPECIFICATION}: I{number} has no property in {TESTS}"))
        .chain(unknown.map(|number| format!("{TESTS}: I{number} is not in {SPECIFICATION}")))
        .collect()
}

/// Returns the numbers of the rows that begin with `| I7 |`.
fn stated(specification: &str) -> Vec<u32> {
    specification
        .lines()
        .filter_map(|line| line.strip_prefix("| I")?.split(' ').next()?.parse().ok())
        .collect()
}

/// Returns the numbers of the functions whose name begins with `i7_`.
fn cited(tests: &str) -> Vec<u32> {
    tests
        .lines()
        .filter_map(|line| line.trim().strip_prefix("fn i")?.split('_').next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_and_paths_are_found() {
        let text = "[a](gone.md#there) `tests/gone.rs`\n`x` [b](https://example.org/gone) `docs/…` `cargo run` [c](#here)\n";
        let missing = missing_targets(Path::new("README.md"), text);
        assert_eq!(
            missing,
            ["README.md:1: gone.md does not exist", "README.md:1: tests/gone.rs does not exist"]
        );
    }

    #[test]
    fn an_unknown_xtask_command_in_a_document_is_found() {
        let text = "`cargo xtask test`, `cargo xtask ci`\n`cargo xtask bench ping` `cargo xtask tests`, `cargo xtask <command>`\n";
        assert_eq!(
            unknown_calls(Path::new("README.md"), text),
            ["README.md:2: unknown command `cargo xtask tests`"]
        );
    }

    #[test]
    fn untested_and_unknown_invariants_are_found() {
        let stated = stated("| | invariant |\n| I1 | Forward. |\n| I12 | Truth. |\n");
        let cited = cited("    fn i1_forward(world in world()) {\n    fn i3_gone() {\n    fn is_green() {\n");
        assert_eq!((stated.as_slice(), cited.as_slice()), ([1, 12].as_slice(), [1, 3].as_slice()));
        assert_eq!(differences(&stated, &cited).len(), 2);
        assert_eq!(differences(&stated, &stated), [""; 0]);
        assert_eq!(differences(&[], &[]).len(), 1);
    }
}
