use jsonc_parser::common::Ranged as _;

use super::json::strict_strings;
use super::{Comment, Document, Entry, Node, Parsed, SyntaxError, Value};
use crate::input::{Place, SourceId};

/// Parses a Dockerfile: a list of mappings, each with one entry, the instruction and its arguments. The exec form is a list of
/// strings, everything else is a string with its continuation lines joined. Its here documents follow it as entries of their own.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    parse_inside(Place::new(source, 0, text.len()), text)
}

/// Parses a Dockerfile that is a part of a text.
pub(crate) fn parse_inside(place: Place, text: &str) -> Parsed {
    let (source, at) = (place.source, place.start());
    let text = text.get(..place.end()).unwrap_or(text);
    let escape = escape(text.get(at..).unwrap_or_default());
    let mut reader = Reader { source, text, at, escape, parsed: Parsed::default(), items: Vec::new() };
    while reader.at < text.len() {
        reader.step();
    }
    let root = Node { value: Value::List(reader.items), place, tag: None };
    reader.parsed.documents.push(Document { root, duplicates: Vec::new() });
    reader.parsed
}

struct Reader<'t> {
    source: SourceId,
    text: &'t str,
    at: usize,
    escape: char,
    parsed: Parsed,
    items: Vec<Node>,
}

/// Arguments with the continuation lines joined, and where each byte is from.
#[derive(Default)]
struct Joined {
    text: String,
    offsets: Vec<usize>,
}

impl<'t> Reader<'t> {
    /// Reads a line: empty, a comment, or an instruction with its continuation lines.
    fn step(&mut self) {
        let start = self.at;
        let line = self.next_line();
        let trimmed = line.trim_start();
        if trimmed.is_empty() {
            return;
        }
        let indent = line.len().saturating_sub(trimmed.len());
        let begin = start.saturating_add(indent);
        if let Some(comment) = trimmed.strip_prefix('#') {
            let place = Place::new(self.source, begin, begin.saturating_add(trimmed.trim_end().len()));
            self.parsed.comments.push(Comment { text: comment.trim().to_owned(), place });
            return;
        }
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let keyword = trimmed.get(..end).unwrap_or_default().to_ascii_uppercase();
        let keyword_place = Place::new(self.source, begin, begin.saturating_add(end));
        let joined = self.arguments(trimmed.get(end..).unwrap_or_default(), begin.saturating_add(end));
        let mut documents = Vec::new();
        if matches!(keyword.as_str(), "ADD" | "COPY" | "ONBUILD" | "RUN") {
            documents = self.heredocs(&joined.text, keyword_place);
        }
        if keyword == "FROM" && joined.text.trim().is_empty() {
            self.error("FROM without an image".to_owned(), keyword_place);
        }
        let node = self.node(&joined, keyword_place);
        let place = keyword_place.to(node.place);
        let entry = Entry { key: keyword, key_place: keyword_place, node };
        let entries = std::iter::once(entry).chain(documents).collect();
        self.items.push(Node { value: Value::Map(entries), place, tag: None });
    }

    fn next_line(&mut self) -> &'t str {
        let text: &'t str = self.text;
        let rest = text.get(self.at..).unwrap_or_default();
        let length = rest.find('\n').map_or(rest.len(), |end| end.saturating_add(1));
        self.at = self.at.saturating_add(length.max(1));
        rest.get(..length).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// Joins the continuation lines. Comments and empty lines between them are left out, as Docker does.
    fn arguments(&mut self, first: &str, offset: usize) -> Joined {
        let mut joined = Joined::default();
        let mut line = first.to_owned();
        let mut start = offset;
        loop {
            let content = line.trim_end();
            let Some(part) = content.strip_suffix(self.escape) else {
                joined.push(content, start);
                return joined;
            };
            joined.push(part, start);
            loop {
                if self.at >= self.text.len() {
                    return joined;
                }
                start = self.at;
                line = self.next_line().to_owned();
                let trimmed = line.trim_start();
                if !trimmed.is_empty() && !trimmed.starts_with('#') {
                    break;
                }
            }
        }
    }

    /// Reads the lines of here documents: `RUN <<EOF` and `COPY <<-"EOF" /x`. Each is an entry with its name.
    fn heredocs(&mut self, arguments: &str, keyword: Place) -> Vec<Entry> {
        let mut found = Vec::new();
        for name in heredocs(arguments) {
            let (start, mut end) = (self.at, self.at);
            loop {
                if self.at >= self.text.len() {
                    self.error(format!("here document `{name}` is not closed"), keyword);
                    return found;
                }
                if self.next_line().trim() == name {
                    break;
                }
                end = self.at.min(self.text.len());
            }
            let node = Node::text_at(
                self.text.get(start..end).unwrap_or_default(),
                Place::new(self.source, start, end),
            );
            found.push(Entry { key: name, key_place: keyword, node });
        }
        found
    }

    fn error(&mut self, message: String, place: Place) {
        self.parsed.errors.push(SyntaxError { message, place });
    }

