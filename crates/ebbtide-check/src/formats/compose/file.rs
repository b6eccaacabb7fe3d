use super::service::{TIME, service};
use crate::formats::{Facts, times};
use crate::tree::Node;

/// Keys of which a service has one.
const KEYS: [&str; 5] = ["image", "build", "command", "extends", "entrypoint"];

/// Returns whether a document is a Compose file.
pub(crate) fn is_compose(root: &Node) -> bool {
    let services = root.get("services").map_or(&[][..], Node::entries);
    root.get("apiVersion").is_none()
        && services.iter().any(|service| KEYS.iter().any(|key| service.node.get(key).is_some()))
}

/// Adds the services of a Compose file.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    for entry in root.get("services").map_or(&[][..], Node::entries) {
        times::note(&entry.node, &[TIME], &mut facts.unreadable);
        facts.workloads.push(service(entry));
    }
}
