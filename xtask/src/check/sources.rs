//! Rules for source files that lints cannot express.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::files::{files, tokens};
use crate::failure::Failure;

/// The maximum length of a source file, in lines.
const MAX_LINES: usize = 400;

const NO_ALLOW: &str = "`#[allow]` is not used here: use `#[expect(lint, reason = \"…\")]`";
const NO_IGNORE: &str = "ignored test without a reason: use `#[ignore = \"why\"]`";

const WITHOUT_FALLBACK: &str = "not shown without a tracing subscriber: use `log_warn` or `log_error` of `crate::runtime`, or of `ebbtide::adapter`";

/// Checks every Rust file of the workspace.
///
/// # Errors
///
/// When one is too long, declares an item in the wrong place, carries an attribute that hides something, or logs a warning that
/// is not shown without a subscriber.
pub(super) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    for (path, text) in files("rs")? {
        let stream = tokens(&path, &text)?;
        violations.extend(too_long(&text).map(|why| format!("{}: {why}", path.display())));
        if path.ends_with("mod.rs") || path.ends_with("lib.rs") {
            violations.extend(misplaced_item(stream.clone()).map(|line| {
                format!("{}:{line}: mod.rs and lib.rs may only declare modules and re-export", path.display())
            }));
        }
        let mut found = hiding_attributes(stream);
        found.extend(logs_without_fallback(&path, &text));
        violations.extend(found.into_iter().map(|(line, why)| format!("{}:{line}: {why}", path.display())));
    }
    Failure::unless_empty("source files violate the rules of CONTRIBUTING.md", violations)
}

/// Returns a violation when a file is too long.
fn too_long(text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| format!("{lines} lines, at most {MAX_LINES} are allowed"))
}

/// Returns the line of the first item that is not a declaration of a module or a re-export.
fn misplaced_item(stream: TokenStream) -> Option<usize> {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let line = token.span().start().line;
        match &token {
            // An attribute or a doc comment, inner or outer.
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                tokens.next_if(|next| matches!(next, TokenTree::Punct(punct) if punct.as_char() == '!'));
                tokens.next();
            }
            TokenTree::Ident(word) if *word == "pub" => {
                tokens.next_if(is_parenthesised);
            }
            // A compile error for an unsupported target belongs to the crate's declarations.
            TokenTree::Ident(word) if *word == "compile_error" => {
                tokens.by_ref().take(3).for_each(drop);
            }
            TokenTree::Ident(word) if *word == "mod" || *word == "use" || *word == "extern" => {
                let is_use = *word == "use";
                loop {
                    match tokens.next() {
                        Some(TokenTree::Punct(punct)) if punct.as_char() == ';' => break,
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !is_use => {
                            return Some(line);
                        }
                        Some(_) => {}
                        None => return Some(line),
                    }
                }
            }
            _ => return Some(line),
        }
    }
    None
}

fn is_parenthesised(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

/// Returns the attributes that hide something, each with its line.
fn hiding_attributes(stream: TokenStream) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    search_attributes(stream, &mut found);
    found
}

fn search_attributes(stream: TokenStream, found: &mut Vec<(usize, &'static str)>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if group.delimiter() == Delimiter::Bracket && follows_hash(&tokens, index) {
            judge_attribute(group.stream(), found);
        } else {
            search_attributes(group.stream(), found);
        }
    }
}

fn follows_hash(tokens: &[TokenTree], index: usize) -> bool {
    let is = |back: usize, wanted: char| {
        let before = index.checked_sub(back).and_then(|place| tokens.get(place));
        matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
    };
    is(1, '#') || is(1, '!') && is(2, '#')
}

