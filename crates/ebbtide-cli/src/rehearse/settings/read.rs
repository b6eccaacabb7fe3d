//! Reads the section, and checks each value as the option does.

use std::env;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{COMMAND, Key, Kind, keys};
use crate::rehearse::plan::program_in;
use crate::settings::{BadSettings, SECTIONS, SettingsFile};

/// A key that the file sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setting {
    /// The option's name in clap.
    pub(super) id: String,
    pub(super) name: String,
    /// As on the command line; the words of the service for its command.
    pub(super) words: Vec<OsString>,
    /// The place of the key.
    pub(super) span: Range<usize>,
}

/// The key's value is a path, which counts from the folder of the file.
const PATHS: [&str; 4] = ["body-file", "cacert", "protoset", "record"];
/// The key's value may have a path behind its first `=`.
const OUTPUT: &str = "format";
/// The key's value may have the path of a Unix socket.
const ADDRESSES: [&str; 4] = ["ready", "liveness", "url", "via"];

/// Returns the settings of the section `[rehearse]`; none if the file does not have it.
///
/// # Errors
///
/// The file is not TOML, has a key that does not exist, or a value that the option does not take.
pub(super) fn read(file: &SettingsFile, options: &Command) -> Result<Vec<Setting>, BadSettings> {
    let keys = keys(options);
    let document = DeTable::parse(&file.text).map_err(|error| file.unreadable(&error, SYNTAX))?;
    let document = document.get_ref();
    for name in document.keys() {
        if !SECTIONS.contains(&&**name.get_ref()) {
            let hint = similar(name.get_ref(), SECTIONS.into_iter(), "the sections are");
            let message = format!("unknown section `{}`", name.get_ref());
            return Err(file.invalid(Some(name.span()), message, hint));
        }
    }
    let Some(section) = document.get("rehearse") else { return Ok(Vec::new()) };
    let DeValue::Table(section) = section.get_ref() else {
        let message = format!("invalid section `rehearse`: {} found", found(section.get_ref()));
        return Err(file.invalid(Some(section.span()), message, "write [rehearse], and the keys below it"));
    };
    // In the order of the file, so that the first fault is the first one in it.
    let mut entries: Vec<_> = section.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut settings = Vec::new();
    for (name, value) in entries {
        let Some(key) = keys.iter().find(|key| key.name == **name.get_ref()) else {
            let names = keys.iter().map(|key| key.name.as_str());
            let hint = similar(name.get_ref(), names, "the keys are those of the options:");
            let message = format!("unknown key `{}`", name.get_ref());
            return Err(file.invalid(Some(name.span()), message, hint));
        };
        let words = words(file, key, value, options)?;
        settings.push(Setting { id: key.id.clone(), name: key.name.clone(), words, span: name.span() });
    }
    agree(file, &settings, options)?;
    Ok(settings)
}

/// Two keys whose options exclude each other cannot both be set.
fn agree(file: &SettingsFile, settings: &[Setting], options: &Command) -> Result<(), BadSettings> {
    for (at, setting) in settings.iter().enumerate() {
        for earlier in settings.iter().take(at) {
            if conflicts(options, &setting.id, &earlier.id) {
                let message = format!("`{}` and `{}` exclude each other", earlier.name, setting.name);
                let hint = format!("remove `{}` or `{}`", earlier.name, setting.name);
                return Err(file.invalid(Some(setting.span.clone()), message, hint));
            }
        }
    }
    Ok(())
}

/// Returns whether the options `one` and `other` exclude each other.
pub(super) fn conflicts(options: &Command, one: &str, other: &str) -> bool {
    let of = |id: &str| options.get_arguments().find(|arg| arg.get_id() == id);
    let excludes = |id: &str, other: &str| {
        of(id).is_some_and(|arg| options.get_arg_conflicts_with(arg).iter().any(|arg| arg.get_id() == other))
    };
    excludes(one, other) || excludes(other, one)
}

/// Returns `value` as words of the command line.
fn words(
    file: &SettingsFile,
    key: &Key,
    value: &Spanned<DeValue<'_>>,
    options: &Command,
) -> Result<Vec<OsString>, BadSettings> {
    let wrong = |of: &Spanned<DeValue<'_>>| {
        let (name, expected) = (&key.name, key.kind.expected());
        let message =
            format!("invalid value of `{name}`: {} found, expected {expected}", found(of.get_ref()));
        file.invalid(Some(of.span()), message, help(key))
    };
    let text = |value: &Spanned<DeValue<'_>>, numbers: bool| -> Result<String, BadSettings> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) if numbers && number.radix() == 10 => Ok(number.as_str().to_owned()),
            _ => Err(wrong(value)),
        }
    };
    let option = |value: &str| format!("--{}={}", key.name, placed(&file.folder, &key.name, value));
    let check = |span: Range<usize>, word: String| match complaint(options, &word) {
        Some(message) => Err(file.invalid(Some(span), message, help(key))),
        None => Ok(OsString::from(word)),
    };
    let one = |value: &Spanned<DeValue<'_>>, numbers| check(value.span(), option(&text(value, numbers)?));
    let flag = |is_set: bool| -> Vec<OsString> {
        if is_set { vec![format!("--{}", key.name).into()] } else { Vec::new() }
    };
    match (&key.kind, value.get_ref()) {
        (Kind::Flag | Kind::FlagOrInteger, DeValue::Boolean(is_set)) => Ok(flag(*is_set)),
        (Kind::FlagOrInteger | Kind::Integer, DeValue::Integer(_)) => Ok(vec![one(value, true)?]),
        (Kind::Time, DeValue::Float(number)) => Ok(vec![check(value.span(), option(number.as_str()))?]),
        (Kind::Time | Kind::TextOrInteger, _) => Ok(vec![one(value, true)?]),
        (Kind::Text | Kind::Choice(_), _) => Ok(vec![one(value, false)?]),
        (Kind::Texts | Kind::TextsOrIntegers, DeValue::Array(values)) => {
            values.iter().map(|value| one(value, key.kind == Kind::TextsOrIntegers)).collect()
        }
        (Kind::Texts, _) => Ok(vec![one(value, false)?]),
        (Kind::TextsOrIntegers, _) => Ok(vec![one(value, true)?]),
        (Kind::Routes, DeValue::Table(routes)) => {
            let mut words = Vec::new();
            for (shape, route) in routes {
                let word = format!("{}={}", shape.get_ref(), text(route, false)?);
                words.push(check(route.span(), option(&word))?);
            }
            Ok(words)
        }
        (Kind::Words, _) => command(file, value, &text, &wrong),
        (Kind::Flag | Kind::FlagOrInteger | Kind::Integer | Kind::Routes, _) => Err(wrong(value)),
    }
}

