//! Documents and the strings of the library and the command use standard terms.

use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

use super::files::{files, tokens};
use crate::failure::Failure;

const DICTIONARY: &str = include_str!("words.txt");

/// A private word or phrase, and what stands for it elsewhere.
struct Entry<'d> {
    private: &'d str,
    standard: &'d str,
}

/// A text that is read as a whole: a document, a block of rustdoc, or a string. Each line has its number.
type Text = Vec<(usize, String)>;

/// Checks every Markdown file, and the rustdoc and the strings of every Rust file that users meet.
///
/// # Errors
///
/// Returns an error if a private word of `words.txt` is in one; it names the place and the replacement.
pub(super) fn check() -> Result<(), Failure> {
    let entries = entries(DICTIONARY);
    let mut violations = Vec::new();
    for (path, text) in files("md")? {
        violations.extend(found(&entries, &path, &[document(&text)]));
    }
    for (path, text) in files("rs")?.into_iter().filter(|(path, _)| is_met_by_users(path)) {
        violations.extend(found(&entries, &path, &texts(tokens(&path, &text)?)));
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

fn document(text: &str) -> Text {
    (1..).zip(text.lines().map(str::to_owned)).collect()
}

fn found(entries: &[Entry<'_>], path: &Path, texts: &[Text]) -> Vec<String> {
    let mut violations = Vec::new();
    for paragraph in texts.iter().flat_map(paragraphs) {
        for Entry { private, standard } in entries {
            violations.extend(
                paragraph.lines_with(private).into_iter().map(|number| {
                    format!("{}:{number}: \"{private}\": write \"{standard}\"", path.display())
                }),
            );
        }
    }
    violations
}

/// The lines of a text up to an empty one, joined, without their `code` and in lower case.
#[derive(Default)]
struct Paragraph {
    text: String,
    /// Where each line begins in the text, with its number.
    begins: Vec<(usize, usize)>,
    is_code: bool,
}

impl Paragraph {
    /// Adds a line. A `code` that begins in it may end in a later one.
    fn add(&mut self, number: usize, line: &str) {
        self.text.push(' ');
        self.begins.push((self.text.len(), number));
        for (index, part) in line.trim().split('`').enumerate() {
            if index > 0 {
                self.is_code = !self.is_code;
                self.text.push('`');
            }
            if !self.is_code {
                self.text += &part.to_lowercase();
            }
        }
    }

    /// Returns the number of each line in which the phrase begins. It may end in the next line.
    fn lines_with(&self, phrase: &str) -> Vec<usize> {
        let line_of =
            |at: usize| self.begins.iter().rev().find(|(begin, _)| *begin <= at).map(|(_, number)| *number);
        phrase_places(&self.text, phrase).filter_map(line_of).collect()
    }
}

/// Returns the paragraphs of a text; code blocks are left out.
fn paragraphs(text: &Text) -> Vec<Paragraph> {
    let mut all = vec![Paragraph::default()];
    let mut is_code_block = false;
    for (number, line) in text {
        let is_fence = line.trim_start().starts_with("```");
        is_code_block ^= is_fence;
        if is_fence || line.trim().is_empty() {
            all.push(Paragraph::default());
        } else if !is_code_block && let Some(paragraph) = all.last_mut() {
            paragraph.add(*number, line);
        }
    }
    all
}

/// Returns the places in a text where a phrase begins, as whole words.
fn phrase_places<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(phrase).map(|(at, _)| at).filter(move |at| {
        let (before, from) = text.split_at_checked(*at).unwrap_or_default();
        let after = from.strip_prefix(phrase).unwrap_or_default();
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// Returns the blocks of rustdoc and the string literals of a file.
fn texts(stream: TokenStream) -> Vec<Text> {
    let mut found = Texts::default();
    found.collect(stream);
    found.all
}

#[derive(Default)]
struct Texts {
    all: Vec<Text>,
    /// The last text is rustdoc. Its next line is a token of its own.
    is_rustdoc: bool,
}

impl Texts {
    fn collect(&mut self, stream: TokenStream) {
        let mut is_doc = false;
        for token in stream {
            match &token {
                TokenTree::Literal(literal) => {
                    let lines = string_lines(literal.span().start().line, &literal.to_string());
                    self.add(lines, is_doc);
                }
                TokenTree::Group(group) => self.collect(group.stream()),
                TokenTree::Ident(name) => is_doc = name == "doc",
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn add(&mut self, lines: Text, is_doc: bool) {
        let Some((first, _)) = lines.first() else { return };
        match self.all.last_mut() {
            Some(before)
                if is_doc && self.is_rustdoc && before.last().is_some_and(|(last, _)| last + 1 == *first) =>
            {
                before.extend(lines);
            }
            _ => self.all.push(lines),
        }
        self.is_rustdoc = is_doc;
    }
}

/// Returns the lines of a string literal as they are in the file, without quotes; nothing for other literals.
fn string_lines(first: usize, literal: &str) -> Text {
    let Some((_, opened)) = literal.split_once('"') else { return Text::new() };
    let inside = opened.rsplit_once('"').map_or(opened, |(inside, _)| inside);
    // A `\n` goes on in the next line of the output, and a `\` at the end of a line in the same one.
    let lines = inside.split('\n').map(|line| line.strip_suffix('\\').unwrap_or(line).replace("\\n", " "));
    (first..).zip(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: &str = "# comment\nhanded back | requeued\nnobody | no client\n";

    fn in_document(text: &str) -> Vec<String> {
        found(&entries(PRIVATE), Path::new("a.md"), &[document(text)])
    }

    /// Returns the lines of a Rust file that have a private word.
    fn in_source(source: &str) -> Vec<String> {
        let violations = found(&entries(PRIVATE), Path::new("a.rs"), &texts(source.parse().unwrap()));
        violations.iter().map(|violation| violation.split(':').nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_private_word_is_found_with_its_line_and_its_replacement() {
        let text = "Jobs are requeued.\nThen they are Handed back.\n";
        assert_eq!(in_document(text), ["a.md:2: \"handed back\": write \"requeued\""]);
    }

    #[test]
    fn code_and_parts_of_words_pass() {
        let text = "As `nobody` says.\n```text\nnobody\n```\nThe nobody_else user, and nobodys.\n\
                    `a code that\nis nobody`\n";
        assert_eq!(in_document(text), [""; 0]);
    }

    #[test]
    fn a_phrase_may_be_split_over_two_lines_but_not_over_paragraphs() {
        assert_eq!(
            in_document("Jobs are handed\n  back.\n"),
            ["a.md:1: \"handed back\": write \"requeued\""]
        );
        assert_eq!(in_document("Jobs are handed\n\nback.\n"), [""; 0]);
        assert_eq!(in_source("/// Jobs are handed\n/// back.\nfn a() {}"), ["1"]);
        assert_eq!(in_source("fn a() {\n    log(\"handed \\\n        back\");\n}"), ["2"]);
    }

    #[test]
    fn a_fence_or_a_backtick_does_not_reach_beyond_its_text() {
        let open = "/// ```\n/// nobody\nfn a() {}\n\n/// Nobody.\nfn b() { log(\"nobody\", \"```\"); }\n/// nobody\nfn c() {}";
        assert_eq!(in_source(open), ["5", "6", "7"]);
        assert_eq!(in_document("An odd ` here.\n\nNobody.\n").len(), 1);
    }

    #[test]
    fn rustdoc_and_strings_are_searched_and_comments_and_code_are_not() {
        let source = "/// Tells nobody.\nfn nobody() {\n    // nobody\n    log(\"nobody came\", 'n');\n}\n";
        assert_eq!(in_source(source), ["1", "4"]);
        let block = "/// ```\n/// nobody();\n///\n/// \"nobody\";\n/// ```\n/// Tells nobody.\nfn a() {}";
        assert_eq!(in_source(block), ["6"]);
    }

    #[test]
    fn each_entry_has_a_replacement() {
        let entries = entries(DICTIONARY);
        assert!(entries.len() > 50, "{}", entries.len());
        assert!(entries.iter().all(|entry| !entry.private.is_empty() && !entry.standard.is_empty()));
    }
}
