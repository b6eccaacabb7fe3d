use serde_json::Value;
use spdx::{Expression, ParseMode};

use super::policy::Policy;

/// Returns what breaks the policy, a line each.
pub(super) fn violations(policy: &Policy, packages: &[Value]) -> Vec<String> {
    packages
        .iter()
        .flat_map(|package| {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            let named = format!("{} {}", text("name").unwrap_or("?"), text("version").unwrap_or("?"));
            let objections = [
                licence(policy, text("license")),
                policy
                    .banned
                    .iter()
                    .any(|banned| text("name") == Some(banned))
                    .then(|| "is banned".to_owned()),
                source(policy, text("source")),
            ];
            objections.into_iter().flatten().map(move |objection| format!("{named} {objection}"))
        })
        .collect()
}

fn licence(policy: &Policy, expression: Option<&str>) -> Option<String> {
    let Some(text) = expression else { return Some("states no licence".to_owned()) };
    let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
        return Some(format!("states a licence that is no SPDX expression: {text}"));
    };
    let is_allowed = expression.evaluate(|required| {
        // With its exception, if it has one: an exception is allowed by its own entry only.
        policy.licences.contains(&required.to_string())
    });
    (!is_allowed).then(|| format!("is under {text}"))
}

/// What has no source is in this workspace.
fn source(policy: &Policy, source: Option<&str>) -> Option<String> {
    let source = source?;
    let registry = source.strip_prefix("registry+").or_else(|| source.strip_prefix("sparse+"));
    let is_allowed =
        registry.is_some_and(|registry| policy.registries.iter().any(|allowed| allowed == registry));
    (!is_allowed).then(|| format!("comes from {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        deny = [{ crate = "openssl-sys", reason = "rustls" }, "native-tls"]
        [sources]
        allow-registry = ["https://registry.example/index"]
    "#;

    fn found(name: &str, licence: &str, source: Option<&str>) -> usize {
        let policy = Policy::parse(POLICY).unwrap();
        let package =
            serde_json::json!({ "name": name, "version": "1.0.0", "license": licence, "source": source });
        violations(&policy, &[package]).len()
    }

    #[test]
    fn what_is_allowed_passes() {
        let registry = Some("registry+https://registry.example/index");
        for licence in
            ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "Apache-2.0 WITH LLVM-exception AND MIT"]
        {
            assert_eq!(found("good", licence, registry), 0, "{licence}");
        }
        assert_eq!(found("ours", "MIT", None), 0);
    }

    #[test]
    fn what_is_not_allowed_is_found() {
        for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "my own", "Apache-2.0 WITH GCC-exception-3.1"]
        {
            assert_eq!(found("bad", licence, None), 1, "{licence}");
        }
        assert_eq!(found("openssl-sys", "MIT", None), 1);
        assert_eq!(found("native-tls", "MIT", None), 1);
        assert_eq!(found("forked", "MIT", Some("git+https://git.example/forked")), 1);
        let unlicensed = serde_json::json!({ "name": "unlicensed", "version": "1.0.0" });
        assert_eq!(violations(&Policy::parse(POLICY).unwrap(), &[unlicensed]).len(), 1);
    }

    #[test]
    fn a_policy_that_allows_nothing_is_no_policy() {
        assert!(Policy::parse("").is_err());
        assert!(Policy::parse("[licenses]\nallow = []").is_err());
    }
}
