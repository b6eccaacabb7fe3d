use ebbtide_check::{Severity, find};

/// A comment in a file of the corpus: `# expect: K003 warning at sleep 25`.
///
/// The words after `at` are in a line that the finding shows. An info may leave them out. The comments are written from the facts
/// in PLATFORMS.md by reading the file, not from what the check prints.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) rule: String,
    pub(super) severity: Severity,
    pub(super) at: Option<String>,
}

/// JSON has no comments, but editors' files have those of JavaScript.
const MARKS: [&str; 2] = ["# expect: ", "// expect: "];

/// Reads the expectations of a file.
pub(super) fn all(name: &str, text: &str) -> Vec<Expectation> {
    let lines = text.lines().filter_map(|line| MARKS.iter().find_map(|mark| line.strip_prefix(mark)));
    lines.map(|line| read(line).unwrap_or_else(|| panic!("{name}: invalid expectation `{line}`"))).collect()
}

fn read(line: &str) -> Option<Expectation> {
    let (head, at) = line.split_once(" at ").map_or((line, None), |(head, at)| (head, Some(at.to_owned())));
    let (rule, severity) = head.split_once(' ')?;
    let severity = severity.parse().ok()?;
    let is_complete = at.is_some() || severity == Severity::Info;
    (is_complete && find(rule).is_some()).then(|| Expectation { rule: rule.to_owned(), severity, at })
}
