use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Document, Entry, Node, Parsed, Scalar, SyntaxError, Value, comments};
use crate::input::{Place, SourceId};

/// Parses TOML.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    let builder = Builder { source };
    let mut parsed = Parsed { comments: comments(source, text, &["#"]), ..Parsed::default() };
    match DeTable::parse(text) {
        Ok(table) => {
            let root = Node {
                value: Value::Map(builder.entries(table.get_ref())),
                place: Place::new(source, 0, text.len()),
                tag: None,
            };
            parsed.documents.push(Document { root, duplicates: Vec::new() });
        }
        Err(error) => {
            let place = builder.place(error.span().unwrap_or_default());
            let message = error.message().lines().next().unwrap_or("invalid TOML").to_owned();
            parsed.errors.push(SyntaxError { message, place });
        }
    }
    parsed
}

struct Builder {
    source: SourceId,
}

impl Builder {
    // The parser refuses nesting deeper than 80, so that the recursion ends.
    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let entries = table.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: self.place(key.span()),
            node: self.node(value),
        });
        entries.collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let plain = |text: String| Value::Scalar(Scalar { text, is_plain: true });
        let inner = match value.get_ref() {
            DeValue::String(text) => Value::Scalar(Scalar { text: text.to_string(), is_plain: false }),
            DeValue::Integer(number) => {
                let decimal = i128::from_str_radix(number.as_str(), number.radix());
                plain(decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
            }
            DeValue::Float(number) => plain(number.as_str().to_owned()),
            DeValue::Boolean(boolean) => plain(boolean.to_string()),
            DeValue::Datetime(datetime) => plain(datetime.to_string()),
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Map(self.entries(table)),
        };
        Node { value: inner, place: self.place(value.span()), tag: None }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.source, span.start, span.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    #[test]
    fn every_value_has_the_place_of_its_text() {
        let text = "app = 'shop' # one\nkill_timeout = 30\n[[services]]\nports = [1, 2]\n[env]\nA = \"ä\"\n";
        let mut sources = Sources::new();
        let parsed = parse(sources.add("fly.toml", text), text);
        let root = &parsed.documents[0].root;
        let slice = |node: &Node| &text[node.place.start()..node.place.end()];
        assert_eq!(
            root.get("kill_timeout").map(|node| (node.integer(), slice(node))),
            Some((Some(30), "30"))
        );
        assert_eq!(root.at(&["env", "A"]).map(slice), Some("\"ä\""));
        assert_eq!(root.list("services")[0].list("ports").len(), 2);
        assert_eq!(parsed.comments[0].text, "one");
    }

    #[test]
    fn a_whole_number_is_read_in_its_base() {
        for (text, expected) in
            [("30", 30), ("0x1E", 30), ("0o17", 15), ("0b101", 5), ("1_000", 1000), ("-5", -5), ("+5", 5)]
        {
            let text = format!("a = {text}\n");
            let parsed = parse(Sources::new().add("a.toml", ""), &text);
            assert_eq!(parsed.documents[0].root.get("a").and_then(Node::integer), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_toml_is_an_error_with_its_place() {
        let mut sources = Sources::new();
        for text in ["a = \n", "a = 1\na = 2\n", &("a = ".to_owned() + &"[".repeat(100_000))] {
            let parsed = parse(sources.add("a.toml", text), text);
            assert!(parsed.documents.is_empty() && !parsed.errors.is_empty(), "{parsed:?}");
        }
    }
}
