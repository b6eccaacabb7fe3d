use std::collections::BTreeMap;
use std::time::Duration;

use super::scalar::{DRAIN, LAME_DUCK};
use crate::input::Place;
use crate::model::{Declared, go_duration, is_variable, seconds};
use crate::tree::{Entry, Node, Value};

/// How a format writes a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole number of seconds, in quotes or not.
    Seconds,
    /// A whole number of seconds. The platform refuses a string.
    Number,
    /// A number with a unit.
    Units,
    /// The same, also in days and weeks, as Compose has it.
    LongUnits,
    /// A whole number of seconds, or a number with a unit.
    SecondsOrUnits,
    /// A string that is a number with a unit, or a number of nanoseconds.
    NanosecondsOrUnits,
}

/// The values of a file that are present where a time is expected, and are none, with what to say of them.
pub(crate) type Unreadable = BTreeMap<Place, String>;

impl Form {
    /// Reads a time. A quoted number is read where the platform refuses it too: what is meant is certain.
    pub(crate) fn read(self, node: &Node) -> Option<Duration> {
        let whole = || node.integer().and_then(|number| u64::try_from(number).ok());
        let units = || node.text().and_then(go_duration);
        match self {
            Self::Seconds | Self::Number => whole().map(seconds),
            Self::Units => units(),
            Self::LongUnits => units().or_else(|| long(node.text()?)),
            Self::SecondsOrUnits => whole().map(seconds).or_else(units),
            Self::NanosecondsOrUnits => {
                whole().filter(|_| is_number(node)).map(Duration::from_nanos).or_else(units)
            }
        }
    }

    /// Reads a setting that has a default.
    pub(crate) fn declared(self, node: Option<&Node>, default: Duration) -> Declared<Duration> {
        node.map_or(Declared::Default(default), |node| self.written(node))
    }

    /// Reads a setting that is there.
    pub(crate) fn written(self, node: &Node) -> Declared<Duration> {
        match self.read(node) {
            Some(time) => Declared::Written(time, node.place),
            None => Declared::Unresolved(node.place),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "a whole number of seconds, such as 30",
            Self::Number => "a whole number of seconds without quotes, such as 30",
            Self::Units | Self::LongUnits => UNITS,
            Self::SecondsOrUnits => "a whole number of seconds or a number with a unit, such as 30 or 1m30s",
            Self::NanosecondsOrUnits => "a number with a unit in quotes, such as \"20s\" or \"1m30s\"",
        }
    }

    /// Returns what is wrong with a value. What is replaced before the deploy is not known, and nothing is wrong with it.
    fn complaint(self, key: &str, node: &Node) -> Option<String> {
        let text = match &node.value {
            _ if node.tag.is_some() => return None,
            Value::Scalar(_) => node.text().filter(|text| !is_variable(text))?,
            Value::List(_) => "[…]",
            Value::Map(entries) if entries.iter().all(is_computed) => return None,
            Value::Map(_) => "{…}",
        };
        let is_string = self == Self::Number && node.text().is_some() && !is_number(node);
        let is_odd = matches!(self, Self::Seconds | Self::Number | Self::SecondsOrUnits)
            && is_number(node)
            && is_odd_number(text);
        if (self.read(node).is_some() || is_odd) && !is_string {
            return None;
        }
        let quote = if is_string { "\"" } else { "" };
        Some(complaint(&format!("{quote}{text}{quote}"), key, self.expected()))
    }
}

/// What a time of the check's own keys is.
pub(crate) const UNITS: &str = "a number with a unit, such as 20s or 1m30s";

/// Returns what to say of a value that is no time.
pub(crate) fn complaint(value: &str, key: &str, expected: &str) -> String {
    format!("invalid duration `{value}` of {key}: expected {expected}")
}

/// Notes the values under these keys, anywhere in a part of a document, that are no times.
pub(crate) fn note(node: &Node, keys: &[(&str, Form)], unreadable: &mut Unreadable) {
    for entry in node.entries() {
        if let Some((_, form)) = keys.iter().find(|(key, _)| *key == entry.key) {
            note_value(&entry.key, &entry.node, *form, unreadable);
        }
        note(&entry.node, keys, unreadable);
    }
    node.items().iter().for_each(|item| note(item, keys, unreadable));
}

/// Notes a value if it is no time.
pub(crate) fn note_value(key: &str, node: &Node, form: Form, unreadable: &mut Unreadable) {
    if let Some(complaint) = form.complaint(key, node) {
        unreadable.insert(node.place, complaint);
    }
}

/// Notes the times that are declared for this check and are none: annotations, labels and `meta`, as a mapping or as a list of
/// `key=value`. Without them the rules that need them are silent.
pub(super) fn note_own(node: &Node, unreadable: &mut Unreadable) {
    note(node, &OWN, unreadable);
    note_pairs(node, unreadable);
}

const OWN: [(&str, Form); 2] = [(DRAIN, Form::Units), (LAME_DUCK, Form::Units)];

