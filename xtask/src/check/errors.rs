//! Every type of error has a unit test that walks its variants and checks their texts.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::files::{files, tokens};
use crate::failure::Failure;

/// Checks the sources of the library, the command and the demo. The unit tests themselves check the texts: see
/// `crates/ebbtide-core/src/error_form`.
///
/// # Errors
///
/// Returns an error if a file defines an error that `error_form::walk!` in the same file does not name.
pub(super) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    let mut types = 0_usize;
    for (path, text) in files("rs")?.into_iter().filter(|(path, _)| is_checked(path)) {
        let mut found = Found::default();
        found.collect(tokens(&path, &text)?);
        types = types.saturating_add(found.types.len());
        let unwalked = found.types.iter().filter(|(_, name)| !found.walked.contains(name));
        violations.extend(unwalked.map(|(line, name)| {
            format!("{}:{line}: `error_form::walk!` in a test below must name {name}", path.display())
        }));
    }
    if types == 0 {
        violations.push("no type of error was found".to_owned());
    }
    Failure::unless_empty("errors whose texts are not checked", violations)
}

fn is_checked(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    match parts.next() {
        Some("crates") => parts.nth(1) == Some("src"),
        Some("demo") => parts.next() == Some("src"),
        _ => false,
    }
}

/// What a file has of errors.
#[derive(Default)]
struct Found {
    /// The types that derive or implement `Error`, each with its line; those of tests are left out.
    types: Vec<(usize, String)>,
    /// Every name within `walk! { … }`.
    walked: Vec<String>,
}

impl Found {
    fn collect(&mut self, stream: TokenStream) {
        self.collect_from(stream, false);
    }

    fn collect_from(&mut self, stream: TokenStream, is_test: bool) {
        // Whether the item that is being read derives `Error`, and the tokens since its beginning.
        let (mut derives, mut is_test_item) = (false, is_test);
        let mut words: Vec<String> = Vec::new();
        for token in stream {
            match &token {
                TokenTree::Group(group) => {
                    let inside = names(&group.stream());
                    if group.delimiter() == Delimiter::Bracket && words.is_empty() {
                        let has = |attribute: &str, name: &str| {
                            inside.first().is_some_and(|first| first == attribute)
                                && inside.iter().any(|other| other == name)
                        };
                        derives |= has("derive", "Error");
                        is_test_item |= has("cfg", "test");
                    } else if words.last().is_some_and(|word| word == "walk") {
                        self.walked.extend(inside);
                    } else {
                        self.collect_from(group.stream(), is_test_item);
                    }
                    if group.delimiter() == Delimiter::Brace {
                        (derives, is_test_item) = (false, is_test);
                        words.clear();
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    (derives, is_test_item) = (false, is_test);
                    words.clear();
                }
                // So that `impl From<Error> for` is not `impl Error for`.
                TokenTree::Punct(punct) if punct.as_char() == '>' => words.push(">".to_owned()),
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    let is_type =
                        derives && words.last().is_some_and(|last| last == "enum" || last == "struct");
                    let is_impl = words.first().is_some_and(|first| first == "impl")
                        && matches!(&words[..], [.., trait_name, last] if trait_name == "Error" && last == "for");
                    if (is_type || is_impl) && !is_test_item {
                        self.types.push((token.span().start().line, word.clone()));
                    }
                    words.push(word);
                }
                _ => {}
            }
        }
    }
}

/// Returns every identifier of a stream.
fn names(stream: &TokenStream) -> Vec<String> {
    let mut all = Vec::new();
    for token in stream.clone() {
        match token {
            TokenTree::Ident(name) => all.push(name.to_string()),
            TokenTree::Group(group) => all.extend(names(&group.stream())),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwalked(source: &str) -> Vec<String> {
        let mut found = Found::default();
        found.collect(source.parse().unwrap());
        found.types.into_iter().map(|(_, name)| name).filter(|name| !found.walked.contains(name)).collect()
    }

    #[test]
    fn an_error_that_is_not_walked_is_found() {
        for source in [
            "#[derive(Debug, thiserror::Error)] #[error(\"no\")] pub struct Lost;",
            "#[derive(Debug, Error)] #[non_exhaustive] enum Lost { #[error(\"no\")] A }",
            "pub struct Lost; impl std::error::Error for Lost {}",
            "#[derive(Debug, Error)] struct Lost(u8); mod tests { fn a() { walk! { Other => Other; } } }",
            "#[cfg(test)] mod tests { #[test] fn a() {} } #[derive(Error)] struct Lost(u8);",
        ] {
            assert_eq!(unwalked(source), ["Lost"], "{source}");
        }
    }

    #[test]
    fn walked_errors_those_of_tests_and_other_types_pass() {
        for source in [
            "#[derive(Error)] enum Lost { A } #[cfg(test)] mod tests { fn a() { form::walk! { Lost::A => Lost::A; } } }",
            "#[cfg(test)] mod tests { #[derive(Debug, Error)] struct Lost; }",
            "#[derive(Debug)] struct Other; impl fmt::Display for Other {} impl From<Error> for Other {}",
        ] {
            assert_eq!(unwalked(source), [""; 0], "{source}");
        }
    }
}