    fn node(&self, joined: &Joined, keyword: Place) -> Node {
        let lead = joined.text.len().saturating_sub(joined.text.trim_start().len());
        let body = joined.text.trim();
        let place =
            match (joined.offset(lead), joined.offset(lead.saturating_add(body.len()).saturating_sub(1))) {
                (Some(start), Some(last)) if !body.is_empty() => {
                    Place::new(self.source, start, last.saturating_add(1))
                }
                _ => keyword,
            };
        let exec = body.starts_with('[').then(|| strict_strings(body)).flatten();
        let Some(words) = exec else { return Node::text_at(body, place) };
        let items = words.into_iter().map(|word| {
            let range = word.range();
            let at = |offset: usize| joined.offset(lead.saturating_add(offset));
            let place = match (at(range.start), at(range.end.saturating_sub(1))) {
                (Some(start), Some(last)) => Place::new(self.source, start, last.saturating_add(1)),
                _ => place,
            };
            Node::text_at(word.value.into_owned(), place)
        });
        Node { value: Value::List(items.collect()), place, tag: None }
    }
}

impl Joined {
    fn push(&mut self, part: &str, start: usize) {
        self.text.push_str(part);
        self.offsets.extend((0..part.len()).map(|index| start.saturating_add(index)));
    }

    fn offset(&self, index: usize) -> Option<usize> {
        self.offsets.get(index).copied()
    }
}

/// Returns the names of the here documents of an instruction. What is in quotes is none.
fn heredocs(arguments: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut quote, mut is_begin) = (None, true);
    let mut letters = arguments.char_indices();
    while let Some((at, letter)) = letters.next() {
        let rest = arguments.get(at..).unwrap_or_default();
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => {
                letters.next();
            }
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(letter),
            ('<', None) if is_begin => {
                let word = rest.split_whitespace().next().unwrap_or_default();
                let name = word
                    .strip_prefix("<<")
                    .map(|name| name.trim_start_matches('-').trim_matches(['"', '\'']));
                let is_name =
                    |name: &&str| name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
                found.extend(name.filter(is_name).map(str::to_owned));
            }
            _ => {}
        }
        // A number before it is that of a file.
        is_begin = quote.is_none() && (letter.is_whitespace() || is_begin && letter.is_ascii_digit());
    }
    found
}

/// Returns the escape character: that of the directive `# escape=`, which is in the first lines, else a backslash.
fn escape(text: &str) -> char {
    let comments = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    let mut values = comments
        .filter_map(|comment| comment.trim().to_ascii_lowercase().strip_prefix("escape=").map(str::to_owned));
    if values.next().as_deref() == Some("`") { '`' } else { '\\' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn read(text: &str) -> Vec<(String, String, Vec<String>)> {
        let mut sources = Sources::new();
        let id = sources.add("Dockerfile", text);
        let parsed = parse(id, text);
        let slice = |node: &Node| text[node.place.start()..node.place.end()].to_owned();
        parsed.documents[0]
            .root
            .items()
            .iter()
            .map(|item| {
                let entry = &item.entries()[0];
                let words = entry.node.items().iter().map(|item| item.text().unwrap().to_owned()).collect();
                (entry.key.clone(), slice(&entry.node), words)
            })
            .collect()
    }

    #[test]
    fn instructions_have_their_places_across_continuation_lines() {
        let text = "# syntax=docker/dockerfile:1\nFROM a AS b\nrun apt-get update \\\n  # why\n\n  && true\nCMD [\"a\", \\\n  \"b c\"]\n";
        let found = read(text);
        assert_eq!(found[0], ("FROM".to_owned(), "a AS b".to_owned(), vec![]));
        assert_eq!(found[1].0, "RUN");
        assert!(found[1].1.ends_with("&& true"));
        assert_eq!(found[2].2, ["a", "b c"]);
    }

    #[test]
    fn here_documents_and_the_escape_directive_are_read() {
        let found = read("# escape=`\nFROM a\nRUN <<EOF\nFROM nothing\nEOF\nCMD dir `\n  x\n");
        let keys: Vec<_> = found.iter().map(|(key, _, _)| key.as_str()).collect();
        assert_eq!(keys, ["FROM", "RUN", "CMD"]);
        assert!(found[2].1.ends_with('x'));
    }

    #[test]
    fn a_here_document_has_its_text_and_its_place() {
        let text = "FROM a\nCOPY <<A <<-\"B\" /x/\none\n  two\nA\n\tthree\n\tB\nCMD b\n";
        let parsed = parse(Sources::new().add("Dockerfile", text), text);
        let entries = parsed.documents[0].root.items()[1].entries();
        let found: Vec<_> =
            entries[1..].iter().map(|entry| (entry.key.as_str(), entry.node.text().unwrap())).collect();
        assert_eq!(found, [("A", "one\n  two\n"), ("B", "\tthree\n")]);
        let place = entries[2].node.place;
        assert_eq!(&text[place.start()..place.end()], "\tthree\n");
        assert_eq!(read(text).last().unwrap().0, "CMD");
    }

    #[test]
    fn what_is_no_json_is_the_shell_form() {
        let found = read("CMD ['a', 'b']\nCMD [ \"$X\" = 1 ] && app\nCMD\nCMD [\"a\"]\r\n");
        assert_eq!(found.iter().map(|(_, _, words)| words.len()).collect::<Vec<_>>(), [0, 0, 0, 1]);
    }
}
