//! Operations on JSON: RFC 6902.

use crate::tree::{Entry, Node, Value};

/// Returns an object with a list of operations applied. `None`: one of them is neither `add`, `replace` nor `remove`, or its path does not exist.
pub(super) fn apply(object: &Node, operations: &Node) -> Option<Node> {
    let mut object = object.clone();
    for operation in operations.items() {
        let path = operation.text_of("path")?.strip_prefix('/')?;
        let mut steps: Vec<String> =
            path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        let last = steps.pop()?;
        let parent = steps.iter().try_fold(&mut object, |node, step| inner(node, step))?;
        let value = operation.entry("value").map(|entry| &entry.node).filter(|node| node.tag.is_none());
        match operation.text_of("op")? {
            "add" => add(parent, last, value?.clone())?,
            "replace" => *inner(parent, &last)? = value?.clone(),
            "remove" => remove(parent, &last)?,
            _ => return None,
        }
    }
    Some(object)
}

fn inner<'n>(node: &'n mut Node, step: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        _ if node.tag.is_some() => None,
        Value::Map(entries) => {
            entries.iter_mut().rev().find(|entry| entry.key == step).map(|entry| &mut entry.node)
        }
        Value::List(items) => items.get_mut(index(step)?),
        Value::Scalar(_) => None,
    }
}

fn add(parent: &mut Node, key: String, value: Node) -> Option<()> {
    match &mut parent.value {
        _ if parent.tag.is_some() => return None,
        Value::Map(entries) => {
            entries.retain(|entry| entry.key != key);
            entries.push(Entry { key, key_place: value.place, node: value });
        }
        Value::List(items) if key == "-" => items.push(value),
        Value::List(items) => {
            let at = index(&key).filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        Value::Scalar(_) => return None,
    }
    Some(())
}

fn remove(parent: &mut Node, key: &str) -> Option<()> {
    inner(parent, key)?;
    match &mut parent.value {
        Value::Map(entries) => entries.retain(|entry| entry.key != key),
        Value::List(items) => {
            items.remove(index(key)?);
        }
        Value::Scalar(_) => return None,
    }
    Some(())
}

fn index(step: &str) -> Option<usize> {
    let is_number = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| is_number)
}
