use std::collections::BTreeMap;

use tokio::sync::watch;

/// The services that are known by name, and whether each serves as far as it says itself. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Names {
    known: watch::Sender<BTreeMap<String, bool>>,
}

impl Names {
    /// Knows the name that stands for the whole server: the empty one.
    pub(super) fn new() -> Self {
        Self { known: watch::Sender::new(BTreeMap::from([(String::new(), true)])) }
    }

    pub(super) fn set(&self, name: &str, serving: bool) {
        self.known.send_if_modified(|known| known.insert(name.to_owned(), serving) != Some(serving));
    }

    /// Tells whether a service serves; `None` if it is not known.
    pub(super) fn get(&self, name: &str) -> Option<bool> {
        self.known.borrow().get(name).copied()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<BTreeMap<String, bool>> {
        self.known.subscribe()
    }
}
