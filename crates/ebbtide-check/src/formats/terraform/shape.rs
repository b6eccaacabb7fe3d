use crate::formats::Facts;
use crate::input::Place;
use crate::model::Spelling;
use crate::tree::{Entry, Node, Value};

/// A resource: its type, its name and its body.
#[derive(Clone, Copy)]
pub(super) struct Resource<'n> {
    pub(super) kind: &'n str,
    pub(super) name: &'n str,
    pub(super) place: Place,
    pub(super) body: &'n Node,
}

impl Resource<'_> {
    /// Returns what other resources call it.
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }
}

/// Adds what a resource is, and spells its keys as Terraform does.
pub(super) fn spelled(facts: &mut Facts, add: impl FnOnce(&mut Facts)) {
    let (before, count) = (std::mem::take(&mut facts.unreadable), facts.workloads.len());
    add(facts);
    for workload in facts.workloads.iter_mut().skip(count) {
        workload.spelling = Spelling::Terraform;
    }
    facts.unreadable.values_mut().for_each(|message| Spelling::Terraform.spell(message));
    facts.unreadable.extend(before);
}

/// Returns the blocks of a type, which a plan and the JSON syntax have as a list.
pub(super) fn blocks<'n>(body: &'n Node, kind: &str) -> Vec<&'n Node> {
    let entries = body.entries().iter().filter(|entry| entry.key == kind);
    entries
        .flat_map(|entry| match &entry.node.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(_) => vec![&entry.node],
            Value::Scalar(_) => Vec::new(),
        })
        .collect()
}

/// Returns the only block of a type.
pub(super) fn block<'n>(body: &'n Node, kind: &str) -> Option<&'n Node> {
    blocks(body, kind).into_iter().next()
}

/// Creates a mapping of the values that exist, under other keys.
pub(super) fn renamed(body: &Node, keys: &[(&str, &str)]) -> Node {
    let entries = keys.iter().filter_map(|(from, to)| {
        let entry = body.entry(from).filter(|entry| !entry.node.is_null())?;
        Some(Entry { key: (*to).to_owned(), ..entry.clone() })
    });
    Node { value: Value::Map(entries.collect()), place: body.place, tag: None }
}

/// Adds a value to a mapping.
pub(super) fn put(map: &mut Node, key: &str, node: Node) {
    if let Value::Map(entries) = &mut map.value {
        entries.push(Entry { key: key.to_owned(), key_place: node.place, node });
    }
}

/// Creates a list.
pub(super) fn list(place: Place, items: Vec<Node>) -> Node {
    Node { value: Value::List(items), place, tag: None }
}

/// Creates a value that is not known.
pub(super) fn unknown(place: Place) -> Node {
    Node { tag: Some("unknown".into()), ..Node::text_at("", place) }
}

/// Returns the begin of an expression, for a note that it is not read.
pub(super) fn quoted(expression: &Node) -> String {
    let first = expression.written().unwrap_or_default().lines().next().unwrap_or_default();
    format!("`{}`", first.chars().take(60).collect::<String>())
}
