//! From the change that a rule means to edits of the text.

use crate::findings::{Change, Edit, Finding, Fix, Repair};
use crate::input::{Place, Sources};
use crate::model::{Slot, SlotPlace, Word};

/// Gives each finding whose repair is an edit of the text its fix. A place that is `uneditable` has
/// none.
pub(super) fn resolve(sources: &Sources, uneditable: &[Place], findings: &mut [Finding]) {
    for finding in findings {
        let Some(Repair { description, change }) = finding.repair.take() else { continue };
        let is_closed = |place: Place| {
            let mut values = uneditable.iter().filter(|value| value.source == place.source);
            values.any(|value| value.start() <= place.start() && place.end() <= value.end())
        };
        if let Change::Add(Slot { at: SlotPlace::Map { map, .. }, .. }, _) = &change
            && is_closed(*map)
        {
            continue;
        }
        finding.fix = edit(sources, change)
            .filter(|edit| !is_closed(edit.place))
            .map(|edit| Fix { description, edits: vec![edit] });
    }
}

fn edit(sources: &Sources, change: Change) -> Option<Edit> {
    let text = |place: Place| Some(sources.get(place.source)?.text());
    match change {
        Change::Set(place, value) => {
            let first = value_at(text(place)?, place)?.chars().next();
            let quote = first.filter(|first| "\"'".contains(*first)).map(String::from).unwrap_or_default();
            Some(Edit { place, text: format!("{quote}{value}{quote}") })
        }
        Change::Add(slot, value) => match slot.at {
            SlotPlace::Map { map, .. } => in_map(text(map)?, &slot, value),
            SlotPlace::LineAfter(place) => {
                let at = next_line(text(place)?, place.end())?;
                insertion(place, at, format!("{}={value}{}", slot.key, line_end(text(place)?, at)))
            }
        },
        Change::Remove(place) => {
            let text = text(place)?;
            let start = line_start(text, place.start())?;
            let end = text
                .get(place.end()..)?
                .find('\n')
                .map_or(text.len(), |at| place.end().saturating_add(at).saturating_add(1));
            let key = text.get(start..place.start())?.trim_matches([' ', '\t', ':', '=', '"', '\'']);
            let rest = text.get(place.end()..end)?.trim_start_matches(['"', '\'']).trim();
            let is_alone = !key.is_empty()
                && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && (rest.is_empty() || rest.starts_with('#'));
            let kept = if is_alone && rest.starts_with('#') {
                let line = text.get(start..end)?;
                let indent = line.len().saturating_sub(line.trim_start_matches([' ', '\t']).len());
                format!("{}{rest}{}", line.get(..indent)?, line_end(text, start))
            } else {
                String::new()
            };
            let (start, end) = if is_alone { (start, end) } else { flow_entry(text, place)? };
            Some(Edit { place: Place::new(place.source, start, end), text: kept })
        }
        Change::LineBefore(place, line) => {
            let text = text(place)?;
            let mut at = line_start(text, place.start())?;
            while let Some(before) = text.get(..at)?.strip_suffix('\n')
                && before.trim_end().ends_with('\\')
            {
                at = line_start(text, before.len())?;
            }
            insertion(place, at, format!("{line}{}", line_end(text, at)))
        }
        Change::Exec(word, offset) => exec(text(word.place)?, &word, offset),
    }
}

/// Returns the value at a place. `None` if there is more than the value, such as the flag before it: that would be replaced too.
fn value_at(text: &str, place: Place) -> Option<&str> {
    let value = text.get(place.start()..place.end())?;
    (!value.contains(['=', '\n']) && !value.contains("--")).then_some(value)
}

/// Returns the range of an entry of a mapping in braces, with one of the commas beside it. `None` for the only entry.
fn flow_entry(text: &str, value: Place) -> Option<(usize, usize)> {
    let colon = text.get(..value.start())?.trim_end_matches([' ', '\t']).strip_suffix(':')?;
    let is_name = |letter: char| letter.is_ascii_alphabetic() || "_\"'".contains(letter);
    let before = colon.trim_end().trim_end_matches(is_name);
    let key = before.len();
    let after = text.get(value.end()..)?;
    if let Some(left) = before.trim_end().strip_suffix(',') {
        let is_entry = after.trim_start().starts_with([',', '}']);
        return is_entry.then_some((left.len(), value.end()));
    }
    before.trim_end().strip_suffix('{')?;
    let right = after.trim_start().strip_prefix(',')?.trim_start_matches([' ', '\t']);
    Some((key, text.len().saturating_sub(right.len())))
}

