use std::fs;

use toml::{Table, Value};

use crate::failure::Failure;

const FILE: &str = "deny.toml";

/// What we read of `deny.toml`.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// SPDX identifiers.
    pub(super) licences: Vec<String>,
    /// Names of packages.
    pub(super) banned: Vec<String>,
    /// Addresses, as cargo's metadata has them behind `registry+`.
    pub(super) registries: Vec<String>,
}

impl Policy {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it is not there, is no TOML, or allows nothing at all.
    pub(super) fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(FILE).map_err(Failure::io(format!("read {FILE}")))?;
        Self::parse(&text)
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let unreadable = |why: String| Failure::Unreadable { what: FILE.to_owned(), why };
        let table: Table = text.parse().map_err(|error: toml::de::Error| unreadable(error.to_string()))?;
        let list = |section: &str, key: &str| {
            let list = table.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(name).map(str::to_owned).collect::<Vec<_>>()
        };
        let policy = Self {
            licences: list("licenses", "allow"),
            banned: list("bans", "deny"),
            registries: list("sources", "allow-registry"),
        };
        if policy.licences.is_empty() || policy.registries.is_empty() {
            return Err(unreadable("it allows no licence or no registry".to_owned()));
        }
        Ok(policy)
    }
}

/// An entry is a name, or a table that has one.
fn name(entry: &Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("crate").or_else(|| entry.get("name"))?.as_str())
}
