use super::project::{ComposeFile, is_base, is_override};
use super::service::{INLINE, TIME};
use crate::formats::{Facts, times};
use crate::tree::{Entry, Node};

/// Keys of which a service has one.
const KEYS: [&str; 5] = ["image", "build", "command", "extends", "entrypoint"];

/// Returns whether a document is a Compose file. An override file need not say what its services run.
pub(crate) fn is_compose(name: &str, root: &Node) -> bool {
    let has_key = |service: &Entry| KEYS.iter().any(|key| service.node.get(key).is_some());
    let is_included = || !root.list("include").is_empty() && root.get("services").is_none();
    root.get("apiVersion").is_none()
        && (services(root).iter().any(has_key)
            || (is_override(name) && has_parts(root))
            || (is_base(name) && is_included()))
}

/// Adds a Compose file.
pub(crate) fn add(name: &str, root: &Node, facts: &mut Facts) {
    for entry in services(root) {
        times::note(&entry.node, &[TIME], &mut facts.unreadable);
    }
    facts.compose.push(ComposeFile::new(name, root.clone(), true));
}

/// Returns the Dockerfiles whose text is in the file.
pub(crate) fn inline(root: &Node) -> impl Iterator<Item = &Node> {
    services(root).iter().filter_map(|entry| entry.node.at(&["build", INLINE]))
}

/// Adds a document of no known format that services of Compose files may extend.
pub(crate) fn add_part(name: &str, root: &Node, facts: &mut Facts) {
    if has_parts(root) {
        facts.compose.push(ComposeFile::new(name, root.clone(), false));
    }
}

fn services(root: &Node) -> &[Entry] {
    root.get("services").map_or(&[][..], Node::entries)
}

fn has_parts(root: &Node) -> bool {
    !services(root).is_empty() && services(root).iter().all(|service| !service.node.entries().is_empty())
}
