use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScanError, Span, Tag};

use super::{Comment, Document, Entry, Node, Parsed, Scalar, SyntaxError, Value};
use crate::input::{Place, SourceId};

/// The values that aliases may add to one file. Real files stay far below; "billion laughs" would add 10⁹.
const MAX_ALIASED: usize = 200_000;

/// The tag of a mapping whose keys are all mappings or lists: `{{ grace }}` without quotes, which is a value that is only known at the deploy.
const TEMPLATE: &str = "{{}}";

/// The nesting that is read. Trees are dropped and copied by recursion.
const MAX_DEPTH: usize = 200;

/// Parses every document of a YAML file. A document with an error is left out, and those after it are read.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    let mut options = Options::default();
    options.set_emit_comments(true);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::new(source, text.len());
    loop {
        match parser.next_event() {
            Some(Ok((event, span))) => {
                if matches!(event, Event::StreamEnd) {
                    break;
                }
                if let Err(error) = builder.add(event, span) {
                    builder.abandon(error);
                    if !parser.proceed_next_document().unwrap_or(false) {
                        break;
                    }
                }
            }
            Some(Err(error)) => {
                builder.abandon(builder.syntax_error(&error, text));
                if !parser.proceed_next_document().unwrap_or(false) {
                    break;
                }
            }
            None => break,
        }
    }
    builder.parsed
}

/// Builds trees from the parser's events.
struct Builder {
    source: SourceId,
    length: usize,
    parsed: Parsed,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    duplicates: Vec<Place>,
}

/// A list or mapping whose end has not been read.
struct Open {
    value: OpenValue,
    start: Place,
    anchor: usize,
    tag: Option<Box<str>>,
}

enum OpenValue {
    List(Vec<Node>),
    /// The entries, and the key whose value comes next. A key that is not a scalar is `None`.
    Map(Vec<Entry>, Option<Option<Key>>),
}

struct Key {
    text: String,
    place: Place,
}

impl Builder {
    fn new(source: SourceId, length: usize) -> Self {
        Self {
            source,
            length,
            parsed: Parsed::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            duplicates: Vec::new(),
        }
    }

    fn add(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let place = self.place(span);
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.duplicates.clear();
            }
            Event::Comment(text, _) => {
                self.parsed.comments.push(Comment { text: text.trim().to_owned(), place });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == granit_parser::ScalarStyle::Plain;
                let value = Value::Scalar(Scalar { text: text.into_owned(), is_plain });
                self.finish(Node { value, place, tag: custom(tag.as_deref()) }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                let value = OpenValue::List(Vec::new());
                self.open.push(Open { value, start: place, anchor, tag: custom(tag.as_deref()) });
            }
            Event::MappingStart(_, anchor, tag) => {
                let value = OpenValue::Map(Vec::new(), None);
                self.open.push(Open { value, start: place, anchor, tag: custom(tag.as_deref()) });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.close(open, place)?;
                }
            }
            Event::Alias(anchor) => self.alias(anchor, place)?,
            // Without the options that ask for them, the others do not come or have no value.
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, open: Open, end: Place) -> Result<(), SyntaxError> {
        let mut tag = open.tag;
        let value = match open.value {
            OpenValue::List(items) => Value::List(items),
            OpenValue::Map(entries, _) => {
                let entries = merge(entries);
                tag = tag.filter(|tag| entries.is_empty() || **tag != *TEMPLATE);
                self.duplicates.extend(Entry::duplicates(&entries));
                Value::Map(entries)
            }
        };
        // The end of a block is where the next token begins, which may be many lines further down.
        let last = match &value {
            Value::List(items) => items.last().map(|node| node.place),
            Value::Map(entries) => entries.last().map(|entry| entry.node.place),
            Value::Scalar(_) => None,
        };
        let is_block = end.start() == end.end();
        let place = match last {
            Some(last) if is_block && last.end() >= open.start.start() => open.start.to(last),
            _ => open.start.to(end),
        };
        self.finish(Node { value, place, tag }, open.anchor)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), SyntaxError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(SyntaxError { message: "alias inside the value that it names".to_owned(), place });
        };
        self.aliased = self.aliased.saturating_add(node.count());
        if self.aliased > MAX_ALIASED {
            let message = format!("aliases expand to more than {MAX_ALIASED} values");
            return Err(SyntaxError { message, place });
        }
        let node = node.clone();
        self.parsed.shared.push(node.place);
        self.finish(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
            self.aliased = self.aliased.saturating_add(node.count());
            if self.aliased > MAX_ALIASED {
                let message = format!("anchors and aliases expand to more than {MAX_ALIASED} values");
                return Err(SyntaxError { message, place: node.place });
            }
        }
        match self.open.last_mut() {
            None => {
                let duplicates = std::mem::take(&mut self.duplicates);
                self.parsed.documents.push(Document { root: node, duplicates });
            }
            Some(Open { value: OpenValue::List(items), .. }) => items.push(node),
            Some(Open { value: OpenValue::Map(entries, pending), tag, .. }) => match pending.take() {
                None => {
                    let place = node.place;
                    *pending = Some(match node.value {
                        Value::Scalar(scalar) => Some(Key { text: scalar.text, place }),
                        Value::List(_) | Value::Map(_) => None,
                    });
                }
                Some(None) => {
                    tag.get_or_insert_with(|| TEMPLATE.into());
                }
                Some(Some(key)) => entries.push(Entry { key: key.text, key_place: key.place, node }),
            },
        }
        Ok(())
    }

    /// Drops the document that is being read.
    fn abandon(&mut self, error: SyntaxError) {
        self.parsed.errors.push(error);
        self.open.clear();
        self.duplicates.clear();
    }

    fn syntax_error(&self, error: &ScanError, text: &str) -> SyntaxError {
        let offset = error.marker().byte_offset().unwrap_or(0).min(self.length);
        let message = error.kind().to_string();
        // The parser reports a tab at the value before it.
        let offset = if message.contains("tab") { indenting_tab(text, offset) } else { offset };
        SyntaxError { message, place: Place::new(self.source, offset, offset) }
    }

    fn place(&self, span: Span) -> Place {
        let range = span.byte_range().unwrap_or_default();
        Place::new(self.source, range.start.min(self.length), range.end.min(self.length))
    }
}

