use super::scalar::name_place;
use crate::formats::scalar;
use crate::input::Place;
use crate::model::{Container, Variable, VariableSource, is_variable};
use crate::tree::Node;

/// A ConfigMap.
#[derive(Debug)]
pub(crate) struct ConfigMap {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) place: Place,
    values: Vec<Variable>,
}

/// Reads a ConfigMap.
pub(super) fn config_map(object: &Node) -> Option<ConfigMap> {
    let text = |key: &str| object.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
    Some(ConfigMap {
        namespace: text("namespace"),
        name: text("name")?,
        place: name_place(object),
        values: scalar::variables(object.get("data")),
    })
}

/// Returns what variables of a container are from, in the order in which later ones replace earlier ones.
pub(super) fn sources(container: &Node) -> Vec<VariableSource> {
    let name_of = |reference: &Node| {
        let name = reference.text_of("name").filter(|name| !is_variable(name));
        name.map(str::to_owned)
    };
    let all = container.list("envFrom").iter().map(|source| VariableSource {
        map: source.get("configMapRef").and_then(name_of),
        key: None,
        name: source.text_of("prefix").unwrap_or_default().to_owned(),
    });
    let one = |variable: &Node| {
        let reference = variable.at(&["valueFrom", "configMapKeyRef"])?;
        Some(VariableSource {
            map: Some(name_of(reference)?),
            key: Some(reference.text_of("key")?.to_owned()),
            name: variable.text_of("name")?.to_owned(),
        })
    };
    all.chain(container.list("env").iter().filter_map(one)).collect()
}

/// Gives a container the variables of the ConfigMaps that it names. Its own list counts more; what is not found may replace what was before.
pub(super) fn fill<'o>(container: &mut Container, find: impl Fn(&str) -> Option<&'o ConfigMap>) {
    let mut found: Vec<Variable> = Vec::new();
    for source in std::mem::take(&mut container.variable_sources) {
        let map = source.map.as_deref().and_then(&find);
        let Some(key) = source.key else {
            match map {
                Some(map) => found.extend(map.values.iter().map(|value| {
                    let name = format!("{}{}", source.name, value.name);
                    Variable { name, ..value.clone() }
                })),
                None => {
                    container.has_unread_variables = true;
                    found.iter_mut().for_each(|variable| variable.value = None);
                }
            }
            continue;
        };
        let value = map.and_then(|map| map.values.iter().find(|value| value.name == key));
        let own = container.variables.iter_mut().rev().find(|variable| variable.name == source.name);
        if let (Some(value), Some(own)) = (value, own.filter(|own| own.value.is_none())) {
            (own.value, own.place) = (value.value.clone(), value.place);
        }
    }
    // The last variable of a name counts.
    container.variables.splice(..0, found);
}
