use crate::model::is_variable;
use crate::tree::{Entry, Node, Value};

/// Which pods an object is about: `matchLabels` and `matchExpressions`.
#[derive(Debug)]
pub(super) struct Selector {
    pub(super) pairs: Vec<(String, String)>,
    expressions: Vec<Expression>,
}

/// What is asked of one label.
#[derive(Debug)]
struct Expression {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector of which everything is known.
    pub(super) fn read(node: &Node) -> Option<Self> {
        let (mut pairs, mut expressions): (&[_], &[_]) = (&[], &[]);
        for entry in entries(node)?.iter().filter(|entry| !entry.node.is_null()) {
            match (entry.key.as_str(), &entry.node.value) {
                ("matchLabels", _) => pairs = entries(&entry.node)?,
                ("matchExpressions", Value::List(items)) if entry.node.tag.is_none() => expressions = items,
                _ => return None,
            }
        }
        let pair = |entry: &Entry| Some((entry.key.clone(), entry.node.text()?.to_owned()));
        let pairs = pairs.iter().map(pair).collect::<Option<_>>()?;
        let expressions = expressions.iter().map(Expression::read).collect::<Option<_>>()?;
        Some(Self { pairs, expressions })
    }

    /// Returns whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.expressions.is_empty()
    }

    /// Returns whether it is about pods with these labels.
    pub(super) fn selects(&self, labels: &[(String, String)]) -> bool {
        self.pairs.iter().all(|wanted| labels.contains(wanted))
            && self.expressions.iter().all(|expression| expression.matches(labels))
    }
}

impl Expression {
    fn read(node: &Node) -> Option<Self> {
        let known = |node: &Node| node.text().filter(|text| !is_variable(text)).map(str::to_owned);
        let operator = match node.text_of("operator")? {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            _ => return None,
        };
        let values = node.list("values").iter().map(known).collect::<Option<_>>()?;
        Some(Self { key: known(node.get("key")?)?, operator, values })
    }

    fn matches(&self, labels: &[(String, String)]) -> bool {
        let value = labels.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value);
        let is_among = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => is_among,
            Operator::NotIn => !is_among,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// Returns the entries of a mapping that is written.
fn entries(node: &Node) -> Option<&[Entry]> {
    (matches!(node.value, Value::Map(_)) && node.tag.is_none()).then(|| node.entries())
}
