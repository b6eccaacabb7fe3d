use crate::tree::Node;

/// Keys that only lead to others.
const OUTER: [&str; 4] = ["metadata", "spec", "template", "containers"];

/// Keys of which no rule reads the value, and those that say what is patched.
const HARMLESS: [&str; 10] = [
    "apiVersion",
    "kind",
    "name",
    "namespace",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "resources",
    "affinity",
    "tolerations",
];

/// What a patch sets.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) grace: bool,
    pub(super) replicas: bool,
    pub(super) others: bool,
}

impl Touched {
    pub(super) fn replicas() -> Self {
        Self { replicas: true, ..Self::default() }
    }

    pub(super) fn unknown() -> Self {
        Self { others: true, ..Self::default() }
    }

    /// Adds a document of a strategic merge, or a list of operations on JSON.
    pub(super) fn add_document(&mut self, root: &Node) {
        if root.items().is_empty() {
            self.add_value(root);
        }
        for operation in root.items() {
            let steps = operation.text_of("path").unwrap_or_default().split('/');
            let is_index = |step: &str| step == "-" || step.bytes().all(|byte| byte.is_ascii_digit());
            let mut steps = steps.filter(|step| !is_index(step));
            match steps.find(|step| !OUTER.contains(step)) {
                Some(step) => self.add_key(step),
                None => match operation.get("value").filter(|_| operation.text_of("op") != Some("remove")) {
                    Some(value) => self.add_value(value),
                    None => self.others = true,
                },
            }
        }
    }

    fn add_value(&mut self, value: &Node) {
        for node in value.items() {
            self.add_value(node);
        }
        for entry in value.entries() {
            if OUTER.contains(&&*entry.key) {
                self.add_value(&entry.node);
            } else {
                self.add_key(&entry.key);
            }
        }
    }

    fn add_key(&mut self, key: &str) {
        match key {
            "terminationGracePeriodSeconds" => self.grace = true,
            "replicas" => self.replicas = true,
            _ => self.others |= !HARMLESS.contains(&key),
        }
    }
}