fn insertion(near: Place, at: usize, text: String) -> Option<Edit> {
    Some(Edit { place: Place::new(near.source, at, at), text })
}

/// Adds an entry to a mapping of YAML or JSON: after its first entry if that has one line, else before it.
fn in_map(text: &str, slot: &Slot, value: String) -> Option<Edit> {
    let SlotPlace::Map { map, first_key, first_value, second_key } = slot.at else { return None };
    let key = slot.key;
    if text.get(map.start()..)?.starts_with('{') {
        let quote = text.get(first_key.start()..)?.chars().next().filter(|first| *first == '"');
        let entry = format!("{}: {}", quoted_name(key, quote), quoted(value, quote));
        let between = second_key
            .and_then(|second| text.get(first_value.end()..second.start())?.trim_start().strip_prefix(','))
            .filter(|between| between.trim().is_empty() && !between.is_empty());
        return insertion(map, first_value.end(), format!(",{}{entry}", between.unwrap_or(" ")));
    }
    let entry = format!("{key}: {value}");
    let first_line = text.get(first_key.end()..)?.lines().next()?;
    let is_one_line = text.get(first_key.end()..first_value.end()).is_some_and(|line| !line.contains('\n'))
        && is_blank_or_comment(text.get(first_value.end()..)?.lines().next().unwrap_or_default())
        && !first_line.trim_start_matches([':', ' ']).starts_with(['|', '>']);
    let indent = |at: usize| -> Option<&str> {
        let start = line_start(text, at)?;
        text.get(start..at).filter(|indent| indent.bytes().all(|byte| byte == b' '))
    };
    if let Some(second) = second_key.filter(|_| is_one_line)
        && let Some(indent) = indent(second.start())
    {
        let at = next_line(text, first_value.end())?;
        return insertion(map, at, format!("{indent}{entry}{}", line_end(text, at)));
    }
    let end = line_end(text, first_key.start());
    if let Some(indent) = indent(first_key.start()) {
        // Above the comments of the first entry, which otherwise would be about the new one.
        let mut at = line_start(text, first_key.start())?;
        while let Some(before) = text.get(..at)?.strip_suffix('\n') {
            let start = line_start(text, before.len())?;
            if !is_blank_or_comment(text.get(start..before.len())?) {
                break;
            }
            at = start;
        }
        return insertion(map, at, format!("{indent}{entry}{end}"));
    }
    // The first key follows the sign of a list.
    let start = line_start(text, first_key.start())?;
    let width = text.get(start..first_key.start())?.chars().count();
    insertion(map, first_key.start(), format!("{entry}{end}{}", " ".repeat(width)))
}

/// Finds a command of a script in the text, where the script may have escapes, quotes or an indentation.
fn exec(text: &str, word: &Word, offset: usize) -> Option<Edit> {
    let written = text.get(word.place.start()..word.place.end())?;
    let tail = word.text.get(offset..)?.trim_end();
    let tail = tail.lines().next().filter(|line| line.len() == tail.len())?;
    let (at, _) = written.match_indices(tail).next().filter(|_| written.matches(tail).count() == 1)?;
    insertion(word.place, word.place.start().saturating_add(at), "exec ".to_owned())
}

/// Puts a text in the quotes that the file uses, and leaves a number without them.
fn quoted(value: String, quote: Option<char>) -> String {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    match quote {
        Some(quote) if !is_number => format!("{quote}{value}{quote}"),
        _ => value,
    }
}

fn quoted_name(key: &str, quote: Option<char>) -> String {
    quote.map_or_else(|| key.to_owned(), |quote| format!("{quote}{key}{quote}"))
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn line_start(text: &str, at: usize) -> Option<usize> {
    Some(text.get(..at)?.rfind('\n').map_or(0, |end| end.saturating_add(1)))
}

/// Returns where the line after that of `at` begins. `None` if the text ends without a line end.
fn next_line(text: &str, at: usize) -> Option<usize> {
    text.get(at..)?.find('\n').map(|end| at.saturating_add(end).saturating_add(1))
}

/// Returns how the lines of a text end.
fn line_end(text: &str, at: usize) -> &'static str {
    let before = text.get(..at).and_then(|before| before.rsplit_once('\n'));
    let after = text.get(at..).and_then(|after| after.split_once('\n'));
    let line = after.or(before).map_or("", |(line, _)| line);
    if line.ends_with('\r') { "\r\n" } else { "\n" }
}
