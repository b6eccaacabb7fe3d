//! The service's own word on its stop.

use std::fs;
use std::path::Path;

/// The report that a service built on the library writes to `EBBTIDE_REPORT`; `None` for any other service.
pub(crate) fn report(file: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}
