use crate::input::{Place, Source};
use crate::knowledge::split_words;
use crate::model::Variable;
use crate::tree::Node;

/// Reads `ENV NAME=value …`, or its older form `ENV NAME value`. `substitute` returns a text with the values of variables, and nothing if one
/// is not known.
pub(super) fn variables(
    source: &Source,
    node: &Node,
    substitute: impl Fn(&str) -> Option<String>,
) -> Vec<Variable> {
    let text = node.text().unwrap_or_default().trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    let pairs: Vec<(String, String)> = if first.contains('=') {
        let pair =
            |word: String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        split_words(text).into_iter().filter_map(pair).collect()
    } else {
        text.split_once(char::is_whitespace)
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .into_iter()
            .collect()
    };
    pairs
        .into_iter()
        .map(|(name, value)| {
            let place = place(source, node.place, &name);
            Variable { value: substitute(&value), name, place }
        })
        .collect()
}

/// Returns the place of a variable in an instruction that may have several.
fn place(source: &Source, instruction: Place, name: &str) -> Place {
    let found = source.text().get(instruction.start()..instruction.end()).and_then(|text| {
        let begins = |at: &usize| {
            let before = text.get(..*at).unwrap_or_default().chars().next_back();
            before.is_none_or(char::is_whitespace)
                && text
                    .get(at.saturating_add(name.len())..)
                    .is_some_and(|rest| rest.starts_with(['=', ' ', '\t']))
        };
        let start = text.match_indices(name).map(|(at, _)| at).find(begins)?;
        let mut quote = None;
        let rest = text.get(start..)?;
        let end = rest.find(|letter: char| match quote {
            Some(open) => {
                quote = quote.filter(|_| letter != open);
                false
            }
            None if letter == '"' || letter == '\'' => {
                quote = Some(letter);
                false
            }
            None => letter.is_whitespace() && rest.starts_with(&format!("{name}=")),
        });
        let end = end.map_or(text.len(), |end| start.saturating_add(end));
        Some((start, end))
    });
    match found {
        Some((start, end)) => {
            let at = |offset: usize| instruction.start().saturating_add(offset);
            Place::new(instruction.source, at(start), at(end))
        }
        None => instruction,
    }
}
