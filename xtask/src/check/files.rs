//! The files of the workspace, as text and as token streams.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::TokenStream;

use crate::failure::Failure;

/// Returns the path (from the root) and the text of every file with this extension, sorted by path. Build output and hidden
/// files are left out.
///
/// # Errors
///
/// When a file cannot be read.
pub(super) fn files(ending: &str) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut found = Vec::new();
    collect(Path::new(""), ending, &mut found)?;
    found.sort();
    Ok(found)
}

/// Tokenizes a Rust file: comments are removed, a string is one token, macros are not expanded.
///
/// # Errors
///
/// When it is not valid Rust.
pub(super) fn tokens(path: &Path, text: &str) -> Result<TokenStream, Failure> {
    TokenStream::from_str(text).map_err(|error| {
        let line = error.span().start().line;
        Failure::Unreadable { what: format!("{}:{line}", path.display()), why: error.to_string() }
    })
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<(PathBuf, String)>) -> Result<(), Failure> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let cannot = |path: &Path| Failure::io(format!("read {}", path.display()));
    for entry in fs::read_dir(here).map_err(cannot(here))? {
        let entry = entry.map_err(cannot(here))?;
        let name = entry.file_name();
        let path = folder.join(&name);
        let kind = entry.file_type().map_err(cannot(&path))?;
        let is_ours = !name.to_string_lossy().starts_with('.') && name != "target";
        if kind.is_dir() && is_ours {
            collect(&path, ending, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == ending) {
            let text = fs::read_to_string(&path).map_err(cannot(&path))?;
            found.push((path, text));
        }
    }
    Ok(())
}
