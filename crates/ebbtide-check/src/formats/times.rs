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
    /// A whole number of seconds as the YAML parser of Kubernetes reads it: `30`, `0x1E`, `3e1`. The API server refuses a string.
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
    /// Reads a time. What the platform refuses is not known, though it may be clear what is meant: nothing is deployed with it.
    pub(crate) fn read(self, node: &Node) -> Option<Duration> {
        let whole = || node.integer().and_then(|number| u64::try_from(number).ok());
        let units = || node.text().and_then(go_duration);
        match self {
            Self::Seconds => whole().map(seconds),
            Self::Number => node.text().filter(|_| is_number(node)).and_then(go_integer).map(seconds),
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
            Self::Seconds => SECONDS,
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
            Value::Map(entries) if entries.is_empty() => "{}",
            Value::Map(entries) if entries.iter().all(is_computed) => return None,
            Value::Map(_) => "{…}",
        };
        if self.read(node).is_some() {
            return None;
        }
        let is_string = self == Self::Number && node.text().is_some() && !is_number(node);
        let quote = if is_string { "\"" } else { "" };
        Some(complaint(&format!("{quote}{text}{quote}"), key, self.expected()))
    }
}

/// What a number of seconds is.
pub(crate) const SECONDS: &str = "a whole number of seconds, such as 30";

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

/// Notes a text that is meant as a time and is none.
pub(crate) fn note_text(
    key: &str,
    (text, place): (&str, Place),
    is_time: bool,
    expected: &str,
    unreadable: &mut Unreadable,
) {
    if !is_time && !is_variable(text) {
        unreadable.insert(place, complaint(text, key, expected));
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
            note_text(key, (value, node.place), go_duration(value).is_some(), UNITS, unreadable);
        }
    }
}

/// Returns whether a mapping with this entry stands for another value: `{Ref: Grace}` of CloudFormation.
fn is_computed(entry: &Entry) -> bool {
    entry.key == "Ref" || entry.key.starts_with("Fn::") || entry.node.is_null()
}

/// Reads a whole number that is not negative as the YAML parser of Kubernetes does (go-yaml v2, whose numbers are turned into JSON): with
/// underscores, in base 2, 8 or 16, `017` in base 8, and also as a float without a fraction.
fn go_integer(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    let text = text.strip_prefix('+').unwrap_or(&text);
    let bases = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2), ("0", 8)];
    let based = |(begin, base): (&str, u32)| {
        let digits = text.strip_prefix(begin).filter(|digits| digits.starts_with(char::is_alphanumeric))?;
        u64::from_str_radix(digits, base).ok()
    };
    if let Some(number) = bases.into_iter().find_map(based) {
        return Some(number);
    }
    // What begins with 0 and has a digit above 7 is a float, without a dot too: `08`.
    let is_whole = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole && let Ok(number) = text.parse() {
        return Some(number);
    }
    let is_float = text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.')
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|number| is_float && number.fract() == 0.0)?;
    // A larger one has an exponent in JSON, which the API server refuses for a whole number.
    let number = Some(number).filter(|number| (0.0..1e15).contains(number))?;
    Duration::try_from_secs_f64(number).ok().map(|time| time.as_secs())
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
        assert_eq!(read("30", false), [good(30_000), bad, bad, bad, good(30_000), bad]);
        assert_eq!(read("30s", false), [bad, bad, good(30_000), good(30_000), good(30_000), good(30_000)]);
        let days = (1 << 7) + 1;
        assert_eq!(read("129d", false), [bad, bad, bad, good(86_400_000 * days), bad, bad]);
        for text in ["0x1E", "0o36", "036", "3e1", "30.0", "3_0", "0b11110"] {
            assert_eq!(read(text, true), [bad, good(30_000), bad, bad, bad, bad], "{text}");
        }
        assert_eq!(read("0.0", true), [bad, good(0), bad, bad, bad, bad]);
        assert_eq!(read("1.5", true), [bad; 6]);
        for text in ["soon", "-5", "-5s", "1e3", "1.5", "", " ", "99999999999999999999"] {
            assert_eq!(read(text, false), [bad; 6], "{text:?}");
        }
        for text in ["0x1E", "3e1", "3_0"] {
            assert_eq!(read(text, false)[1], bad, "{text}");
        }
        for text in ["${T}", "$T", "{{ .t }}", "[parameters('t')]", "@T@", "[[ .t ]]", "%t%"] {
            assert_eq!(read(text, false), [no; 6], "{text}");
        }
    }

    #[test]
    fn numbers_of_kubernetes_are_those_of_its_parser() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", None),
            ("+30", Some(30)),
            ("017", Some(15)),
            ("0o17", Some(15)),
            ("0x1e", Some(30)),
            ("1_000", Some(1000)),
            ("1e1", Some(10)),
            ("1E+1", Some(10)),
            ("100e-1", Some(10)),
            ("1.", Some(1)),
            ("08", Some(8)),
            ("1e20", None),
            ("1.5", None),
            ("-5", None),
            ("0x", None),
            ("0x-5", None),
            (".", None),
            ("", None),
            ("inf", None),
            ("nan", None),
            ("30s", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(go_integer(text), expected, "{text}");
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
