/// Who may know whom, the lowest first. What is in one tier does not know its neighbours; what is in none is a
/// violation, so that a new folder has to be given its place here.
pub(super) const SCOPES: [Scope; 4] = [
    Scope {
        folder: "crates/ebbtide-core/src",
        tiers: &[&["model"], &["drain"]],
        top: &["lib"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide/src",
        tiers: &[
            // The first two are `ebbtide-core`, re-exported.
            &["model", "drain", "seeds"],
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
        tiers: &[&["demo"], &["output", "exit"], &["rehearse"]],
        top: &["main", "cli"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide-rehearse/src",
        tiers: &[
            &["clock", "words"],
            &["record"],
            &["scenario"],
            &["wire"],
            &["child", "load", "probe", "verdict"],
        ],
        top: &[],
        files_on_top: true,
    },
];

/// The layers of one crate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// Where its sources are, from the workspace's root.
    pub(super) folder: &'static str,
    /// The layers, the lowest first.
    pub(super) tiers: &'static [&'static [&'static str]],
    /// Stands above all of them, and is known by none.
    pub(super) top: &'static [&'static str],
    /// Whether the files beside the folders that are no layer do so too.
    pub(super) files_on_top: bool,
}

impl Scope {
    /// Returns why a file in the layer `from` must not name `to`, if it must not.
    pub(super) fn objection(&self, from: &str, to: &str) -> Option<String> {
        if from == to || self.top.contains(&from) {
            return None;
        }
        let Some(from_tier) = self.tier(from) else {
            return Some(format!("`{from}` has no place in the table of layers"));
        };
        match self.tier(to) {
            Some(to_tier) if to_tier < from_tier => None,
            Some(to_tier) if to_tier == from_tier => Some(format!("`{from}` and `{to}` are neighbours")),
            Some(_) => Some(format!("`{to}` is above `{from}`")),
            None => Some(format!("`{to}` is no layer below `{from}`: name it where it lives")),
        }
    }

    pub(super) fn tier(&self, layer: &str) -> Option<usize> {
        self.tiers.iter().position(|tier| tier.contains(&layer))
    }
}
