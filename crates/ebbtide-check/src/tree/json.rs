use jsonc_parser::ast::{self, ObjectPropName};
use jsonc_parser::common::{Range, Ranged as _};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Document, Entry, Node, Parsed, Scalar, SyntaxError, Value};
use crate::input::{Place, SourceId};

/// Parses a JSON file. Nothing beyond JSON is accepted but comments, which editors' files have.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    parse_with(Builder { source, inside: None, duplicates: Vec::new() }, text)
}

/// Parses JSON that is a string of another file. The places are those of the values if the string is written without escapes, else
/// that of the whole string.
pub(crate) fn parse_inside(place: Place, text: &str) -> Parsed {
    let is_as_written = place.end().saturating_sub(place.start()) == text.len();
    let inside = Some(Inside { place, is_as_written });
    parse_with(Builder { source: place.source, inside, duplicates: Vec::new() }, text)
}

fn parse_with(mut builder: Builder, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    match parse_to_ast(text, &CollectOptions::default(), &strict()) {
        Ok(result) => {
            if let Some(value) = result.value {
                let root = builder.node(value);
                parsed.documents.push(Document { root, duplicates: builder.duplicates });
            }
        }
        Err(error) => {
            let place = builder.place(error.range());
            parsed.errors.push(SyntaxError { message: lowercase(&error.kind().to_string()), place });
        }
    }
    parsed
}

/// Parses a JSON list of strings, with ranges in the text.
pub(super) fn strict_strings(text: &str) -> Option<Vec<ast::StringLit<'_>>> {
    let options = ParseOptions { allow_comments: false, ..strict() };
    let ast::Value::Array(array) = parse_to_ast(text, &CollectOptions::default(), &options).ok()?.value?
    else {
        return None;
    };
    array
        .elements
        .into_iter()
        .map(|element| if let ast::Value::StringLit(text) = element { Some(text) } else { None })
        .collect()
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Returns whether a text is JSON with what other programs allow in their settings, such as trailing commas.
pub(crate) fn is_lenient(text: &str) -> bool {
    let options = ParseOptions {
        allow_trailing_commas: true,
        allow_loose_object_property_names: true,
        allow_single_quoted_strings: true,
        ..strict()
    };
    parse_to_ast(text, &CollectOptions::default(), &options).is_ok()
}

struct Builder {
    source: SourceId,
    /// The string that has the text.
    inside: Option<Inside>,
    duplicates: Vec<Place>,
}

struct Inside {
    place: Place,
    is_as_written: bool,
}

impl Builder {
    // The parser refuses nesting deeper than 512, so that the recursion ends.
    fn node(&mut self, value: ast::Value<'_>) -> Node {
        let place = self.place(value.range());
        let plain = |text: &str| Value::Scalar(Scalar { text: text.to_owned(), is_plain: true });
        let value = match value {
            ast::Value::StringLit(text) => {
                Value::Scalar(Scalar { text: text.value.into_owned(), is_plain: false })
            }
            ast::Value::NumberLit(number) => plain(number.value),
            ast::Value::BooleanLit(boolean) => plain(if boolean.value { "true" } else { "false" }),
            ast::Value::NullKeyword(_) => plain("null"),
            ast::Value::Array(array) => {
                Value::List(array.elements.into_iter().map(|element| self.node(element)).collect())
            }
            ast::Value::Object(object) => Value::Map(self.entries(object)),
        };
        Node { value, place, tag: None }
    }

    fn entries(&mut self, object: ast::Object<'_>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(object.properties.len());
        for property in object.properties {
            let key_place = self.place(property.name.range());
            let key = match property.name {
                ObjectPropName::String(text) => text.value.into_owned(),
                ObjectPropName::Word(word) => word.value.to_owned(),
            };
            let node = self.node(property.value);
            entries.push(Entry { key, key_place, node });
        }
        self.duplicates.extend(Entry::duplicates(&entries));
        entries
    }

    fn place(&self, range: Range) -> Place {
        match &self.inside {
            None => Place::new(self.source, range.start, range.end),
            Some(inside) if inside.is_as_written => {
                let offset = inside.place.start();
                Place::new(self.source, offset.saturating_add(range.start), offset.saturating_add(range.end))
            }
            Some(inside) => inside.place,
        }
    }
}

fn lowercase(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn read(text: &str) -> Parsed {
        let mut sources = Sources::new();
        let id = sources.add("a.json", text);
        parse(id, text)
    }

    #[test]
    fn every_value_has_the_place_of_its_text() {
        let text = "{\n\t\"ä\": {\"b\": [1, \"x\\n\"]}, \"c\": null}";
        let parsed = read(text);
        let root = &parsed.documents[0].root;
        let list = root.at(&["ä", "b"]).unwrap();
        assert_eq!(&text[list.place.start()..list.place.end()], "[1, \"x\\n\"]");
        assert_eq!((list.items()[0].integer(), list.items()[1].text()), (Some(1), Some("x\n")));
        assert!(root.get("c").is_none());
    }

    #[test]
    fn what_is_not_json_is_an_error_with_its_place() {
        for (text, offset) in [("{\"a\": }", 6), ("{\"a\": 1,}", 7), ("{'a': 1}", 1), ("[1 2]", 2)] {
            let parsed = read(text);
            assert_eq!(
                parsed.errors.first().map(|error| error.place.start()),
                Some(offset),
                "{text} {parsed:?}"
            );
        }
        assert!(read(&"[".repeat(100_000)).documents.is_empty());
    }
}
