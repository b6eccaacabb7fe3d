/// The layers of each crate, the lowest first. A layer may only name layers of lower tiers, not those of the same tier. A module
/// in no tier is a violation, so that a new folder needs an entry here.
pub(super) const SCOPES: [Scope; 5] = [
    Scope {
        folder: "crates/ebbtide-core/src",
        tiers: &[&["error_form"], &["model"], &["drain"]],
        top: &["lib"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide/src",
        tiers: &[
            // The first two are `ebbtide-core`, re-exported.
            &["model", "drain", "seeds", "error_form"],
            &["util"],
            &["runtime"],
            &["lifecycle"],
            &["call", "cancellation", "health", "layer", "queue", "ws"],
            &["http"],
            &["testing"],
        ],
        top: &["lib", "fuzzing", "adapter"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide-cli/src",
        tiers: &[
            &["error_form", "usage"],
            &["demo"],
            &["exit", "settings"],
            &["output"],
            &["check", "completions", "explain", "man", "plan", "rehearse"],
            &["language_server", "replay"],
        ],
        top: &["main", "cli", "documented"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide-check/src",
        tiers: &[
            &["error_form"],
            &["input"],
            &["tree"],
            &["model"],
            &["findings"],
            &["knowledge"],
            &["formats", "rules"],
            &["engine"],
            &["render"],
        ],
        top: &["lib", "fuzzing"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide-rehearse/src",
        tiers: &[
            &["clock", "words", "error_form"],
            &["record"],
            &["scenario"],
            &["wire"],
            &["child", "load", "probe", "relay", "verdict"],
            &["recording", "sampling"],
        ],
        top: &[],
        files_on_top: true,
    },
];

/// The layers of one crate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// The source folder, from the workspace's root.
    pub(super) folder: &'static str,
    /// The layers, the lowest first.
    pub(super) tiers: &'static [&'static [&'static str]],
    /// Modules above all layers. No layer may name them.
    pub(super) top: &'static [&'static str],
    /// Whether a file beside the folders that is not a layer is also above all layers.
    pub(super) files_on_top: bool,
}

impl Scope {
    /// Returns why a file in the layer `from` must not name `to`, or `None` when it may.
    pub(super) fn objection(&self, from: &str, to: &str) -> Option<String> {
        if from == to || self.top.contains(&from) {
            return None;
        }
        let Some(from_tier) = self.tier(from) else {
            return Some(format!("`{from}` is not in the table of layers"));
        };
        match self.tier(to) {
            Some(to_tier) if to_tier < from_tier => None,
            Some(to_tier) if to_tier == from_tier => {
                Some(format!("`{from}` and `{to}` are in the same tier"))
            }
            Some(_) => Some(format!("`{to}` is above `{from}`")),
            None => Some(format!("`{to}` is not a layer below `{from}`")),
        }
    }

    pub(super) fn tier(&self, layer: &str) -> Option<usize> {
        self.tiers.iter().position(|tier| tier.contains(&layer))
    }
}
