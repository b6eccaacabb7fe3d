//! How Compose merges the parts of a service: compose-spec `13-merge.md`, compose-go `override/merge.go`.

use crate::tree::{Entry, Node, Value};

/// Keys whose values are mappings, or lists of `key=value` which mean the same.
const PAIRS: [&str; 5] = ["environment", "labels", "annotations", "args", "additional_contexts"];

/// Keys of which the later value replaces the earlier one as a whole.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Merges what overrides a service into it. The result has the place of the base.
pub(super) fn merge(base: &Node, over: &Node) -> Node {
    let (Value::Map(entries), Value::Map(added)) = (&base.value, &over.value) else { return over.clone() };
    let mut entries = entries.clone();
    for entry in added {
        if tag(&entry.node) == Some("reset") {
            entries.retain(|present| present.key != entry.key);
            continue;
        }
        match entries.iter_mut().find(|present| present.key == entry.key) {
            Some(present) => *present = merge_entry(present, entry),
            None => entries.push(Entry { node: plain(&entry.node), ..entry.clone() }),
        }
    }
    Node { value: Value::Map(entries), ..base.clone() }
}

fn merge_entry(base: &Entry, over: &Entry) -> Entry {
    let key = over.key.as_str();
    let replace = || Entry { node: plain(&over.node), ..over.clone() };
    if tag(&over.node) == Some("override") || REPLACED.contains(&key) || over.node.is_null() {
        return replace();
    }
    let (before, after) = (normal(key, &base.node), normal(key, &over.node));
    let node = match (&before.value, &after.value) {
        (Value::Map(_), Value::Map(_)) => merge(&before, &after),
        (Value::List(items), Value::List(added)) => {
            let items = items.iter().chain(added).cloned().collect();
            Node { value: Value::List(items), ..before.clone() }
        }
        _ => return replace(),
    };
    Entry { node, ..base.clone() }
}

/// Returns a value in the form that merges: pairs as a mapping, the context of a build too, and one file of variables as a list.
fn normal(key: &str, node: &Node) -> Node {
    let entry = |key: &str, node: Node| Entry { key: key.to_owned(), key_place: node.place, node };
    let entries = match &node.value {
        Value::List(items) if PAIRS.contains(&key) => items.iter().map(|item| {
            let (key, value) = item.written().unwrap_or_default().split_once('=').unzip();
            // Without a value it is that of the shell which runs Compose.
            let text = key.or(item.written()).unwrap_or_default();
            let value = match value {
                Some(value) => Node { tag: item.tag.clone(), ..Node::text_at(value, item.place) },
                None => Node { value: Value::List(Vec::new()), ..item.clone() },
            };
            entry(text, value)
        }),
        Value::Scalar(_) if key == "build" => {
            let entries = vec![entry("context", node.clone())];
            return Node { value: Value::Map(entries), place: node.place, tag: None };
        }
        Value::Scalar(_) if key == "env_file" => {
            return Node { value: Value::List(vec![node.clone()]), place: node.place, tag: None };
        }
        _ => return node.clone(),
    };
    Node { value: Value::Map(entries.collect()), place: node.place, tag: None }
}

/// Removes the tag that says how a value is merged.
fn plain(node: &Node) -> Node {
    match tag(node) {
        Some("override") => Node { tag: None, ..node.clone() },
        _ => node.clone(),
    }
}

fn tag(node: &Node) -> Option<&str> {
    node.tag.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;
    use crate::tree::parse_yaml;

    fn node(text: &str) -> Node {
        let id = Sources::new().add("a.yaml", text);
        parse_yaml(id, text).documents.remove(0).root
    }

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
            Value::Map(entries) => {
                let all = entries.iter().map(|entry| format!("{}={}", entry.key, show(&entry.node)));
                format!("{{{}}}", all.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn each_kind_of_value_is_merged_as_compose_does() {
        for (base, over, expected) in [
            ("{a: 1, b: 2}", "{b: 3, c: 4}", "{a=1 b=3 c=4}"),
            ("{command: [a, b]}", "{command: [c]}", "{command=[c]}"),
            ("{command: a b}", "{command: [c]}", "{command=[c]}"),
            ("{entrypoint: [a]}", "{entrypoint: ~}", "{entrypoint=~}"),
            ("{ports: [a]}", "{ports: [b]}", "{ports=[a b]}"),
            ("{environment: {A: 1, B: 2}}", "{environment: [B=3, C=4]}", "{environment={A=1 B=3 C=4}}"),
            ("{environment: [A=1, B=2]}", "{environment: [B]}", "{environment={A=1 B=[]}}"),
            ("{labels: [a=b]}", "{labels: [a=c=d]}", "{labels={a=c=d}}"),
            ("{build: .}", "{build: {target: dev}}", "{build={context=. target=dev}}"),
            ("{build: {context: a, target: b}}", "{build: c}", "{build={context=c target=b}}"),
            ("{deploy: {a: {b: 1, c: 2}}}", "{deploy: {a: {b: 3}}}", "{deploy={a={b=3 c=2}}}"),
            ("{stop_grace_period: 30s}", "{stop_grace_period: !reset null}", "{}"),
            ("{ports: [a]}", "{ports: !override [b]}", "{ports=[b]}"),
            ("{env_file: a}", "{env_file: [b, c]}", "{env_file=[a b c]}"),
            ("{env_file: [a]}", "{env_file: b}", "{env_file=[a b]}"),
            ("{a: [b]}", "{a: c}", "{a=c}"),
        ] {
            assert_eq!(show(&merge(&node(base), &node(over))), expected, "{base} {over}");
        }
    }

    #[test]
    fn a_replaced_value_loses_the_tag_that_hides_it() {
        let merged = merge(&node("{init: false}"), &node("{init: !override true}"));
        assert_eq!(merged.get("init").and_then(Node::boolean), Some(true));
        let added = merge(&node("{}"), &node("{init: !override true}"));
        assert_eq!(added.get("init").and_then(Node::boolean), Some(true));
    }
}
