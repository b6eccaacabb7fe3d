use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey, UnaryOperator};
use hcl_edit::structure::{Block, BlockLabel, Body, Structure};
use hcl_edit::template::{Element, Template};

use super::{Document, Entry, Node, Parsed, Scalar, SyntaxError, Value, comments};
use crate::input::{Place, SourceId};

/// The tag of a value that is computed when the file is used. Its text is what is written.
const EXPRESSION: &str = "expression";

/// The largest file that is parsed, and the most entries of a mapping: the parser compares each key of an object with those before it.
const MAX_BYTES: usize = 4 << 20;
const MAX_ENTRIES: usize = 5_000;

/// Parses HCL. A block is an entry under its type, and has a mapping for each of its labels, as in HCL's JSON syntax. Blocks of one
/// type are several entries.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    let builder = Builder { source, text };
    let mut parsed = Parsed { comments: comments(source, text, &["#", "//", "/*"]), ..Parsed::default() };
    if let Some((message, at)) = excess(text) {
        parsed.errors.push(SyntaxError { message, place: Place::new(source, at, at) });
        return parsed;
    }
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => {
            let place = Place::new(source, 0, text.len());
            let root = Node { value: Value::Map(builder.body(&body)), place, tag: None };
            parsed.documents.push(Document { root, duplicates: Vec::new() });
        }
        Err(error) => {
            // The parser may name a byte within a character.
            let at = text.floor_char_boundary(error.location().offset());
            let is_at_end = text.get(at..).is_some_and(|rest| rest.trim().is_empty());
            parsed.errors.push(match unclosed(text).filter(|_| is_at_end) {
                Some((sign, at)) => {
                    let place = Place::new(source, at, at.saturating_add(1));
                    SyntaxError { message: format!("invalid HCL: unclosed `{sign}`"), place }
                }
                None => {
                    let message = format!("invalid HCL: {}", error.message().replace('\n', " "));
                    SyntaxError { message, place: Place::new(source, at, at) }
                }
            });
        }
    }
    parsed
}

/// Returns the last bracket that is not closed, and where it is. Those in strings and comments do not count; a heredoc is taken for text without them.
fn unclosed(text: &str) -> Option<(char, usize)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        match letter {
            '"' => {
                while let Some((_, inner)) = letters.next().filter(|(_, inner)| !matches!(inner, '"' | '\n'))
                {
                    if inner == '\\' {
                        letters.next();
                    }
                }
            }
            '#' => while letters.next().is_some_and(|(_, inner)| inner != '\n') {},
            '/' if next == Some('/') => while letters.next().is_some_and(|(_, inner)| inner != '\n') {},
            '{' | '[' | '(' => open.push((letter, at)),
            '}' | ']' | ')' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// Returns why a text would take too long, and where. Signs in strings count too, which changes nothing for real files.
fn excess(text: &str) -> Option<(String, usize)> {
    if text.len() > MAX_BYTES {
        return Some((format!("HCL larger than {} MiB", MAX_BYTES >> 20), 0));
    }
    let mut open: Vec<(u8, usize)> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' | b'(' => open.push((byte, 0)),
            b'}' | b']' | b')' => drop(open.pop()),
            b',' | b'\n' => {
                let Some((b'{', entries)) = open.last_mut() else { continue };
                *entries = entries.saturating_add(1);
                if *entries > MAX_ENTRIES {
                    return Some((format!("mapping with more than {MAX_ENTRIES} entries"), at));
                }
            }
            _ => {}
        }
    }
    None
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
}

impl Builder<'_> {
    // The parser refuses nesting deeper than 64, so that the recursion ends.
    fn body(&self, body: &Body) -> Vec<Entry> {
        let entries = body.iter().map(|structure| match structure {
            Structure::Attribute(attribute) => Entry {
                key: attribute.key.as_str().to_owned(),
                key_place: self.place(attribute.key.span()),
                node: self.expression(&attribute.value),
            },
            Structure::Block(block) => self.block(block),
        });
        entries.collect()
    }

    fn block(&self, block: &Block) -> Entry {
        let place = self.place(block.span());
        let mut value = Value::Map(self.body(&block.body));
        for label in block.labels.iter().rev() {
            let span = match label {
                BlockLabel::Ident(ident) => ident.span(),
                BlockLabel::String(string) => string.span(),
            };
            let node = Node { value, place, tag: None };
            let key = label.as_str().to_owned();
            value = Value::Map(vec![Entry { key, key_place: self.place(span), node }]);
        }
        Entry {
            key: block.ident.as_str().to_owned(),
            key_place: self.place(block.ident.span()),
            node: Node { value, place, tag: None },
        }
    }

    fn expression(&self, expression: &Expression) -> Node {
        let place = self.place(expression.span());
        let scalar = |text: String, is_plain: bool| Value::Scalar(Scalar { text, is_plain });
        let value = match expression {
            Expression::Null(_) => scalar("null".to_owned(), true),
            Expression::Bool(value) => scalar(value.to_string(), true),
            Expression::UnaryOp(operation) if operation.operator.value() == &UnaryOperator::Neg => {
                match &operation.expr {
                    Expression::Number(number) => scalar(format!("-{}", number.value()), true),
                    _ => return self.computed(place),
                }
            }
            Expression::Number(number) => scalar(number.value().to_string(), true),
            Expression::String(text) => scalar(text.to_string(), false),
            Expression::Array(array) => Value::List(array.iter().map(|item| self.expression(item)).collect()),
            Expression::Object(object) => {
                let entries = object.iter().map(|(key, value)| self.entry(key, value.expr()));
                Value::Map(entries.collect())
            }
            Expression::Parenthesis(inner) => return self.expression(inner.inner()),
            Expression::HeredocTemplate(heredoc) => return self.template(&heredoc.template, place),
            Expression::FuncCall(call) => match argument(call) {
                Some(argument) => return self.expression(argument),
                None => return self.computed(place),
            },
            _ => return self.computed(place),
        };
        Node { value, place, tag: None }
    }

    fn entry(&self, key: &ObjectKey, value: &Expression) -> Entry {
        let (key, place) = match key {
            ObjectKey::Ident(ident) => (ident.as_str().to_owned(), self.place(ident.span())),
            ObjectKey::Expression(expression) => {
                let node = self.expression(expression);
                (node.text().unwrap_or_default().to_owned(), node.place)
            }
        };
        Entry { key, key_place: place, node: self.expression(value) }
    }

    /// Reads a heredoc as it is written, indentation included, so that places in it can be computed.
    fn template(&self, template: &Template, place: Place) -> Node {
        let place = template.span().map_or(place, |span| self.place(Some(span)));
        let is_literal = template.iter().all(|element| matches!(element, Element::Literal(_)));
        let mut node = self.computed(place);
        if is_literal {
            node.tag = None;
        }
        node
    }

    fn computed(&self, place: Place) -> Node {
        let text = self.text.get(place.start()..place.end()).unwrap_or_default();
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Node { tag: Some(EXPRESSION.into()), ..Node::text_at(quoted.unwrap_or(text), place) }
    }

    fn place(&self, span: Option<Range<usize>>) -> Place {
        let length = self.text.len();
        let span = span.unwrap_or_default();
        Place::new(self.source, span.start.min(length), span.end.min(length))
    }
}