/// Returns the place of the tab that a line is indented with: that of the line at an offset, or of the next one that has any.
fn indenting_tab(text: &str, offset: usize) -> usize {
    let mut begin =
        text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |end| end.saturating_add(1));
    for line in text.get(begin..).unwrap_or_default().split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        let indent = line.get(..line.len().saturating_sub(content.len())).unwrap_or_default();
        if let Some(tab) = indent.find('\t').filter(|_| !content.trim().is_empty()) {
            return begin.saturating_add(tab);
        }
        begin = begin.saturating_add(line.len());
    }
    offset
}

/// Returns a tag that is not of YAML itself.
fn custom(tag: Option<&Tag>) -> Option<Box<str>> {
    tag.filter(|tag| tag.is_custom()).map(|tag| tag.suffix().into())
}

/// Replaces the merge keys (`<<`) of a mapping by the entries that they name. Its own entries take precedence, then the earlier
/// mapping.
fn merge(entries: Vec<Entry>) -> Vec<Entry> {
    if entries.iter().all(|entry| entry.key != "<<") {
        return entries;
    }
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.key == "<<");
    let mut keys: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let maps = match merge.node.value {
            Value::List(maps) => maps,
            _ => vec![merge.node],
        };
        for map in maps {
            let Value::Map(inherited) = map.value else { continue };
            for entry in inherited {
                if keys.insert(entry.key.clone()) {
                    own.push(entry);
                }
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn read(text: &str) -> Parsed {
        let mut sources = Sources::new();
        let id = sources.add("a.yaml", text);
        parse(id, text)
    }

    fn slice(text: &str, place: Place) -> &str {
        &text[place.start()..place.end()]
    }

    #[test]
    fn every_value_has_the_place_of_its_text() {
        let text = "a:\n  b: [1, 'two']\n  c: |\n    x\n# end\n\nd: \"q\"\n";
        let parsed = read(text);
        let root = &parsed.documents[0].root;
        let b = root.at(&["a", "b"]).unwrap();
        assert_eq!(slice(text, b.place), "[1, 'two']");
        assert_eq!(slice(text, b.items()[1].place), "'two'");
        assert_eq!(slice(text, root.get("d").unwrap().place), "\"q\"");
        assert_eq!(slice(text, root.get("a").unwrap().place).lines().next(), Some("b: [1, 'two']"));
        assert_eq!(parsed.comments[0].text, "end");
    }

    #[test]
    fn windows_line_ends_and_wide_characters_keep_the_places() {
        let text = "# ä\r\nkey: \"ö\"\r\nb: 2\r\n";
        let parsed = read(text);
        let root = &parsed.documents[0].root;
        assert_eq!(slice(text, root.get("b").unwrap().place), "2");
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved_and_own_entries_win() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 9, c: 3}\nz:\n  <<: [*x, *y]\n  a: 5\nw: *x\n";
        let root = &read(text).documents[0].root.clone();
        let number = |keys: &[&str]| root.at(keys).and_then(Node::integer);
        assert_eq!(
            [number(&["z", "a"]), number(&["z", "b"]), number(&["z", "c"]), number(&["w", "a"])],
            [Some(5), Some(2), Some(3), Some(1)]
        );
    }

    #[test]
    fn a_billion_laughs_end_in_an_error_and_not_in_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let names = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{names}]\n"));
        }
        let parsed = read(&text);
        assert!(parsed.documents.is_empty());
        assert!(parsed.errors[0].message.contains("expand to more than"), "{:?}", parsed.errors);
    }

    #[test]
    fn a_value_that_contains_itself_is_an_error() {
        let parsed = read("a: &a [*a]\n");
        assert_eq!(parsed.errors.len(), 1, "{parsed:?}");
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000)] {
            let parsed = read(&text);
            assert_eq!((parsed.documents.len(), parsed.errors.is_empty()), (0, false));
        }
    }

    #[test]
    fn the_documents_around_a_broken_one_are_read() {
        let parsed = read("a: 1\n---\nb: [1\nc: 2\n---\nd: 4\n");
        let keys: Vec<_> =
            parsed.documents.iter().map(|document| document.root.entries()[0].key.clone()).collect();
        assert_eq!(keys, ["a", "d"]);
        assert_eq!(parsed.errors.len(), 1);
    }

    #[test]
    fn a_tab_as_indentation_is_an_error_at_its_line() {
        let text = "a:\n\tb: 1\n";
        let parsed = read(text);
        assert!(parsed.errors[0].place.start() >= 3, "{parsed:?}");
    }

    #[test]
    fn duplicate_keys_are_recorded() {
        let parsed = read("a: 1\nb: {c: 1, c: 2}\na: 2\n");
        assert_eq!(parsed.documents[0].duplicates.len(), 2);
        assert_eq!(parsed.documents[0].root.get("a").and_then(Node::integer), Some(2));
    }

    #[test]
    fn a_tag_of_an_application_hides_the_value() {
        let parsed = read("a: !Ref Timeout\nb: !!str 3\n");
        let root = &parsed.documents[0].root;
        assert_eq!((root.text_of("a"), root.text_of("b")), (None, Some("3")));
    }
}
