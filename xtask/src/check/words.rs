//! Documents and the strings of the library and the command use standard terms.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::files::{files, tokens};
use crate::failure::Failure;

const DICTIONARY: &str = include_str!("words.txt");

/// A private word or phrase, and what stands for it elsewhere.
struct Entry<'d> {
    private: &'d str,
    standard: &'d str,
}

/// Checks every Markdown file, and the rustdoc and the strings of every Rust file that users meet.
///
/// # Errors
///
/// Returns an error if a private word of `words.txt` is in one; it names the place and the replacement.
pub(super) fn check() -> Result<(), Failure> {
    let entries = entries(DICTIONARY);
    let mut violations = Vec::new();
    for (path, text) in files("md")? {
        violations.extend(found(&entries, &path, prose((1..).zip(text.lines()))));
    }
    for (path, text) in files("rs")?.into_iter().filter(|(path, _)| is_met_by_users(path)) {
        let mut strings = Vec::new();
        collect(tokens(&path, &text)?, &mut strings);
        let lines = strings.iter().flat_map(|(line, text)| (*line..).zip(text.lines()));
        violations.extend(found(&entries, &path, prose(lines)));
    }
    Failure::unless_empty("private words; STYLE.md has the standard terms", violations)
}

fn is_met_by_users(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        ["crates", _, folder, ..] => matches!(*folder, "src" | "examples"),
        ["demo", folder, ..] => *folder == "src",
        _ => false,
    }
}

fn entries(dictionary: &str) -> Vec<Entry<'_>> {
    let pairs =
        dictionary.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('|'));
    pairs.map(|(private, standard)| Entry { private: private.trim(), standard: standard.trim() }).collect()
}

/// Returns each line without its `code`, in lower case; nothing of code blocks.
fn prose<'t>(lines: impl Iterator<Item = (usize, &'t str)>) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut all = Vec::new();
    for (number, line) in lines {
        if line.trim_start_matches([' ', '"']).starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let outside: Vec<&str> = line.split('`').step_by(2).collect();
            all.push((number, outside.join("`").to_lowercase()));
        }
    }
    all
}

fn found(entries: &[Entry<'_>], path: &Path, lines: Vec<(usize, String)>) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in lines {
        let private = entries.iter().filter(|entry| has_phrase(&line, entry.private));
        violations.extend(private.map(|Entry { private, standard }| {
            format!("{}:{number}: \"{private}\": write \"{standard}\"", path.display())
        }));
    }
    violations
}

/// Tells whether a phrase is in a line as whole words.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(phrase).any(|(at, _)| {
        let (before, from) = line.split_at_checked(at).unwrap_or_default();
        let after = from.strip_prefix(phrase).unwrap_or_default();
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// Collects the string literals of a file, rustdoc among them, each with its line.
fn collect(stream: TokenStream, strings: &mut Vec<(usize, String)>) {
    for token in stream {
        match token {
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    strings.push((literal.span().start().line, text));
                }
            }
            TokenTree::Group(group) if group.delimiter() != Delimiter::None || !group.stream().is_empty() => {
                collect(group.stream(), strings);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let dictionary = "# comment\nhanded back | requeued\nnobody | no client\n";
        found(&entries(dictionary), Path::new("a.md"), prose((1..).zip(text.lines())))
    }

    #[test]
    fn a_private_word_is_found_with_its_line_and_its_replacement() {
        let text = "Jobs are requeued.\nThen they are Handed back.\n";
        assert_eq!(lines(text), ["a.md:2: \"handed back\": write \"requeued\""]);
    }

    #[test]
    fn code_and_parts_of_words_pass() {
        let text = "As `nobody` says.\n```text\nnobody\n```\nThe nobody_else user, and nobodys.\n";
        assert_eq!(lines(text), [""; 0]);
    }

    #[test]
    fn rustdoc_and_strings_are_searched_and_comments_and_code_are_not() {
        let source = "/// Tells nobody.\nfn nobody() {\n    // nobody\n    log(\"nobody came\", 'n');\n}\n";
        let mut strings = Vec::new();
        collect(source.parse().unwrap(), &mut strings);
        let places: Vec<usize> = strings.iter().map(|(line, _)| *line).collect();
        assert_eq!(places, [1, 4]);
    }

    #[test]
    fn each_entry_has_a_replacement() {
        let entries = entries(DICTIONARY);
        assert!(entries.len() > 50, "{}", entries.len());
        assert!(entries.iter().all(|entry| !entry.private.is_empty() && !entry.standard.is_empty()));
    }
}