fn note_pairs(node: &Node, unreadable: &mut Unreadable) {
    match &node.value {
        Value::Map(entries) => entries.iter().for_each(|entry| note_pairs(&entry.node, unreadable)),
        Value::List(items) => items.iter().for_each(|item| note_pairs(item, unreadable)),
        Value::Scalar(_) => {
            let pair = node.text().and_then(|text| text.split_once('='));
            let Some((key, value)) = pair.filter(|(key, _)| matches!(*key, DRAIN | LAME_DUCK)) else {
                return;
            };
            if go_duration(value).is_none() && !is_variable(value) {
                unreadable.insert(node.place, complaint(value, key, UNITS));
            }
        }
    }
}

/// Returns whether a mapping with this entry stands for another value: `{Ref: Grace}` of CloudFormation, or `{{ grace }}` without quotes,
/// which YAML takes for a mapping whose key is a mapping: it has no entry here.
fn is_computed(entry: &Entry) -> bool {
    entry.key == "Ref" || entry.key.starts_with("Fn::") || entry.node.is_null()
}

/// Returns whether YAML takes a text for a whole number that this check does not read: `0x1E`, `1e3`, `1_000`.
fn is_odd_number(text: &str) -> bool {
    let text = text.replace('_', "");
    let is_based = [("0x", 16), ("0o", 8), ("0b", 2)].iter().any(|(begin, base)| {
        text.strip_prefix(begin).is_some_and(|digits| u64::from_str_radix(digits, *base).is_ok())
    });
    is_based || text.parse::<f64>().is_ok_and(|number| (0.0..1e15).contains(&number) && number.fract() == 0.0)
}

fn is_number(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.is_plain)
}

/// Reads a duration with days and weeks: `1d12h`.
fn long(text: &str) -> Option<Duration> {
    let (mut rest, mut sum) = (text.trim(), Duration::ZERO);
    if rest.is_empty() {
        return None;
    }
    for (unit, length) in [("w", 604_800), ("d", 86_400)] {
        if let Some((number, after)) = rest.split_once(unit) {
            sum = sum.checked_add(seconds(number.parse::<u64>().ok()?.checked_mul(length)?))?;
            rest = after;
        }
    }
    if rest.is_empty() { Some(sum) } else { sum.checked_add(go_duration(rest)?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;
    use crate::tree::Scalar;

    const ALL: [Form; 6] = [
        Form::Seconds,
        Form::Number,
        Form::Units,
        Form::LongUnits,
        Form::SecondsOrUnits,
        Form::NanosecondsOrUnits,
    ];

    fn node(text: &str, is_plain: bool) -> Node {
        let place = Place::new(Sources::new().add("a", ""), 0, 0);
        Node { value: Value::Scalar(Scalar { text: text.to_owned(), is_plain }), place, tag: None }
    }

    /// The milliseconds that each form reads, and whether it complains.
    fn read(text: &str, is_plain: bool) -> [(Option<u128>, bool); 6] {
        let node = node(text, is_plain);
        ALL.map(|form| {
            (form.read(&node).map(|time| time.as_millis()), form.complaint("key", &node).is_some())
        })
    }

    #[test]
    fn each_form_reads_what_its_platform_accepts_and_complains_about_the_rest() {
        let (no, bad) = ((None, false), (None, true));
        let good = |millis| (Some(millis), false);
        assert_eq!(read("30", true), [good(30_000), good(30_000), bad, bad, good(30_000), good(0)]);
        assert_eq!(read("30", false), [good(30_000), (Some(30_000), true), bad, bad, good(30_000), bad]);
        assert_eq!(read("30s", false), [bad, bad, good(30_000), good(30_000), good(30_000), good(30_000)]);
        let days = (1 << 7) + 1;
        assert_eq!(read("129d", false), [bad, bad, bad, good(86_400_000 * days), bad, bad]);
        for text in ["0x1E", "0o36", "3e1", "30.0", "3_0"] {
            assert_eq!(read(text, true), [no, no, bad, bad, no, bad], "{text}");
        }
        for text in ["soon", "-5", "-5s", "1e3", "1.5", "", " ", "99999999999999999999"] {
            assert_eq!(read(text, false), [bad; 6], "{text:?}");
        }
        for text in ["${T}", "$T", "{{ .t }}", "[parameters('t')]", "@T@", "[[ .t ]]", "%t%"] {
            assert_eq!(read(text, false), [no; 6], "{text}");
        }
    }

    #[test]
    fn a_long_duration_has_weeks_days_and_smaller_units() {
        for (text, expected) in [
            ("1w2d3h", Some(604_800 + 2 * 86_400 + 3 * 3600)),
            ("1d", Some(86_400)),
            ("d", None),
            ("1d2", None),
            ("2d1w", None),
        ] {
            assert_eq!(long(text), expected.map(seconds), "{text}");
        }
    }
}