/// Returns a value as text; a whole number too, if that is permitted.
type ReadText<'a> = dyn Fn(&Spanned<DeValue<'_>>, bool) -> Result<String, BadSettings> + 'a;

/// The command line of the service. A program with a relative path is one from the folder of the file.
fn command(
    file: &SettingsFile,
    value: &Spanned<DeValue<'_>>,
    text: &ReadText<'_>,
    wrong: &dyn Fn(&Spanned<DeValue<'_>>) -> BadSettings,
) -> Result<Vec<OsString>, BadSettings> {
    let words = match value.get_ref() {
        // A number may be an argument, such as a port. The program is none.
        DeValue::Array(words) => {
            let of = |(at, word)| text(word, at > 0);
            words.iter().enumerate().map(of).collect::<Result<Vec<_>, _>>()?
        }
        DeValue::String(line) => shlex::split(line).unwrap_or_default(),
        _ => return Err(wrong(value)),
    };
    let mut words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    let Some(program) = words.first_mut().filter(|program| !program.is_empty()) else {
        let message = format!("invalid value of `{COMMAND}`: no command");
        let hint = "write a command line such as \"./my-service --port 8080\"";
        return Err(file.invalid(Some(value.span()), message, hint));
    };
    program_in(&file.folder, program);
    Ok(words)
}

/// Returns the value of key `name` with its path, if it has one, from `folder`.
fn placed(folder: &Path, name: &str, value: &str) -> String {
    const SOCKET: &str = "unix:";
    let from_folder = |path: &str| folder.join(path).display().to_string();
    if PATHS.contains(&name) {
        return from_folder(value);
    }
    if let Some((format, path)) = value.split_once('=').filter(|(_, path)| name == OUTPUT && !path.is_empty())
    {
        return format!("{format}={}", from_folder(path));
    }
    // In the folder itself the path is left short: that of a socket is limited.
    let is_here = || env::current_dir().is_ok_and(|here| here == folder);
    match value.split_once(SOCKET).filter(|_| ADDRESSES.contains(&name)) {
        Some((before, socket))
            if (before.is_empty() || before.ends_with("://") || before.ends_with('='))
                && !socket.starts_with(['/', '@'])
                && !socket.is_empty()
                && !is_here() =>
        {
            format!("{before}{SOCKET}{}", from_folder(socket))
        }
        _ => value.to_owned(),
    }
}

/// Returns what the command says about an option that it does not take.
fn complaint(options: &Command, word: &str) -> Option<String> {
    let error = options.clone().try_get_matches_from(["rehearse", word]).err()?;
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let value = error.get(ContextKind::InvalidValue);
    let valid = error.get(ContextKind::ValidValue);
    source
        .or_else(|| match (value, valid) {
            (Some(ContextValue::String(value)), Some(ContextValue::Strings(valid))) => {
                Some(format!("invalid value `{value}`: expected one of {}", valid.join(", ")))
            }
            _ => None,
        })
        .or_else(|| Some(error.kind().to_string()))
}

fn help(key: &Key) -> String {
    let help = key.help.trim_end_matches('.');
    let mut letters = help.chars();
    match (letters.next(), letters.clone().next()) {
        // Not `PEM`.
        (Some(first), Some(second)) if second.is_lowercase() => {
            format!("`{}`: {}{}", key.name, first.to_lowercase(), letters.as_str())
        }
        _ => format!("`{}`: {help}", key.name),
    }
}

/// What kind of value it is.
fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The names that resemble `word`; all names if none does.
fn similar<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone, all: &str) -> String {
    let near = |name: &&str| strsim::damerau_levenshtein(word, name) <= (word.len() / 2).max(1);
    let mut found: Vec<&str> = names.clone().filter(near).collect();
    found.sort_by_key(|name| strsim::damerau_levenshtein(word, name));
    match found.first() {
        Some(name) => format!("similar: `{name}`"),
        None => format!("{all} {}", names.collect::<Vec<_>>().join(", ")),
    }
}

const SYNTAX: &str = "the file is TOML: [rehearse], and below it lines such as grace = \"30s\"";
