//! Checks the dependencies against `deny.toml`. Covers the three rules that `cargo deny` also checks, so that they are enforced
//! on machines without `cargo deny`.

use std::fs;

use serde_json::Value;
use spdx::{Expression, ParseMode};
use toml::Table;

use super::cargo::metadata;
use crate::failure::Failure;
use crate::shell;

const FILE: &str = "deny.toml";

/// Checks licences, bans and sources of every package in the dependency graph, on any platform.
///
/// # Errors
///
/// When a package violates the policy.
pub(super) fn check() -> Result<(), Failure> {
    let policy = LicencePolicy::read()?;
    let packages = metadata()?;
    Failure::unless_empty("packages violate deny.toml", violations(&policy, &packages))?;
    shell::say(&format!("    {} packages comply with deny.toml", packages.len()));
    if shell::find_program("cargo-deny").is_none() {
        return Ok(());
    }
    shell::run(&mut shell::cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"]))
}

/// The parts of `deny.toml` that are checked.
#[derive(Debug, Default)]
struct LicencePolicy {
    /// Allowed SPDX identifiers.
    licences: Vec<String>,
    /// Banned package names.
    banned: Vec<String>,
    /// Allowed registries, written as cargo's metadata has them behind `registry+`.
    registries: Vec<String>,
}

impl LicencePolicy {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it does not exist, is not TOML, or allows nothing at all.
    fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(FILE).map_err(Failure::io(format!("read {FILE}")))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let unreadable = |why: String| Failure::Unreadable { what: FILE.to_owned(), why };
        let table: Table = text.parse().map_err(|error: toml::de::Error| unreadable(error.to_string()))?;
        let list = |section: &str, key: &str| {
            let list =
                table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
            list.into_iter().flatten().filter_map(name_of).map(str::to_owned).collect::<Vec<_>>()
        };
        let policy = Self {
            licences: list("licenses", "allow"),
            banned: list("bans", "deny"),
            registries: list("sources", "allow-registry"),
        };
        if policy.licences.is_empty() || policy.registries.is_empty() {
            return Err(unreadable("no licence or no registry is allowed".to_owned()));
        }
        Ok(policy)
    }
}

/// Returns the name of an entry, which is a string or a table with `name` or `crate`.
fn name_of(entry: &toml::Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("crate").or_else(|| entry.get("name"))?.as_str())
}

/// Returns the violations of the policy, one line each.
fn violations(policy: &LicencePolicy, packages: &[Value]) -> Vec<String> {
    packages
        .iter()
        .flat_map(|package| {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            let named = format!("{} {}", text("name").unwrap_or("?"), text("version").unwrap_or("?"));
            let objections = [
                licence_objection(policy, text("license")),
                policy
                    .banned
                    .iter()
                    .any(|banned| text("name") == Some(banned))
                    .then(|| "is banned".to_owned()),
                source_objection(policy, text("source")),
            ];
            objections.into_iter().flatten().map(move |objection| format!("{named} {objection}"))
        })
        .collect()
}

fn licence_objection(policy: &LicencePolicy, expression: Option<&str>) -> Option<String> {
    let Some(text) = expression else { return Some("has no licence".to_owned()) };
    let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
        return Some(format!("has a licence that is not an SPDX expression: {text}"));
    };
    let is_allowed = expression.evaluate(|required| {
        // Includes the exception, if there is one: an exception needs a separate entry.
        policy.licences.contains(&required.to_string())
    });
    (!is_allowed).then(|| format!("has a licence that is not allowed: {text}"))
}

/// Returns why a source is not allowed. Packages without a source are members of this workspace.
fn source_objection(policy: &LicencePolicy, source: Option<&str>) -> Option<String> {
    let source = source?;
    let registry = source.strip_prefix("registry+").or_else(|| source.strip_prefix("sparse+"));
    let is_allowed =
        registry.is_some_and(|registry| policy.registries.iter().any(|allowed| allowed == registry));
    (!is_allowed).then(|| format!("has a source that is not allowed: {source}"))
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
        let policy = LicencePolicy::parse(POLICY).unwrap();
        let package =
            serde_json::json!({ "name": name, "version": "1.0.0", "license": licence, "source": source });
        violations(&policy, &[package]).len()
    }

    #[test]
    fn allowed_licences_and_sources_pass() {
        let registry = Some("registry+https://registry.example/index");
        for licence in
            ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "Apache-2.0 WITH LLVM-exception AND MIT"]
        {
            assert_eq!(found("good", licence, registry), 0, "{licence}");
        }
        assert_eq!(found("ours", "MIT", None), 0);
    }

    #[test]
    fn violations_of_the_licence_policy_are_found() {
        for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "my own", "Apache-2.0 WITH GCC-exception-3.1"]
        {
            assert_eq!(found("bad", licence, None), 1, "{licence}");
        }
        assert_eq!(found("openssl-sys", "MIT", None), 1);
        assert_eq!(found("native-tls", "MIT", None), 1);
        assert_eq!(found("forked", "MIT", Some("git+https://git.example/forked")), 1);
        let unlicensed = serde_json::json!({ "name": "unlicensed", "version": "1.0.0" });
        assert_eq!(violations(&LicencePolicy::parse(POLICY).unwrap(), &[unlicensed]).len(), 1);
    }

    #[test]
    fn a_licence_policy_that_allows_nothing_is_an_error() {
        assert!(LicencePolicy::parse("").is_err());
        assert!(LicencePolicy::parse("[licenses]\nallow = []").is_err());
    }
}
