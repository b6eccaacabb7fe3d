//! What the command says about a command line that it cannot parse.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Returns the text of `error`, coloured: with one reason for an invalid value, and with the `--` that the command of a service needs.
pub(crate) fn explained(error: &clap::Error, words: &[OsString]) -> String {
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
