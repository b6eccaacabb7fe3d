//! What the command says about a command line that it cannot parse.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit::Ending;

/// Prints `error`, the result of parsing `words`, and returns how the command ends. Help and version are no errors.
pub(crate) fn complain_of_usage(error: &clap::Error, words: &[OsString]) -> Ending {
    if !error.use_stderr() {
        // A closed stdout ends the output.
        let _gone = error.print();
        return Ending::Passed;
    }
    let text = explained(error, words);
    // A closed stderr cannot be reported anywhere.
    let _gone = anstream::stderr().lock().write_all(text.as_bytes());
    Ending::Usage
}

/// Returns the text of `error`, coloured: with one reason for an invalid value, and with the `--` that the command of a service needs.
fn explained(error: &clap::Error, words: &[OsString]) -> String {
    let text = said_once(error, &error.render().ansi().to_string());
    match forgotten_dashes(error, words) {
        Some(tip) => text.replacen("\n\n", &format!("\n\n  tip: {tip}\n\n"), 1),
        None => text,
    }
}

/// Returns the text of `error` with what its value's parser says in the place of clap's own words, which would call the value invalid
/// twice: `invalid duration `x` for '--grace <TIME>': expected …`.
pub(crate) fn said_once(error: &clap::Error, text: &str) -> String {
    let said = || -> Option<String> {
        let source = error.source()?.to_string();
        let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
        let begin = text.find("invalid value '").filter(|_| source.starts_with("invalid "))?;
        let end = text.find(&source)?.saturating_add(source.len());
        let (what, reason) = match source.split_once("`: ") {
            Some((what, reason)) => (format!("{what}`"), format!(": {reason}")),
            None => (source.clone(), String::new()),
        };
        Some(format!("{}{what} for '{option}'{reason}{}", text.get(..begin)?, text.get(end..)?))
    };
    said().unwrap_or_else(|| text.to_owned())
}

/// Returns a tip if a word that is no option is where the command of the service would be, without `--` before it.
fn forgotten_dashes(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let is_rehearse = words.get(1).is_some_and(|word| word == "rehearse");
    if error.kind() != ErrorKind::UnknownArgument || !is_rehearse {
        return None;
    }
    let Some(ContextValue::String(first)) = error.get(ContextKind::InvalidArg) else { return None };
    let at = words.iter().position(|word| word.to_str() == Some(first))?;
    let has_dashes = words.iter().take(at).any(|word| word == "--");
    if first.starts_with('-') || has_dashes {
        return None;
    }
    let command: Vec<_> =
        words.iter().skip(at).filter(|word| *word != "--").map(|word| word.to_string_lossy()).collect();
    Some(format!("the command of the service is written after `--`: -- {}", command.join(" ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn said(words: &[&str]) -> String {
        let words: Vec<OsString> = ["ebbtide"].iter().chain(words).map(Into::into).collect();
        let error = Cli::command().try_get_matches_from(&words).unwrap_err();
        anstream::adapter::strip_str(&explained(&error, &words)).to_string()
    }

    #[test]
    fn a_command_without_dashes_before_it_gets_a_tip() {
        let text = said(&["rehearse", "--grace", "5s", "./service", "--port", "8080"]);
        assert!(
            text.contains(
                "tip: the command of the service is written after `--`: -- ./service --port 8080\n"
            ),
            "{text}"
        );
        // The dashes may be behind it.
        let text = said(&["rehearse", "./service", "--", "--port"]);
        assert!(text.contains("after `--`: -- ./service --port\n"), "{text}");
        // The opposite: an option that does not exist, and another command.
        for words in [&["rehearse", "--gracce", "5s"][..], &["plan", "a", "b", "--for", "ecs"]] {
            let text = said(words);
            assert!(text.starts_with("error: unexpected argument") && !text.contains("after `--`"), "{text}");
        }
    }

    #[test]
    fn an_invalid_value_is_called_so_once() {
        for (words, expected) in [
            (
                &["rehearse", "--grace", "soon", "--demo"][..],
                "invalid duration `soon` for '--grace <TIME>': expected seconds",
            ),
            (
                &["rehearse", "--signal", "STOP", "--demo"],
                "invalid stop signal `STOP` for '--signal <SIGNAL>': expected TERM",
            ),
            (
                &["rehearse", "--storm", "-3", "--demo"],
                "invalid number `-3` for '--storm <CLIENTS>': expected a whole number",
            ),
            (
                &["rehearse", "--format", "xml", "--demo"],
                "invalid format `xml` for '--format <FORMAT[=FILE]>': expected text",
            ),
            (
                &["rehearse", "--header", "X Y: a", "--demo"],
                "invalid header name `X Y` for '--header <NAME: VALUE>'",
            ),
            (&["demo", "--grace", "soon"], "invalid duration `soon` for '--grace <TIME>': expected seconds"),
            // clap's own words, for a value of a list.
            (&["demo", "--fault", "foo"], "invalid value 'foo' for '--fault <NAME>'"),
        ] {
            let text = said(words);
            assert!(text.starts_with(&format!("error: {expected}")), "{text}");
            assert_eq!(text.matches("invalid").count(), 1, "{text}");
        }
    }
}
