use super::node::REPLACES;
use super::{Comment, Document, Entry, Node, Parsed, Value};
use crate::input::{Place, SourceId};

/// Keys of which systemd cannot parse an empty value: it ignores the line, and the value before it stays.
const WITHOUT_EMPTY: [&str; 8] = [
    "FinalKillSignal",
    "KillSignal",
    "RemainAfterExit",
    "Restart",
    "SendSIGKILL",
    "TimeoutSec",
    "TimeoutStopSec",
    "Type",
];

/// Parses a systemd unit by the grammar of systemd.syntax(7): a mapping of sections, each a mapping of keys to the list of the values
/// that they have, in the order of their last assignments. An empty value removes those before it, and marks the list as one that replaces those of
/// other files. A section that comes twice is one section.
pub(crate) fn parse(source: SourceId, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut sections: Vec<Entry> = Vec::new();
    let mut lines = Lines { text, at: 0 };
    while let Some((start, line)) = lines.next() {
        let trimmed = line.trim();
        let begin = start.saturating_add(line.len().saturating_sub(line.trim_start().len()));
        let place = Place::new(source, begin, begin.saturating_add(trimmed.len()));
        if trimmed.is_empty() {
            continue;
        }
        if let Some(comment) = trimmed.strip_prefix(['#', ';']) {
            parsed.comments.push(Comment { text: comment.trim().to_owned(), place });
        } else if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // The last section is the open one.
            match sections.iter().position(|section| section.key == name) {
                Some(at) => {
                    let section = sections.remove(at);
                    sections.push(section);
                }
                None => sections.push(map_entry(name, place)),
            }
        } else if let Some((key, value)) = trimmed.split_once('=') {
            let key_place = Place::new(source, begin, begin.saturating_add(key.trim_end().len()));
            let lead = value.len().saturating_sub(value.trim_start().len());
            let at = begin.saturating_add(key.len()).saturating_add(1).saturating_add(lead);
            let mut joined = value.trim().to_owned();
            let mut end = begin.saturating_add(trimmed.len());
            // A line that ends with a backslash goes on; comments between are left out.
            while let Some(part) = joined.strip_suffix('\\') {
                let part = part.trim_end().to_owned();
                let Some((next_start, next)) = lines.next() else { break };
                let next_trimmed = next.trim();
                joined = if next_trimmed.starts_with(['#', ';']) {
                    format!("{part} \\")
                } else {
                    format!("{part} {next_trimmed}")
                };
                end = next_start.saturating_add(next.trim_end().len());
            }
            if let Some(section) = sections.last_mut() {
                add(
                    section,
                    key.trim_end(),
                    key_place,
                    Node::text_at(joined, Place::new(source, at.min(end), end)),
                );
            }
        }
    }
    let place = Place::new(source, 0, text.len());
    parsed.documents.push(Document {
        root: Node { value: Value::Map(sections), place, tag: None },
        duplicates: Vec::new(),
    });
    parsed
}

fn map_entry(key: &str, place: Place) -> Entry {
    Entry {
        key: key.to_owned(),
        key_place: place,
        node: Node { value: Value::Map(Vec::new()), place, tag: None },
    }
}

fn add(section: &mut Entry, key: &str, key_place: Place, value: Node) {
    let Value::Map(entries) = &mut section.node.value else { return };
    let is_empty = value.text().is_some_and(str::is_empty);
    if is_empty && WITHOUT_EMPTY.contains(&key) {
        return;
    }
    let mut entry = match entries.iter().position(|entry| entry.key == key) {
        Some(at) => entries.remove(at),
        None => Entry {
            key: key.to_owned(),
            key_place,
            node: Node { value: Value::List(Vec::new()), place: value.place, tag: None },
        },
    };
    if let Value::List(values) = &mut entry.node.value {
        if is_empty {
            values.clear();
            entry.node.tag = Some(REPLACES.into());
        } else {
            values.push(value);
        }
    }
    entries.push(entry);
}

/// Lines with their offsets.
struct Lines<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<(usize, &'t str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let length = rest.find('\n').map_or(rest.len(), |end| end.saturating_add(1));
        self.at = self.at.saturating_add(length);
        Some((start, rest.get(..length)?.trim_end_matches(['\n', '\r'])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn values(text: &str, section: &str, key: &str) -> Vec<String> {
        let mut sources = Sources::new();
        let id = sources.add("a.service", text);
        let parsed = parse(id, text);
        let node = parsed.documents[0].root.at(&[section, key]).cloned();
        node.iter().flat_map(Node::items).map(|value| value.text().unwrap().to_owned()).collect()
    }

    #[test]
    fn keys_may_repeat_go_on_and_be_reset() {
        let text = "[Unit]\r\nAfter=a\n[Service]\nExecStart=/bin/a \\\n# why\n  -b\nExecStop=x\nExecStop=\nExecStop = y\n[Unit]\nAfter=b\n";
        assert_eq!(values(text, "Service", "ExecStart"), ["/bin/a -b"]);
        assert_eq!(values(text, "Service", "ExecStop"), ["y"]);
        assert_eq!(values(text, "Unit", "After"), ["a", "b"]);
    }

    #[test]
    fn a_value_has_its_place() {
        let text = "[Service]\nTimeoutStopSec = 20s\n";
        let mut sources = Sources::new();
        let parsed = parse(sources.add("a", text), text);
        let value = &parsed.documents[0].root.at(&["Service", "TimeoutStopSec"]).unwrap().items()[0];
        assert_eq!(&text[value.place.start()..value.place.end()], "20s");
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in ["=", "[", "a=\\", "[S]\na=\\", "[S]\n=\\\n\\\n", "[]\n=x"] {
            let _ = values(text, "S", "a");
        }
    }
}
