use std::fs;

use crate::failure::Failure;
use crate::tree::files;

const SPECIFICATION: &str = "docs/spec.md";
const TESTS: &str = "crates/ebbtide-core/tests/core/machine";

/// Returns the numbered invariants of the specification that no property of the machine has in its name, and the
/// properties that name an invariant which is not there.
pub(super) fn untested() -> Result<Vec<String>, Failure> {
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

/// The rows that begin with `| I7 |`.
fn stated(specification: &str) -> Vec<u32> {
    specification
        .lines()
        .filter_map(|line| line.strip_prefix("| I")?.split(' ').next()?.parse().ok())
        .collect()
}

/// The functions whose name begins with `i7_`.
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
    fn an_invariant_without_its_property_is_found_and_the_other_way_round() {
        let stated = stated("| | invariant |\n| I1 | Forward. |\n| I12 | Truth. |\n");
        let cited = cited("    fn i1_forward(world in world()) {\n    fn i3_gone() {\n    fn is_green() {\n");
        assert_eq!((stated.as_slice(), cited.as_slice()), ([1, 12].as_slice(), [1, 3].as_slice()));
        assert_eq!(differences(&stated, &cited).len(), 2);
        assert_eq!(differences(&stated, &stated), [""; 0]);
        assert_eq!(differences(&[], &[]).len(), 1);
    }
}
