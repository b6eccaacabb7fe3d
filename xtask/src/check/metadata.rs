use serde_json::Value;

use crate::failure::Failure;
use crate::shell;

/// Asks cargo for everything the workspace uses, on every platform.
///
/// # Errors
///
/// When cargo cannot tell, for one because `Cargo.lock` is not what the manifests ask for.
pub(super) fn metadata() -> Result<Vec<Value>, Failure> {
    let mut cargo = shell::cargo(&["metadata", "--format-version", "1", "--all-features", "--locked"]);
    let output = shell::output(&mut cargo)?;
    let unreadable = |why: String| Failure::Unreadable { what: "cargo's metadata".to_owned(), why };
    let mut metadata: Value = serde_json::from_str(&output).map_err(|error| unreadable(error.to_string()))?;
    match metadata.get_mut("packages").map(Value::take) {
        Some(Value::Array(packages)) if !packages.is_empty() => Ok(packages),
        _ => Err(unreadable("it has no packages".to_owned())),
    }
}
