use crate::model::Declared;
use crate::tree::{Node, Value};

/// Returns the value under a key of the API. CloudFormation has the same keys with a capital.
pub(super) fn field<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).or_else(|| node.get(&capital(key)))
}

pub(super) fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    field(node, key).map_or(&[], Node::items)
}

/// Returns the items of a list that are in the file. `!If […]` or an expression of Terraform may be any item or none.
pub(super) fn read_items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> {
    list(node, key).iter().filter(|item| !is_computed(item))
}

/// Returns whether a list, or one of its items, is only known at the deploy.
pub(super) fn has_unread(node: &Node, key: &str) -> bool {
    field(node, key).is_some_and(|list| is_computed(list) || list.items().iter().any(is_computed))
}

pub(super) fn text(node: &Node) -> Declared<String> {
    match node.text() {
        Some(text) if !text.contains("${") && !text.contains("{{") => {
            Declared::Written(text.to_owned(), node.place)
        }
        _ => Declared::Unresolved(node.place),
    }
}

/// Returns the logical id that `!Ref X`, `!GetAtt X.Arn`, `{Ref: X}` or `{"Fn::GetAtt": [X, Arn]}` names.
pub(super) fn reference(node: &Node) -> Option<&str> {
    if let Some("Ref" | "GetAtt") = node.tag.as_deref() {
        return match &node.value {
            Value::Scalar(scalar) => scalar.text.split('.').next(),
            Value::List(items) => items.first().and_then(Node::text),
            Value::Map(_) => None,
        };
    }
    if node.tag.is_some() {
        return node.written().and_then(resource);
    }
    node.text_of("Ref").or_else(|| node.get("Fn::GetAtt")?.items().first()?.text())
}

/// Returns the texts in a value, one after the other.
pub(super) fn all_text(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::List(items) => items.iter().map(|item| all_text(item) + " ").collect(),
        Value::Map(entries) => entries.iter().map(|entry| all_text(&entry.node) + " ").collect(),
    }
}

/// Returns whether a value is only known at the deploy: `!Split […]`, `{"Fn::Split": […]}`, or an expression of Terraform.
pub(super) fn is_computed(node: &Node) -> bool {
    node.tag.is_some()
        || node.entries().iter().any(|entry| entry.key == "Ref" || entry.key.starts_with("Fn::"))
}

/// Returns the resource that an expression of Terraform begins with: `aws_lb_target_group.api` of `aws_lb_target_group.api[0].arn`.
fn resource(expression: &str) -> Option<&str> {
    let expression = expression.strip_prefix("${").unwrap_or(expression);
    let kind = expression.find('.')?;
    let name = expression.get(kind.saturating_add(1)..)?;
    let length = name.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'))?;
    expression.get(..kind.saturating_add(1).saturating_add(length))
}

fn capital(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
