use super::scope::Scope;

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
            &["runtime"],
            &["lifecycle"],
            &["call", "health", "layer", "queue", "ws"],
            &["http"],
            &["testing"],
        ],
        top: &["lib", "fuzzing", "adapter"],
        files_on_top: false,
    },
    Scope {
        folder: "crates/ebbtide-cli/src",
        tiers: &[&["demo"], &["output", "exit"], &["commands"]],
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
