//! Environment variables that look like settings of the lifecycle and are none, such as a misspelled `EBBTIDE_GRACE`.

use crate::runtime::log_warn;

/// The variables that a lifecycle reads.
const SETTINGS: [&str; 5] =
    ["EBBTIDE_GRACE", "EBBTIDE_LAME_DUCK", "EBBTIDE_MARGIN", "EBBTIDE_PLAN", "EBBTIDE_REPORT"];

/// Variables of the project's own tests and commands, which a service may inherit.
const INHERITED: [&str; 3] = ["EBBTIDE_CHAOS_SEED", "EBBTIDE_GENERATE", "EBBTIDE_TEST_"];

/// Logs a warning for each variable of this process that begins with `EBBTIDE_` and has no effect.
pub(crate) fn warn_of_unknown_variables(lifecycle: &str) {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for variable in unknown(names) {
        match closest(&variable) {
            Some(closest) => {
                log_warn!(lifecycle, variable, closest, "unknown environment variable has no effect");
            }
            None => {
                let known = SETTINGS.join(", ");
                log_warn!(lifecycle, variable, known, "unknown environment variable has no effect");
            }
        }
    }
}

/// Returns those of `names` that look like settings and are none, in alphabetical order.
fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_own = |name: &str| name.to_ascii_uppercase().starts_with("EBBTIDE_");
    let is_known = |name: &str| {
        SETTINGS.contains(&name)
            || INHERITED.iter().any(|known| name.starts_with(known))
            || is_service_link(name)
    };
    let mut unknown: Vec<String> = names.filter(|name| is_own(name) && !is_known(name)).collect();
    unknown.sort_unstable();
    unknown
}

/// Returns whether Kubernetes sets the variable in each container for a Service whose name begins with `ebbtide`.
fn is_service_link(name: &str) -> bool {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part))
        || name.ends_with("_PORT")
}

/// Returns the setting that `name` probably stands for.
fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let begins = |known: &&str| name.starts_with(known) || (known.starts_with(&name) && name != "EBBTIDE_");
    let near = SETTINGS.into_iter().map(|known| (distance(&name, known), known)).min();
    let near = near.filter(|(distance, _)| *distance <= 2).map(|(_, known)| known);
    near.or_else(|| SETTINGS.into_iter().find(begins))
}

/// The number of single characters to insert, remove or replace between `one` and `other` (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (first, letter) in (1..).zip(one.bytes()) {
        let mut row = vec![first];
        for (pair, known) in above.windows(2).zip(other.bytes()) {
            let [diagonal, up] = *pair else { continue };
            let left = row.last().copied().unwrap_or_default();
            let replaced = diagonal.saturating_add(usize::from(letter != known));
            row.push(left.min(up).saturating_add(1).min(replaced));
        }
        above = row;
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_without_an_effect_are_unknown() {
        let names = [
            "EBBTIDE_GRACE_PERIOD",
            "ebbtide_grace",
            "EBBTIDE_",
            "EBBTIDE_URL",
            "EBBTIDE_GRACE",
            "EBBTIDE_PLAN",
            "EBBTIDE_TEST_REDIS",
            "EBBTIDE_GENERATE",
            "PATH",
            "MY_EBBTIDE_GRACE",
        ];
        let found = unknown(names.into_iter().map(str::to_owned));
        assert_eq!(found, ["EBBTIDE_", "EBBTIDE_GRACE_PERIOD", "EBBTIDE_URL", "ebbtide_grace"]);
    }

    #[test]
    fn the_variables_of_a_kubernetes_service_are_not_settings() {
        let names = [
            "EBBTIDE_DEMO_SERVICE_HOST",
            "EBBTIDE_DEMO_SERVICE_PORT_HTTP",
            "EBBTIDE_DEMO_PORT",
            "EBBTIDE_DEMO_PORT_80_TCP_ADDR",
        ];
        assert_eq!(unknown(names.into_iter().map(str::to_owned)), Vec::<String>::new());
    }

    #[test]
    fn a_misspelled_setting_is_recognised_and_another_word_is_not() {
        for (name, expected) in [
            ("EBBTIDE_GRAC", Some("EBBTIDE_GRACE")),
            ("EBBTIDE_GRACE_PERIOD", Some("EBBTIDE_GRACE")),
            ("ebbtide_margin", Some("EBBTIDE_MARGIN")),
            ("EBBTIDE_LAMEDUCK", Some("EBBTIDE_LAME_DUCK")),
            ("EBBTIDE_RAPPORT", Some("EBBTIDE_REPORT")),
            ("EBBTIDE_DATABASE_URL", None),
            ("EBBTIDE_", None),
        ] {
            assert_eq!(closest(name), expected, "{name}");
        }
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")), (3, 3, 0));
    }
}