/// Returns the argument of a function that changes the notation of a value and not the value.
fn argument(call: &FuncCall) -> Option<&Expression> {
    let is_notation = !call.name.is_namespaced()
        && matches!(call.name.name.as_str(), "jsonencode" | "tolist" | "toset" | "tostring" | "tonumber");
    call.args.get(0).filter(|_| is_notation && call.args.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn read(text: &str) -> Parsed {
        let mut sources = Sources::new();
        let id = sources.add("a.hcl", text);
        parse(id, text)
    }

    #[test]
    fn blocks_are_nested_by_their_labels_and_values_have_places() {
        let text = "job \"shop\" {\n  # why\n  group \"web\" {\n    count = 3\n    task \"api\" {\n      config { args = [\"-g\", \"a b\"] }\n    }\n  }\n}\n";
        let parsed = read(text);
        let root = &parsed.documents[0].root;
        let slice = |node: &Node| &text[node.place.start()..node.place.end()];
        let group = root.at(&["job", "shop", "group", "web"]).unwrap();
        assert_eq!(group.get("count").map(|count| (count.integer(), slice(count))), Some((Some(3), "3")));
        let args = group.at(&["task", "api", "config", "args"]).unwrap();
        assert_eq!((slice(args), slice(&args.items()[1])), ("[\"-g\", \"a b\"]", "\"a b\""));
        assert_eq!(parsed.comments[0].text, "why");
        let label = root.at(&["job"]).unwrap().entries()[0].key_place;
        assert_eq!(&text[label.start()..label.end()], "\"shop\"");
    }

    #[test]
    fn computed_values_have_no_text_and_jsonencode_is_its_argument() {
        let parsed = read(
            "a = var.x\nb = \"${local.y}-z\"\nc = jsonencode([{ d = 5 }])\ne = (true)\nf = <<EOF\n[1]\nEOF\ng = <<EOF\n${var.h}\nEOF\n",
        );
        let root = &parsed.documents[0].root;
        assert_eq!((root.text_of("a"), root.text_of("b"), root.text_of("g")), (None, None, None));
        assert_eq!(root.get("c").unwrap().items()[0].get("d").and_then(Node::integer), Some(5));
        assert_eq!((root.text_of("e"), root.text_of("f")), (Some("true"), Some("[1]\n")));
    }

    #[test]
    fn a_mapping_that_would_take_minutes_is_refused_and_a_long_list_is_read() {
        let items = |count: usize| (0..count).map(|number| format!("k{number} = 1\n")).collect::<String>();
        let wide = read(&format!("a = {{\n{}}}\n", items(MAX_ENTRIES + 1)));
        assert!(wide.errors[0].message.contains("more than 5000 entries"), "{:?}", wide.errors);
        assert_eq!(read(&format!("a = {{\n{}}}\n", items(500))).errors.len(), 0);
        assert_eq!(read(&format!("a = [\n{}]\n", "1,\n".repeat(20_000))).errors.len(), 0);
    }

    #[test]
    fn what_is_not_hcl_is_an_error_with_its_place() {
        let parsed = read("job \"a\" {\n  count = \n}\n");
        assert_eq!(parsed.errors.len(), 1);
        assert!(parsed.errors[0].place.start() >= 10, "{parsed:?}");
        for (text, message, at) in [
            ("job \"a\" {\n  group \"b\" {\n    count = 1\n", "invalid HCL: unclosed `{`", 22),
            ("job \"a\" {\n  group \"b\" {\n  }\n\n", "invalid HCL: unclosed `{`", 8),
            ("a = [\n  \"]\", # ]\n  // ]\n", "invalid HCL: unclosed `[`", 4),
            ("a = [1, \"{\"\n", "invalid HCL: unclosed `[`", 4),
        ] {
            let parsed = read(text);
            let found = (parsed.errors[0].message.as_str(), parsed.errors[0].place.start());
            assert_eq!(found, (message, at), "{text}");
        }
        for text in [
            "a = ".to_owned() + &"[".repeat(100_000),
            "a {".repeat(100_000),
            "a = ".to_owned() + &"!".repeat(100_000),
        ] {
            assert!(read(&text).documents.is_empty());
        }
    }
}
