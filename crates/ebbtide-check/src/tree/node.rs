use std::collections::HashSet;

use crate::input::Place;

/// What a parser found in one file.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) documents: Vec<Document>,
    pub(crate) comments: Vec<Comment>,
    /// Parts of the file that are not in `documents`.
    pub(crate) errors: Vec<SyntaxError>,
    /// Values that other places repeat by an alias: an edit of one changes all of them.
    pub(crate) shared: Vec<Place>,
}

/// A document of a file: YAML may have several, every other format has one.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    /// Keys that a mapping has twice. The last one counts.
    pub(crate) duplicates: Vec<Place>,
}

/// A comment, without its sign and surrounding space.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// What a parser could not read.
#[derive(Debug, Clone)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) place: Place,
}

/// The tag of a list that replaces the one it is merged with: that of Compose, and of an empty assignment in a unit.
pub(super) const REPLACES: &str = "override";

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// A tag of the application, such as `!Ref`. The value is then not what the platform sees.
    pub(crate) tag: Option<Box<str>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar as text. The reader decides what it is, since formats differ in that.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it can be something else than a string.
    pub(crate) is_plain: bool,
}

/// A key and its value in a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Entry {
    /// Returns the places of the keys that are in the list more than once, but their first ones.
    pub(super) fn duplicates(entries: &[Self]) -> Vec<Place> {
        let mut seen = HashSet::with_capacity(entries.len());
        entries.iter().filter(|entry| !seen.insert(&*entry.key)).map(|entry| entry.key_place).collect()
    }
}

impl Node {
    /// Creates a string.
    pub(crate) fn text_at(text: impl Into<String>, place: Place) -> Self {
        Self { value: Value::Scalar(Scalar { text: text.into(), is_plain: false }), place, tag: None }
    }

    /// Returns the value under a key of a mapping. An explicit null is no value.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null())
    }

    /// Returns the value under keys of nested mappings.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the entry of a mapping, the last one if there are several.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key == key)
    }

    /// Returns the entries of a mapping, and nothing for another value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// Returns the items of a list, and nothing for another value. Those of a list with a tag are the arguments of a function, as in
    /// `!Split [",", x]`, but for Compose's `!override`, which is about the merge alone.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) if self.tag.as_deref().is_none_or(|tag| tag == REPLACES) => items,
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => &[],
        }
    }

    /// Returns the items of the list under a key.
    pub(crate) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    /// Returns the text of a scalar, quoted or not.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if self.tag.is_none() && !self.is_null() => Some(&scalar.text),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Returns the text of a scalar as it is written, also if its value is only known at the deploy.
    pub(crate) fn written(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if !self.is_null() => Some(&scalar.text),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Returns the text under a key.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// Returns a whole number in base 10. A quoted one counts, as templates often quote. One that begins with 0 and has no quotes is in base
    /// 8 for some parsers of YAML, and is none here.
    pub(crate) fn integer(&self) -> Option<i64> {
        let Value::Scalar(scalar) = &self.value else { return None };
        let text = self.text()?.trim();
        let digits = text.trim_start_matches(['-', '+']);
        let is_ambiguous = scalar.is_plain && digits.len() > 1 && digits.starts_with('0');
        text.parse().ok().filter(|_| !is_ambiguous)
    }

    /// Returns a truth value, by the rules of YAML 1.1 that Kubernetes and Compose follow.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text()?.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => {
                scalar.is_plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// Returns the number of values in it, itself included.
    pub(crate) fn count(&self) -> usize {
        let inner = match &self.value {
            Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::count).fold(0, usize::saturating_add),
            Value::Map(entries) => {
                entries.iter().map(|entry| entry.node.count()).fold(0, usize::saturating_add)
            }
        };
        inner.saturating_add(1)
    }
}