/// Inspects an attribute, and the attributes inside a `cfg_attr`.
fn judge_attribute(attribute: TokenStream, found: &mut Vec<(usize, &'static str)>) {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    let next_is = |index: usize, wanted: char| matches!(tokens.get(index + 1), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word)
                if *word == "allow" && matches!(tokens.get(index + 1), Some(TokenTree::Group(_))) =>
            {
                found.push((token.span().start().line, NO_ALLOW));
            }
            TokenTree::Ident(word) if *word == "ignore" && !next_is(index, '=') => {
                found.push((token.span().start().line, NO_IGNORE));
            }
            TokenTree::Group(group) => judge_attribute(group.stream(), found),
            _ => {}
        }
    }
}

/// Returns the lines where the library logs a warning or an error without the fallback to standard error.
fn logs_without_fallback(path: &Path, text: &str) -> Vec<(usize, &'static str)> {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let is_library = parts.next() == Some("crates")
        && parts.next().is_some_and(|name| name.starts_with("ebbtide") && name != "ebbtide-cli")
        && parts.next() == Some("src");
    let defines_them = path.ends_with("runtime/log.rs") || path.ends_with("ebbtide/src/adapter.rs");
    if !is_library || defines_them {
        return Vec::new();
    }
    let is_one = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && (code.contains("tracing::warn!") || code.contains("tracing::error!"))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| is_one(line))
        .map(|(index, _)| (index + 1, WITHOUT_FALLBACK))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hundred_lines_pass_and_one_more_does_not() {
        assert_eq!(too_long(&"\n".repeat(MAX_LINES)), None);
        assert!(too_long(&"\n".repeat(MAX_LINES + 1)).is_some());
    }

    fn misplaced(text: &str) -> Option<usize> {
        misplaced_item(text.parse().unwrap())
    }

    #[test]
    fn declarations_and_re_exports_pass() {
        let text = "//! What it is.\n#![warn(x)]\n#[cfg(not(x))]\ncompile_error!(\"x\");\nmod a;\n#[cfg(test)]\nmod b;\npub(crate) mod c;\n/// Doc.\npub use a::{A, b::*};\nuse c::C as D;\n";
        assert_eq!(misplaced(text), None);
    }

    #[test]
    fn any_item_but_declarations_and_re_exports_is_found() {
        for item in ["fn f() {}", "pub struct S;", "mod m { }", "impl A {}", "const X: u8 = 1;", "m!();"] {
            assert_eq!(misplaced(&format!("mod a;\n{item}\n")), Some(2), "{item}");
        }
    }

    fn hiding(text: &str) -> Vec<usize> {
        hiding_attributes(text.parse().unwrap()).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn hiding_attributes_are_found_wherever_they_stand() {
        let text = "#![allow(dead_code)]\nmod a {\n#[cfg_attr(test, allow(unused))]\nfn f() {}\n#[test]\n#[ignore]\nfn t() {}\n}";
        assert_eq!(hiding(text), [1, 3, 6]);
    }

    #[test]
    fn attributes_with_a_reason_pass() {
        let text = "#[expect(dead_code, reason = \"because\")]\nfn allow() { allow(ignore) }\n#[ignore = \"needs a cluster\"]\nfn t() {}\n// #[allow(x)]\n";
        assert_eq!(hiding(text), [0_usize; 0]);
    }

    fn unheard(path: &str) -> Vec<usize> {
        let text = "tracing::info!(\"a\");\n// tracing::warn!(\"b\");\n    tracing::warn!(\n        \"c\");\nlet d = || tracing::error!(\"d\");\n";
        logs_without_fallback(Path::new(path), text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn library_warnings_and_errors_without_a_stderr_fallback_are_found() {
        assert_eq!(unheard("crates/ebbtide/src/http/handle.rs"), [3, 5]);
        assert_eq!(unheard("crates/ebbtide-redis/src/handle.rs"), [3, 5]);
        for elsewhere in [
            "demo/src/run.rs",
            "crates/ebbtide/src/runtime/log.rs",
            "crates/ebbtide/src/adapter.rs",
            "crates/ebbtide/tests/library/logs.rs",
            "crates/ebbtide-cli/src/main.rs",
        ] {
            assert_eq!(unheard(elsewhere), [0_usize; 0], "{elsewhere}");
        }
    }
}
