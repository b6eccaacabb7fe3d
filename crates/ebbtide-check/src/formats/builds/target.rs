use crate::tree::Node;

/// The resources that a patch is about. What it does not name may be any.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    kind: Option<String>,
    name: Option<String>,
    group: Option<String>,
    version: Option<String>,
    namespace: Option<String>,
    /// Whether it also chooses by labels or annotations.
    has_selector: bool,
    /// Whether the patch is one of the object itself rather than a pattern.
    is_object: bool,
}

impl Target {
    /// Reads the target of a patch.
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.text_of(key).map(str::to_owned);
        Self {
            kind: text("kind"),
            name: text("name"),
            group: text("group"),
            version: text("version"),
            namespace: text("namespace"),
            has_selector: ["labelSelector", "annotationSelector"].iter().any(|key| node.get(key).is_some()),
            is_object: false,
        }
    }

    /// Returns every resource of a name.
    pub(super) fn of_name(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// Returns the resource that a part of it names.
    pub(super) fn of_object(root: &Node) -> Self {
        let metadata = |key: &str| root.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
        let version =
            root.text_of("apiVersion").map(|version| version.split_once('/').unwrap_or(("", version)));
        Self {
            kind: root.text_of("kind").map(str::to_owned),
            name: metadata("name"),
            group: version.map(|(group, _)| group.to_owned()),
            version: version.map(|(_, version)| version.to_owned()),
            namespace: metadata("namespace"),
            has_selector: false,
            is_object: true,
        }
    }

    /// Returns whether it may be about a workload.
    pub(super) fn may_be(&self, kind: &str, names: &[String]) -> bool {
        let matches = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|own| own == text || is_pattern(own))
        };
        matches(&self.kind, kind) && names.iter().any(|name| matches(&self.name, name))
    }

    /// Returns whether it certainly is about an object, which has had these names.
    pub(super) fn is(&self, object: &Node, names: &[String]) -> bool {
        let version = object.text_of("apiVersion").unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let metadata = |key: &str| object.at(&["metadata", key]).and_then(Node::text);
        let is = |own: &Option<String>, text: Option<&str>| {
            own.as_deref().is_none_or(|own| Some(own) == text || (!self.is_object && own == ".*"))
        };
        let is_named = !self.is_object || (self.kind.is_some() && self.name.is_some());
        is_named
            && !self.has_selector
            && is(&self.kind, object.text_of("kind"))
            && names.iter().any(|name| is(&self.name, Some(name)))
            && is(&self.group, Some(group))
            && is(&self.version, Some(version))
            && is(&self.namespace, metadata("namespace"))
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '|', '+', '?', '[', '(', '^', '$'])
}
