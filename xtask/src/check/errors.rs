//! The texts of errors follow one form: they chain, stand alone in a line, and leave advice to the command's hints.

use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::files::{files, tokens};
use crate::failure::Failure;

/// The longest text, without what its placeholders show.
const MAX_LETTERS: usize = 120;

/// Names that are written with a capital.
const NAMES: [&str; 9] = ["HTTP", "NATS", "PostgreSQL", "RabbitMQ", "Redis", "SQLite", "SQS", "TLS", "UTF-8"];

/// How advice begins. It belongs to the rustdoc of the variant, and to a hint of the command.
const ADVICE: [&str; 22] = [
    "; add ",
    "; call ",
    "; check ",
    "; choose ",
    "; give ",
    "; install ",
    "; lower ",
    "; make ",
    "; name ",
    "; pass ",
    "; put ",
    "; raise ",
    "; remove ",
    "; see ",
    "; set ",
    "; try ",
    "; use ",
    "; write ",
    ": write ",
    "please ",
    "make sure",
    "?",
];

/// Checks the text of every error that derives its `Display`.
///
/// # Errors
///
/// Returns an error if a text breaks the form; it names the place and the rule.
pub(super) fn check() -> Result<(), Failure> {
    let mut violations = Vec::new();
    let mut texts = 0_usize;
    for (path, text) in files("rs")?.into_iter().filter(|(path, _)| is_checked(path)) {
        for error in errors(tokens(&path, &text)?) {
            texts = texts.saturating_add(1);
            let broken = rules(&error);
            violations
                .extend(broken.into_iter().map(|why| format!("{}:{}: {why}", path.display(), error.line)));
        }
    }
    if texts == 0 {
        violations.push("no error text was found".to_owned());
    }
    Failure::unless_empty("errors break the form of STYLE.md", violations)
}

fn is_checked(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    match parts.next() {
        Some("crates") => parts.nth(1) == Some("src"),
        Some("demo") => parts.next() == Some("src"),
        _ => false,
    }
}

/// The text of an error and the fields that it may show.
struct ErrorText {
    line: usize,
    text: String,
    /// The field that `source()` returns: its name or its position.
    source: Option<String>,
}

/// Returns the texts of `#[error("…")]`, each with the field that is marked as its source.
fn errors(stream: TokenStream) -> Vec<ErrorText> {
    let mut all = Vec::new();
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if let Some((line, text)) = error_attribute(group) {
            let source = tokens.get(index.saturating_add(1)..).and_then(source);
            all.push(ErrorText { line, text, source });
        } else {
            all.extend(errors(group.stream()));
        }
    }
    all
}

fn error_attribute(group: &Group) -> Option<(usize, String)> {
    let mut tokens = group.stream().into_iter();
    match (group.delimiter(), tokens.next(), tokens.next()) {
        (Delimiter::Bracket, Some(TokenTree::Ident(name)), Some(TokenTree::Group(arguments)))
            if name == "error" =>
        {
            let TokenTree::Literal(literal) = arguments.stream().into_iter().next()? else { return None };
            let text = literal.to_string();
            let text = text.strip_prefix('"')?.strip_suffix('"')?;
            Some((literal.span().start().line, joined(text)))
        }
        _ => None,
    }
}

/// Returns a literal as it is printed where it goes on in the next line.
fn joined(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| all + line.trim_start())
}

/// Returns the source among the fields of the variant or struct that follows its attribute.
fn source(following: &[TokenTree]) -> Option<String> {
    let mut tokens = following.iter().skip_while(|token| !matches!(token, TokenTree::Ident(_)));
    let fields = tokens.find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() != Delimiter::Bracket => Some(Some(group)),
        TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => Some(None),
        _ => None,
    })??;
    let is_tuple = fields.delimiter() == Delimiter::Parenthesis;
    let (mut position, mut marked) = (0_usize, false);
    let mut previous: Option<String> = None;
    for token in fields.stream() {
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let name = group.stream().to_string();
                marked |= name == "source" || name == "from";
                if marked && is_tuple {
                    return Some(position.to_string());
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => position = position.saturating_add(1),
            TokenTree::Punct(punct) if punct.as_char() == ':' && !is_tuple => {
                if let Some(name) = previous.take().filter(|name| marked || name == "source") {
                    return Some(name);
                }
            }
            TokenTree::Ident(name) => previous = Some(name.to_string()),
            _ => {}
        }
    }
    None
}

/// Returns what is wrong with a text.
fn rules(error: &ErrorText) -> Vec<String> {
    let mut broken = Vec::new();
    let text = without_placeholders(&error.text);
    if text.trim_end().ends_with(['.', '!']) {
        broken.push("ends with a full stop".to_owned());
    }
    let first: String =
        error.text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
    if first.starts_with(char::is_uppercase)
        && !NAMES.contains(&first.as_str())
        && first.to_uppercase() != first
    {
        broken.push(format!("begins with a capital: `{first}`"));
    }
    if let Some(advice) = ADVICE.iter().find(|advice| text.contains(*advice)) {
        broken.push(format!("gives advice: `{advice}`"));
    }
    if error.text.contains("\\n") {
        broken.push("takes more than a line".to_owned());
    }
    let letters = text.chars().count();
    if letters > MAX_LETTERS {
        broken.push(format!("has {letters} letters, of at most {MAX_LETTERS}"));
    }
    if let Some(source) = &error.source
        && (error.text.contains(&format!("{{{source}}}")) || error.text.contains(&format!("{{{source}:")))
    {
        broken.push(format!("shows `{source}`, which `source()` returns as well"));
    }
    broken
}

fn without_placeholders(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = text.chars().filter(|letter| match letter {
        '{' => {
            depth = depth.saturating_add(1);
            false
        }
        '}' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(source: &str) -> Vec<String> {
        let found = errors(source.parse().unwrap());
        assert_eq!(found.len(), 1, "{source}");
        rules(&found[0])
    }

    #[test]
    fn a_clause_that_stands_alone_passes() {
        for source in [
            "#[error(\"invalid lease {lease:?}: must be at least {}\", LEAST)] struct A { lease: Duration }",
            "enum E { #[error(\"cannot bind {address}\")] B { address: String, #[source] cause: io::Error } }",
            "enum E { #[error(\"EBBTIDE_PLAN: {0}\")] B(String), }",
            "enum E { #[error(\"NATS refused\")] B, }",
        ] {
            assert_eq!(broken(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        let long = format!("#[error(\"{}\")] struct A;", "x".repeat(MAX_LETTERS + 1));
        for (source, rule) in [
            ("#[error(\"cannot bind.\")] struct A;", "full stop"),
            ("#[error(\"Cannot bind\")] struct A;", "capital"),
            ("#[error(\"port taken; use another\")] struct A;", "advice"),
            ("#[error(\"one\\ntwo\")] struct A;", "line"),
            (&*long, "letters"),
            ("enum E { #[error(\"failed: {source}\")] B { source: io::Error } }", "`source`"),
            ("enum E { #[error(\"failed: {cause}\")] B { at: u8, #[source] cause: io::Error } }", "`cause`"),
            ("enum E { #[error(\"failed: {0}\")] B(#[from] io::Error) }", "`0`"),
            ("enum E { #[error(\"failed: {1}\")] B(u8, #[source] io::Error) }", "`1`"),
        ] {
            let broken = broken(source);
            assert!(broken.len() == 1 && broken[0].contains(rule), "{source}: {broken:?}");
        }
    }
}
