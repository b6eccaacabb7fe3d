use std::fs;

use super::command_line;
use crate::failure::Failure;
use crate::shell::say;

/// Where a page lies, and what writes it.
type Page = (&'static str, fn() -> Result<String, Failure>);

const PAGES: [Page; 1] = [("docs/cli.md", command_line::page)];

/// Writes every generated page anew.
///
/// # Errors
///
/// When one cannot be made or written.
pub(crate) fn write() -> Result<(), Failure> {
    for (path, page) in PAGES {
        fs::write(path, page()?).map_err(Failure::io(format!("write {path}")))?;
        say(&format!("==> wrote {path}"));
    }
    Ok(())
}

/// Compares every generated page with what would be written now.
///
/// # Errors
///
/// When one is stale, or was edited by hand.
pub(crate) fn check() -> Result<(), Failure> {
    let mut stale = Vec::new();
    for (path, page) in PAGES {
        // A page that is not there is a stale one.
        let present = fs::read_to_string(path).unwrap_or_default();
        stale.extend(difference(&present, &page()?).map(|why| format!("{path}:{why}")));
    }
    Failure::unless_empty("generated pages are stale, run `cargo xtask generate`", stale)
}

/// Returns the first line that differs.
fn difference(present: &str, expected: &str) -> Option<String> {
    if present == expected {
        return None;
    }
    let same =
        present.lines().zip(expected.lines()).take_while(|(present, expected)| present == expected).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("the end").to_owned();
    Some(format!("{}: is {:?}, would be {:?}", same + 1, line(present), line(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_would_be_written_otherwise_is_stale() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert!(difference("a\nb\n", "a\nc\n").is_some_and(|why| why.starts_with("2:")));
        assert!(difference("a\n", "a").is_some());
        assert!(difference("", "a\n").is_some());
    }
}
