use super::form::Form;
use crate::input::Place;
use crate::model::{Drain, Variable, Word};

/// A value that is set by a flag or a variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'w> {
    /// How a sum names it: `--graceful-timeout`.
    pub(super) name: &'static str,
    /// Nothing if it is only known later.
    pub(super) value: Option<&'w str>,
    pub(super) form: Form,
    pub(super) place: Place,
}

impl Setting<'_> {
    /// Returns the drain that it declares. `None` if its value is not known.
    pub(super) fn drain(&self) -> Option<Drain> {
        let time = self.form.read(self.value?)?;
        Some(Drain { time, from: self.name.to_owned(), place: Some(self.place), is_declared: true })
    }
}

/// An option of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    /// What its parser takes for it at least: argparse of Python and OptionParser of Ruby read the begin of a name that no other option has.
    pub(super) shortest: &'static str,
}

impl Flag {
    /// Returns a flag whose parser takes its whole name alone.
    pub(super) const fn whole(name: &'static str) -> Self {
        Self { name, shortest: name }
    }

    /// Returns what follows the name in a word.
    fn rest_of<'w>(&self, word: &'w str) -> Option<&'w str> {
        if !self.name.starts_with("--") {
            return word.strip_prefix(self.name);
        }
        let end = word.find('=').unwrap_or(word.len());
        let (option, rest) = word.split_at_checked(end)?;
        (option.starts_with(self.shortest) && self.name.starts_with(option)).then_some(rest)
    }
}

/// Returns every occurrence of some options with their values: `--option VALUE`, `--option=VALUE`, `-o VALUE`, `-oVALUE`.
pub(super) fn options<'w>(
    words: &[&'w str],
    place_of: impl Fn(usize) -> Place,
    flags: &[Flag],
    form: Form,
) -> Vec<Setting<'w>> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let named = flags.iter().find_map(|flag| Some((flag.name, flag.rest_of(word)?)));
        let Some((name, rest)) = named else { continue };
        let mut place = place_of(at);
        let value = match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => {
                // A patch may have the value alone.
                let next = at.saturating_add(1);
                let own = words.get(next).map(|_| place_of(next));
                place = own.filter(|own| own.source != place.source).unwrap_or(place);
                words.get(next).copied()
            }
            None if !name.starts_with("--") => Some(rest),
            None => continue,
        };
        let value = value.map(|value| value.trim_matches(['"', '\'']));
        // A word that is only known at the deploy is empty.
        found.push(Setting { name, value: value.filter(|value| !value.is_empty()), form, place });
    }
    found
}

/// The same in the words of a command line.
pub(super) fn options_of<'w>(words: &'w [Word], flags: &[Flag], form: Form) -> Vec<Setting<'w>> {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    // An occurrence has a word.
    let Some(first) = words.first() else { return Vec::new() };
    options(&texts, |at| words.get(at).unwrap_or(first).place, flags, form)
}

/// The same in the value of a variable.
pub(super) fn options_in<'w>(variable: &'w Variable, flags: &[Flag], form: Form) -> Vec<Setting<'w>> {
    let words: Vec<&str> = variable.value.as_deref().unwrap_or_default().split_whitespace().collect();
    options(&words, |_| variable.place, flags, form)
}

/// Returns the variable of a name that counts: the last one.
pub(super) fn variable<'v>(variables: &'v [Variable], name: &str) -> Option<&'v Variable> {
    variables.iter().rev().find(|variable| variable.name.eq_ignore_ascii_case(name))
}

/// Returns what a variable sets.
pub(super) fn variable_setting<'v>(
    variables: &'v [Variable],
    name: &'static str,
    form: Form,
) -> Option<Setting<'v>> {
    let variable = variable(variables, name)?;
    Some(Setting { name, value: variable.value.as_deref(), form, place: variable.place })
}
